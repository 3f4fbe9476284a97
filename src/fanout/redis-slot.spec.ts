import { slotOf } from './redis-slot.js';

describe('slotOf', () => {
  // As `CLUSTER KEYSLOT` answers.
  it.each([
    ['123456789', 12_739],
    ['foo', 12_182],
    ['tc:{0}:log', 13_907],
    ['tc:{0}:live', 13_907],
    ['0', 13_907],
    ['{}x', 10_595],
    ['a{b}{c}', 3_300],
    ['a{b', 13_340],
    ['é', 10_180],
  ])('%s is in slot %i', (name, slot) => {
    expect(slotOf(name)).toBe(slot);
  });
});

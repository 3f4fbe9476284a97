import { MarkExpiry } from './mark-expiry.js';

describe('MarkExpiry', () => {
  it('looks at once, and then once a minute', () => {
    const expiry = new MarkExpiry();
    expect(expiry.due(1_000, 5_000)).toBe(1_000);
    expect(expiry.due(1_059, 64_000)).toBeNull();
    expect(expiry.due(1_060, 65_000)).toBe(1_060);
  });

  it('takes jumps of the wall clock ahead off, and follows one that was set back', () => {
    const expiry = new MarkExpiry();
    expiry.due(1_000, 0);
    expect(expiry.due(1_000 + 60 + 90_000, 60_000)).toBe(1_060);
    expect(expiry.due(1_000 + 120 + 90_000, 120_000)).toBe(1_120);
    expect(expiry.due(1_180, 180_000)).toBe(1_180 - 90_000);
    expect(expiry.due(1_241, 240_000)).toBe(1_241 - 90_000);
  });
});

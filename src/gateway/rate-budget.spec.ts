import { RateBudget } from './rate-budget.js';

/** How many of these attempts are let through. */
function taken(budget: RateBudget, timesMs: readonly number[]): number {
  return timesMs.filter((ms) => budget.take(ms)).length;
}

describe('RateBudget', () => {
  it('lets a burst through at once, and no more', () => {
    expect(taken(new RateBudget(5, 20, 0), new Array(50).fill(0))).toBe(20);
  });

  it('then lets the steady rate through, however often it is asked', () => {
    const budget = new RateBudget(5, 20, 0);
    taken(budget, new Array(20).fill(0));
    const everyTenMs = Array.from({ length: 1000 }, (_, i) => i * 10);
    expect(taken(budget, everyTenMs)).toBe(49);
  });

  it('never saves up more than a burst', () => {
    const budget = new RateBudget(5, 20, 0);
    expect(taken(budget, new Array(50).fill(3_600_000))).toBe(20);
  });
});

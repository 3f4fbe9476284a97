import { steadyWallClock, systemClock } from './clock.js';

function clocks() {
  const at = { wallMs: 1_700_000_000_000, monotonicMs: 250.125 };
  const nowUs = steadyWallClock(
    () => Math.floor(at.wallMs),
    () => at.monotonicMs,
    at.wallMs - at.monotonicMs,
  );
  return { at, nowUs };
}

describe('steadyWallClock', () => {
  it('has the resolution of the monotonic clock', () => {
    const { at, nowUs } = clocks();
    expect(nowUs()).toBe(1_700_000_000_000_000);
    at.wallMs += 0.5;
    at.monotonicMs += 0.5;
    expect(nowUs()).toBe(1_700_000_000_000_500);
  });

  it.each([
    ['stood still', 3_600_000],
    ['was set back', -3_600_000],
  ])('follows the wall clock of a machine that %s', (_what, byMs) => {
    const { at, nowUs } = clocks();
    at.wallMs += byMs;
    expect(nowUs()).toBe((1_700_000_000_000 + byMs) * 1000);
    at.wallMs += 10;
    at.monotonicMs += 10;
    expect(nowUs()).toBe((1_700_000_000_010 + byMs) * 1000);
  });

  it('does not jump with small corrections of the wall clock', () => {
    const { at, nowUs } = clocks();
    at.wallMs += 900;
    expect(nowUs()).toBe(1_700_000_000_000_000);
  });
});

describe('systemClock', () => {
  it('agrees with the wall clock', () => {
    const before = Date.now();
    const nowUs = systemClock.nowUs();
    expect(Math.abs(nowUs / 1000 - before)).toBeLessThan(1_100);
    expect(Number.isSafeInteger(nowUs)).toBe(true);
  });
});

/**
 * Time comes in through this interface, so that tests own it. Wall time is for stamps that people and clients see;
 * intervals, leases in memory and ages are measured on the monotonic clock, which no operator can set back.
 */
export interface Clock {
  /** µs since the Unix epoch, an integer below 2^53. */
  nowUs(): number;
  /** ms since some fixed moment of this process, never goes back. */
  monotonicMs(): number;
}

/** Beyond this the wall clock was set, or the machine stood still while the monotonic clock did not count. */
const WALL_OFF_MS_MAX = 1_000;

/**
 * Wall time with the resolution and the steady pace of the monotonic clock. It follows the wall clock only when that
 * differs by more than a second: small corrections would make stamps jump.
 * @param wallMs whole ms since the Unix epoch
 * @param originMs wall time at which `monotonicMs` was 0
 * @returns reads µs since the Unix epoch
 */
export function steadyWallClock(
  wallMs: () => number,
  monotonicMs: () => number,
  originMs: number,
): () => number {
  let anchorMs = originMs;
  return () => {
    const sinceMs = monotonicMs();
    const nowMs = wallMs();
    if (Math.abs(anchorMs + sinceMs - nowMs) > WALL_OFF_MS_MAX) anchorMs = nowMs - sinceMs;
    return Math.floor((anchorMs + sinceMs) * 1000);
  };
}

const monotonicMs = () => performance.now();

export const systemClock: Clock = {
  nowUs: steadyWallClock(Date.now, monotonicMs, performance.timeOrigin),
  monotonicMs,
};

/** Nest token of the Clock. */
export const CLOCK = Symbol('CLOCK');

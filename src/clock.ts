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

export const systemClock: Clock = {
  nowUs: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
  monotonicMs: () => performance.now(),
};

/** Nest token of the Clock. */
export const CLOCK = Symbol('CLOCK');

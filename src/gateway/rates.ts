/**
 * The ladder of rates: the service's own, then 10, 5, 2 and 1 per second where they are slower. Few rungs, because
 * each is a lane that encodes every symbol once more.
 */
export interface Rung {
  /** 0 is the service's rate. */
  readonly index: number;
  /** Updates per second at most, as `subscribed` tells it. */
  readonly hz: number;
  readonly intervalMs: number;
}

const SLOWER_HZ = [10, 5, 2, 1] as const;
/** Interval 0 means "as fast as commits are answered", and a turn is never shorter than this. */
const TURN_MS_MIN = 5;

export function ladder(coalesceIntervalMs: number): readonly Rung[] {
  const intervalMs = Math.max(coalesceIntervalMs, TURN_MS_MIN);
  const serviceHz = 1000 / intervalMs;
  const slower = SLOWER_HZ.filter((hz) => hz < serviceHz);
  return [serviceHz, ...slower].map((hz, index) => ({ index, hz, intervalMs: 1000 / hz }));
}

/**
 * The fastest rung that is not above the wish nor above the symbol's own cap; the slowest where none is.
 * @param wishHz null = the service's rate
 * @param capIntervalMs the instrument's coalesceIntervalMs, null = none
 */
export function grantRung(rungs: readonly Rung[], wishHz: number | null, capIntervalMs: number | null): Rung {
  const cap = capIntervalMs === null ? Number.POSITIVE_INFINITY : 1000 / capIntervalMs;
  const limit = Math.min(wishHz ?? Number.POSITIVE_INFINITY, cap);
  return rungs.find((rung) => rung.hz <= limit) ?? rungs[rungs.length - 1]!;
}

/**
 * When a replayed tick is due: as far after the pass's first tick as the file says, divided by the speed, on the
 * monotonic clock. Ticks without a time, or with one that goes back, are due at once: the file's order is kept.
 */
import type { Clock } from '../../../clock.js';

export class Pace {
  private firstUs: number | undefined;
  private firstMs = 0;

  /** @param speed 1 = as in the file, 10 = ten times as fast, `max` = never wait */
  constructor(
    private readonly speed: number | 'max',
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  /** A new pass over the file begins: its first tick is due at once. */
  restart(): void {
    this.firstUs = undefined;
  }

  /** @returns ms until this tick is due; 0 or less when it is */
  waitMs(timeUs: number | null): number {
    if (timeUs === null || this.speed === 'max') return 0;
    const nowMs = this.clock.monotonicMs();
    if (this.firstUs === undefined) {
      this.firstUs = timeUs;
      this.firstMs = nowMs;
    }
    return this.firstMs + (timeUs - this.firstUs) / 1000 / this.speed - nowMs;
  }
}

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../clock.js';

const WINDOW_MS = 1_000;
const RESOLUTION_MS = 20;
/** From here on clients see it: the proxy should prefer the other gateways. */
const BEHIND_MS = 100;
/** A window this slow is a stuck one, and so many in a row take the process out of the pool. */
const STUCK_MS = 1_000;
const STUCK_WINDOWS = 5;

/** How late the event loop turns, over windows of one second. */
export class EventLoopLag {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private timer: NodeJS.Timeout | undefined;
  private windowStartMs: number;
  private stuckWindows = 0;
  /** 99th percentile of the last whole window, in ms. */
  p99Ms = 0;

  constructor(private readonly clock: Clock) {
    this.windowStartMs = clock.monotonicMs();
  }

  start(): void {
    this.histogram.enable();
    this.windowStartMs = this.clock.monotonicMs();
    this.timer = setInterval(() => this.closeWindow(this.histogram.percentile(99) / 1e6), WINDOW_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.histogram.disable();
  }

  /**
   * Ends the window.
   * @param measuredMs 99th percentile of the delays in it, the monitor's own resolution included
   */
  closeWindow(measuredMs: number): void {
    const nowMs = this.clock.monotonicMs();
    // A loop that stands still closes its window late: that is a delay too, and the monitor has seen it only once.
    const lateMs = nowMs - this.windowStartMs - WINDOW_MS;
    this.p99Ms = Math.max(0, Number.isNaN(measuredMs) ? 0 : measuredMs - RESOLUTION_MS, lateMs);
    this.stuckWindows = this.p99Ms > STUCK_MS ? this.stuckWindows + 1 : 0;
    this.windowStartMs = nowMs;
    this.histogram.reset();
  }

  /** Why this process should get no new clients, or null. */
  stuck(): string | null {
    return this.stuckWindows < STUCK_WINDOWS
      ? null
      : `the event loop was ${Math.round(this.p99Ms)} ms late, ${STUCK_WINDOWS} s in a row over ${STUCK_MS} ms`;
  }

  /** Why it should get fewer, or null. */
  behind(): string | null {
    return this.p99Ms <= BEHIND_MS ? null : `the event loop is ${Math.round(this.p99Ms)} ms late`;
  }
}

import type { StreamClock } from './stream-clock.js';

/** Time that passes when a test says so. */
export class ManualClock implements StreamClock {
  private ms = 1_000_000;
  private timers: { readonly dueMs: number; readonly call: () => void }[] = [];

  nowMs(): number {
    return this.ms;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { dueMs: this.ms + delayMs, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Calls what falls due on the way, in order. */
  pass(ms: number): void {
    const untilMs = this.ms + ms;
    for (;;) {
      const next = this.timers
        .filter((timer) => timer.dueMs <= untilMs)
        .sort((one, other) => one.dueMs - other.dueMs)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.ms = Math.max(this.ms, next.dueMs);
      next.call();
    }
    this.ms = untilMs;
  }
}

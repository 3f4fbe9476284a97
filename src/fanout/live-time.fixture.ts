/** Time that stands until it is moved, and chance that repeats itself. */
import type { Clock } from '../clock.js';
import type { Timers } from './live-timers.js';

export class VirtualTime implements Clock, Timers {
  private now = 1_000;
  private made = 0;
  private readonly pending: { atMs: number; order: number; fire: () => void }[] = [];

  nowUs(): number {
    return 1_700_000_000_000_000 + Math.round(this.now * 1000);
  }

  monotonicMs(): number {
    return this.now;
  }

  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.now + Math.max(0, ms), order: this.made++, fire };
    this.pending.push(timer);
    return () => {
      const at = this.pending.indexOf(timer);
      if (at >= 0) this.pending.splice(at, 1);
    };
  }

  /** Runs what is due in the next `ms`, each in a turn of its own. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    await turn();
    for (let next = this.takeDue(untilMs); next !== undefined; next = this.takeDue(untilMs)) {
      this.now = Math.max(this.now, next.atMs);
      next.fire();
      await turn();
    }
    this.now = untilMs;
  }

  /** The event loop does not turn for `ms`: timers fire late. */
  async block(ms: number): Promise<void> {
    this.now += ms;
    await this.advance(0);
  }

  private takeDue(untilMs: number) {
    this.pending.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    const [first] = this.pending;
    return first !== undefined && first.atMs <= untilMs ? this.pending.shift() : undefined;
  }
}

/** All promises that can settle have settled. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export type Random = () => number;

/** mulberry32 */
export function seeded(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Looks at all connections of a process every 250 ms: with one timer, and at multiples of that time, when turns of owners
 * begin too. To wake a process costs more than to look, and one that is awake need not be woken.
 */
import type { Clock } from '../clock.js';

const LOOK_MS = 250;

export class RedisLooks {
  private readonly looks = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly clock: Clock) {}

  /** @returns ends it */
  add(look: () => void): () => void {
    this.looks.add(look);
    if (this.timer === undefined) this.plan();
    return () => {
      this.looks.delete(look);
      if (this.looks.size > 0) return;
      clearTimeout(this.timer);
      this.timer = undefined;
    };
  }

  private plan(): void {
    const nowMs = this.clock.nowUs() / 1000;
    this.timer = setTimeout(
      () => {
        this.plan();
        for (const look of this.looks) look();
      },
      LOOK_MS - (nowMs % LOOK_MS),
    );
  }
}

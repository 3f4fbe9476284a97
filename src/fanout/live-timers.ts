/** Waiting comes in through this interface, as time does through Clock: tests own both. */
export interface Timers {
  /** Calls `fire` once after `ms`, in a turn of its own. @returns calls it off */
  after(ms: number, fire: () => void): () => void;
}

/** Timers that do not keep the process alive. */
export const systemTimers: Timers = {
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;

/** Waits that all end at once when the follower stops. As many as there are partitions, at most. */
export class Pauses {
  private readonly endings = new Set<() => void>();
  private ended = false;

  constructor(
    private readonly timers: Timers,
    private readonly random: () => number,
  ) {}

  /** Resolves after `ms`, or at once when `end` is called or there is nothing to wait for. */
  wait(ms: number): Promise<void> {
    if (this.ended || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const ending = () => {
        this.endings.delete(ending);
        cancel();
        resolve();
      };
      const cancel = this.timers.after(ms, ending);
      this.endings.add(ending);
    });
  }

  /**
   * Waits before attempt `attempt` + 1 (from 1): 50 ms, doubled up to 1 s, of which half is random, so that the
   * gateways of a pool do not ask a store that came back all in one moment.
   */
  retry(attempt: number): Promise<void> {
    const ceiling = Math.min(RETRY_MS_MIN * 2 ** Math.min(attempt - 1, 10), RETRY_MS_MAX);
    return this.wait(ceiling * (0.5 + this.random() / 2));
  }

  end(): void {
    this.ended = true;
    for (const ending of [...this.endings]) ending();
  }
}

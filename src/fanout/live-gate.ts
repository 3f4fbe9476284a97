/**
 * Lets a few questions to the store run side by side; the others wait in order. A gateway that joins all partitions
 * at once would hold up every commit for as long as the store needs to answer.
 */
export class LiveGate {
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  /** @param slots how many questions run at once; waiters are bounded by the partitions, one question each */
  constructor(private readonly slots: number) {}

  async pass<T>(ask: () => Promise<T>): Promise<T> {
    if (this.running < this.slots) this.running++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await ask();
    } finally {
      // The slot goes to the next waiter as it is: nobody can slip in between.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}

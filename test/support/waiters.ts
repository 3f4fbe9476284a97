/** Conditions that are looked at whenever something has happened, in place of sleeping. */

interface Waiter {
  readonly holds: () => boolean;
  readonly resolve: () => void;
}

/** Only to give up on what hangs: a busy machine needs seconds where an idle one needs milliseconds. */
const GIVE_UP_MS = 40_000;

export class Waiters {
  private readonly waiting = new Set<Waiter>();

  /** Something has happened. */
  look(): void {
    for (const waiter of this.waiting) {
      if (!waiter.holds()) continue;
      this.waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** @throws after `timeoutMs`, naming what was awaited */
  until(what: string, holds: () => boolean, timeoutMs = GIVE_UP_MS): Promise<void> {
    if (holds()) return Promise.resolve();
    const late = new Error(`Expected ${what} within ${timeoutMs} ms`);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        holds,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.waiting.delete(waiter);
        reject(late);
      }, timeoutMs);
      this.waiting.add(waiter);
    });
  }
}

/** Asks again and again until the answer is as wanted. @throws after a time that only a hung service needs */
export async function poll<T>(
  what: string,
  ask: () => Promise<T> | T,
  wanted: (answer: T) => boolean,
): Promise<T> {
  const giveUp = Date.now() + GIVE_UP_MS;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > giveUp) throw new Error(`Expected ${what}, was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Source and sessions of this process, for handlers that name none. The log remembers every session for a day, so they
 * are used again: each connection or upload has one to itself while it lasts, and goes on with its numbers.
 */
export class OwnSession {
  private nextSequence = 1;

  constructor(
    readonly source: string,
    readonly session: string,
  ) {}

  /** The lowest number that was not given yet. */
  get free(): number {
    return this.nextSequence;
  }

  /** A number, and all before it, are given. */
  reach(sequence: number): void {
    if (sequence >= this.nextSequence) this.nextSequence = sequence + 1;
  }
}

export class OwnSessions {
  private readonly free: OwnSession[] = [];
  private made = 0;

  /**
   * @param source name of this process among its peers
   * @param start new at every start of the process: numbers begin at 1 again
   */
  constructor(
    private readonly source: string,
    private readonly start: string,
  ) {}

  take(): OwnSession {
    return this.free.pop() ?? new OwnSession(this.source, `${this.start}-${this.made++}`);
  }

  /** Only when all its batches were answered: another user's must not overtake them. */
  giveBack(session: OwnSession): void {
    this.free.push(session);
  }
}

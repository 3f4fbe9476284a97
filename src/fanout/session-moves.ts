/**
 * Which feed sessions have come here from another process: the newest of what that one acknowledged may be in its tail
 * alone when the store is another run, and it must come first, or the mark of the session rises past it.
 *
 * A handler numbers its batches one after the other, so whoever goes on here where it was is ours all the time.
 */

/** Beyond, the one that was silent longest is taken for one that moved, should it come again. */
const SESSIONS_MAX = 20_000;

interface Session {
  /** Highest sequence that was offered here. */
  last: number;
  /** Sequences from here on followed something that this process did not see; infinity when it saw all. */
  movedFrom: number;
}

export class SessionMoves {
  private readonly sessions = new Map<string, Session>();

  /**
   * Notes an offer.
   * @returns whether something before it may be known to another process alone
   */
  offered(session: string, first: number, last: number): boolean {
    const known = this.sessions.get(session) ?? { last: 0, movedFrom: Number.POSITIVE_INFINITY };
    if (first > known.last + 1) known.movedFrom = Math.min(known.movedFrom, first);
    known.last = Math.max(known.last, last);
    // To the end of the line.
    this.sessions.delete(session);
    this.sessions.set(session, known);
    if (this.sessions.size > SESSIONS_MAX) this.forgetOldest();
    return last >= known.movedFrom;
  }

  /** An offer is stored: what comes after it comes after whatever was before it. */
  stored(session: string, last: number): void {
    const known = this.sessions.get(session);
    if (known !== undefined && last >= known.movedFrom) known.movedFrom = Number.POSITIVE_INFINITY;
  }

  private forgetOldest(): void {
    for (const session of this.sessions.keys()) {
      this.sessions.delete(session);
      return;
    }
  }
}

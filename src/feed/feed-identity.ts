/**
 * By which names the log knows the batches of one connection: those of its `hello`, or a session of this process's own
 * that the connection has to itself while it lasts.
 */
import type { Acknowledged } from './acknowledged.js';
import type { OwnSession } from './own-sessions.js';

/** Below every sequence: handlers may count from 0. */
const NOTHING_STORED = -1;

export interface FeedIdentity {
  readonly source: string;
  readonly session: string;
  /** The log's sequence for a sequence of the connection. */
  sequence(seq: number): number;
  /** Whether a sequence is known to be stored. */
  holds(seq: number): boolean;
  /** This one is stored, and all that the connection sent before it. */
  store(seq: number): void;
}

export class NamedIdentity implements FeedIdentity {
  /** What this connection was acknowledged stays known, also when the memory had to forget its session. */
  private storedHere = NOTHING_STORED;

  constructor(
    readonly source: string,
    readonly session: string,
    private readonly acknowledged: Acknowledged,
  ) {}

  sequence(seq: number): number {
    return seq;
  }

  /** Highest sequence that this process has acknowledged for the session, on whichever connection; or null. */
  last(): number | null {
    return this.acknowledged.last(this.source, this.session);
  }

  /** A session's sequences are stored in order: all below a stored one are stored. */
  holds(seq: number): boolean {
    return seq <= this.storedHere || seq <= (this.last() ?? NOTHING_STORED);
  }

  store(seq: number): void {
    this.storedHere = seq;
    this.acknowledged.note(this.source, this.session, seq);
  }
}

export class OwnIdentity implements FeedIdentity {
  private stored = NOTHING_STORED;
  private readonly offset: number;

  /** @param first the first sequence of the connection */
  constructor(
    private readonly own: OwnSession,
    private readonly first: number,
  ) {
    this.offset = own.free - first;
  }

  get source(): string {
    return this.own.source;
  }

  get session(): string {
    return this.own.session;
  }

  sequence(seq: number): number {
    const sequence = seq + this.offset;
    this.own.reach(sequence);
    return sequence;
  }

  holds(seq: number): boolean {
    return seq >= this.first && seq <= this.stored;
  }

  store(seq: number): void {
    this.stored = seq;
  }
}

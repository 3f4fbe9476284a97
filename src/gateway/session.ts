/**
 * One connected client: its socket, what it follows, and per symbol whether it is in step with its lane or behind.
 * In step costs nothing; behind is one number per lane (`since`) while the socket is blocked, and an entry of
 * `exceptions` only where a command made it differ.
 */
import type { ControlRecord, Dialect } from '#wire';
import type { ClientSocket } from './client-socket.js';
import type { Cohort } from './cohorts.js';
import { DIALECTS } from './dialects.js';
import { frameOf } from './frame-writer.js';
import type { Lane, Sent } from './lane.js';
import { hasSid, NO_SIDS, type SidList } from './sid-list.js';
import type { Position } from './trade-lane.js';

/** Subject of everybody where no token is asked for. */
export const ANONYMOUS = 'anonymous';

/** A session's part in one lane. */
export interface Membership {
  readonly lane: Lane;
  cohort: Cohort;
  /** First pass that the blocked session missed, 0 = none: symbols that changed in it or later are behind. */
  since: number;
  /** Symbols that are behind at what a command left them with; null = none. Beats `since`. */
  exceptions: Map<number, Sent | null> | null;
  /** Whether the lane counts this membership as behind. */
  countedBehind: boolean;
}

/** A wildcard channel as the client gave it. */
export interface Wildcard {
  readonly channel: string;
  readonly prefix: string;
  /** Wished updates per second; null = the service's rate. */
  readonly hz: number | null;
}

export class Session {
  readonly dialect: Dialect;
  /** Null until the client has said who it is. */
  subject: string | null = null;
  /** Named ticker channels with the rate that was wished for each. */
  readonly tickers = new Map<number, number | null>();
  /** Named trade channels. */
  namedTrades: SidList = NO_SIDS;
  /** Named status channels. */
  statusSids: SidList = NO_SIDS;
  tickerWildcards: readonly Wildcard[] = [];
  tradeWildcards: readonly Wildcard[] = [];
  statusWildcards: readonly Wildcard[] = [];
  /** One per lane in which it follows symbols. */
  memberships: Membership[] = [];
  /** Trades that it follows, named and by wildcard. */
  tradesFollowed: SidList = NO_SIDS;
  /** Symbols on whose trades it is behind, and where it stands there. */
  readonly tradesBehind = new Map<number, Position>();
  /** Partitions of which it was told that they are stale. */
  readonly stalePartitions = new Set<number>();
  /** The pass of which it has had its share. */
  servedPass = 0;
  /** True once goodbye or a close was sent: nothing more is written. */
  closing = false;
  /** Monotonic ms since when it is blocked without a break; null = it is not. */
  blockedSinceMs: number | null = null;
  /** Whether its lag probe has been unanswered for too long. */
  probeLate = false;
  /** Monotonic ms when the unanswered lag probe was sent; null = none is out. */
  probeSentMs: number | null = null;
  /** Monotonic ms when a probe that is out has been unanswered for too long. */
  private probeLateMs = Number.POSITIVE_INFINITY;
  /** Monotonic ms of the last answer to a probe, or of the opening. */
  probedMs: number;
  /** Monotonic ms from when on a lag probe goes behind data that is sent. */
  probeDueMs = Number.POSITIVE_INFINITY;
  /** Whether data was sent since the last probe. */
  sentSinceProbe = false;
  /** Bytes of answers to its commands that were written while the kernel did not take all, since it last did. */
  answerBytes = 0;
  /** What was pending at the last pulse: a long answer that moves is no standstill. */
  pendingAtPulse = 0;
  /** Messages of the client that were read and wait for their turn: nothing more is read of it meanwhile. */
  messagesWaiting = 0;
  /** Monotonic ms since when nothing is read of it, while messages wait. */
  private unreadSinceMs = 0;
  /** Place in the gateway's list of sessions. */
  place = -1;
  private awaitingDrain = false;

  /**
   * @param connection name of this connection, in `welcome` and logs
   * @param number counts the sessions of this gateway
   * @param dialectAt place of its dialect in DIALECTS
   * @param probeLagMsMax a lag probe that is unanswered for so long means blocked
   * @param drained told when a blocked socket has drained
   */
  constructor(
    readonly connection: string,
    readonly number: number,
    readonly socket: ClientSocket,
    readonly dialectAt: number,
    readonly openedMs: number,
    private readonly probeLagMsMax: number,
    private readonly drained: (session: Session) => void,
  ) {
    this.dialect = DIALECTS[dialectAt]!;
    this.probedMs = openedMs;
  }

  /** The kernel has not taken all of an earlier turn, or the client does not answer its lag probe. */
  get blocked(): boolean {
    return this.probeLate || this.socket.pendingBytes > 0;
  }

  get isBehind(): boolean {
    return this.tradesBehind.size > 0 || this.memberships.some((membership) => isBehind(membership));
  }

  get hasWildcards(): boolean {
    return this.tickerWildcards.length + this.tradeWildcards.length + this.statusWildcards.length > 0;
  }

  get followsAny(): boolean {
    return this.memberships.length > 0 || this.tradesFollowed.length > 0;
  }

  membershipOf(sid: number): Membership | undefined {
    return this.memberships.find((membership) => hasSid(membership.cohort.sids, sid));
  }

  /** Symbols of all tickers that it follows. */
  get tickersFollowed(): number {
    let count = 0;
    for (const membership of this.memberships) count += membership.cohort.sids.length;
    return count;
  }

  /** Whether any of its channels covers a symbol. */
  covers(sid: number, symbol: string): boolean {
    return (
      hasSid(this.tradesFollowed, sid) ||
      hasSid(this.statusSids, sid) ||
      this.membershipOf(sid) !== undefined ||
      this.statusWildcards.some((wildcard) => symbol.startsWith(wildcard.prefix))
    );
  }

  /** Writes one control record, also while blocked: the bound on buffered bytes holds them. */
  control(record: ControlRecord): void {
    this.frame(this.frameOf(record));
  }

  /** Writes an answer that it asked for. However long, it is not what makes it a slow consumer. */
  answer(record: ControlRecord): void {
    const frame = this.frameOf(record);
    this.frame(frame);
    if (this.socket.pendingBytes > 0) this.answerBytes += frame.length;
  }

  private frameOf(record: ControlRecord): Uint8Array {
    return frameOf(this.dialect.control(record), this.dialect.binary);
  }

  /** Writes whole frames that stay as they are. */
  frame(frames: Uint8Array): void {
    if (this.closing) return;
    this.socket.write(frames);
    this.sentSinceProbe = true;
    this.watchDrain();
  }

  /** A lag probe was sent. */
  probed(nowMs: number): void {
    this.probeDueMs = Number.POSITIVE_INFINITY;
    this.probeSentMs = nowMs;
    this.probeLateMs = nowMs + this.probeLagMsMax;
    this.sentSinceProbe = false;
  }

  /** The lag probe was answered. */
  answered(nowMs: number): void {
    this.probeSentMs = null;
    this.probeLateMs = Number.POSITIVE_INFINITY;
    this.probedMs = nowMs;
  }

  /** Blocked from now on if its lag probe has been out for too long. Whom we do not read cannot be heard answering. */
  noteLag(nowMs: number): void {
    if (nowMs >= this.probeLateMs && this.messagesWaiting === 0) this.probeLate = true;
  }

  /** A message of it waits: nothing more is read of it. */
  messageWaits(nowMs: number): void {
    if (this.messagesWaiting++ > 0) return;
    this.unreadSinceMs = nowMs;
    this.socket.pause();
  }

  /** One that waited had its turn. The time in which it was not read does not count as lag. */
  messageHadItsTurn(nowMs: number): void {
    if (--this.messagesWaiting > 0) return;
    if (this.probeSentMs !== null) this.probeLateMs += nowMs - Math.max(this.unreadSinceMs, this.probeSentMs);
    this.socket.resume();
  }

  /** Asks to be told once what the kernel did not take is gone. */
  watchDrain(): void {
    if (this.awaitingDrain || this.socket.pendingBytes === 0) return;
    this.awaitingDrain = true;
    this.socket.whenDrained(() => {
      this.awaitingDrain = false;
      this.answerBytes = 0;
      if (!this.probeLate) this.blockedSinceMs = null;
      this.drained(this);
    });
  }
}

export function isBehind(membership: Membership): boolean {
  return membership.since > 0 || (membership.exceptions !== null && membership.exceptions.size > 0);
}

/** Keeps the lane's count of sessions that are behind. Call after every change of `since` or `exceptions`. */
export function countBehind(membership: Membership): void {
  const behind = isBehind(membership);
  if (behind === membership.countedBehind) return;
  membership.countedBehind = behind;
  membership.lane.behind += behind ? 1 : -1;
}

/** Puts a symbol behind at what the session was last sent of it, or at nothing. */
export function setBehind(membership: Membership, sid: number, sent: Sent | null): void {
  membership.exceptions ??= new Map();
  membership.exceptions.set(sid, sent);
  countBehind(membership);
}

/** The session has what the lane's state is: that was sent to it, or there is none. */
export function setInStep(membership: Membership, sid: number): void {
  const { lane, exceptions, since } = membership;
  // While older misses are open, only an entry of its own says that this symbol is not among them.
  if (since > 0) exceptions?.set(sid, lane.sent(sid, false));
  else exceptions?.delete(sid);
  countBehind(membership);
}

/** What the session was last sent of a symbol of this membership. */
export function lastSent(membership: Membership, sid: number): Sent | null {
  const exception = membership.exceptions?.get(sid);
  if (exception !== undefined) return exception;
  const { lane, since } = membership;
  // Blocked since then: it has something older than the lane's state, so the same state is not enough.
  const missed = since > 0 && lane.changedIn[sid]! >= since;
  return lane.sent(sid, missed);
}

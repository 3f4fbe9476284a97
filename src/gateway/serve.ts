/**
 * Second half of a flush: gives each session its share, once, in one write. Blocked: it falls behind. In
 * step: fragments side by side. Behind: images of the lane's state, a bounded amount per flush.
 */
import type { Cohort } from './cohorts.js';
import { Fragments } from './fragments.js';
import { FRAME_PAYLOAD_MAX, FrameWriter } from './frame-writer.js';
import type { Lane, Sent } from './lane.js';
import type { NativeSend } from './native-send.js';
import { Outbox } from './outbox.js';
import { countBehind, type Membership, type Session, setInStep } from './session.js';
import { hasSid } from './sid-list.js';
import { type Position, RUN_BYTES_MAX, type TradeLane } from './trade-lane.js';

/** Images that a session is sent at once, or in one flush beside its fragments: one frame, with its brackets. */
export const CATCH_UP_BYTES_MAX = FRAME_PAYLOAD_MAX - 8;

export interface ServeCounters {
  /** Updates and images delivered to sessions, by fragment. */
  delivered: number;
  deliveredTrades: number;
  /** Images sent to sessions that were behind. */
  caughtUp: number;
  frames: number;
  bytes: number;
  /** Sessions that a flush found blocked. */
  blocked: number;
}

export class Server {
  readonly counters: ServeCounters = {
    delivered: 0,
    deliveredTrades: 0,
    caughtUp: 0,
    frames: 0,
    bytes: 0,
    blocked: 0,
  };
  private readonly writer = new FrameWriter();
  /** Null where frames can only go through streams. */
  private readonly outbox: Outbox | null;
  /** Monotonic ms of the beginning of the slice. */
  private nowMs = 0;
  /** Bytes of images that the session which is served may still get; 0 once one did not fit. */
  private room = 0;
  /** Set when a session had more to catch up on than one flush may send. */
  unfinished = false;

  constructor(
    private readonly trades: TradeLane,
    native: NativeSend | null,
  ) {
    this.outbox = native === null ? null : new Outbox(native, this.counters, new Fragments());
  }

  /**
   * Gives a session its share. Call `send` afterwards, before anything else is written to its socket.
   * @param pass number of the running flush; the service-rate lane, and with it trades, takes part in every one
   */
  serve(session: Session, pass: number): void {
    session.servedPass = pass;
    if (session.closing) return;
    session.noteLag(this.nowMs);
    if (this.outbox !== null && this.hasGathered(this.outbox, session, pass)) return;
    if (session.blocked) {
      this.fallBehind(session, pass);
      return;
    }
    const shared = this.sharedFrame(session, pass);
    if (shared !== undefined) {
      if (shared !== null) this.write(session, shared, false);
      return;
    }
    const { writer } = this;
    this.room = CATCH_UP_BYTES_MAX;
    writer.open(session.dialect);
    for (const membership of session.memberships) this.gather(session, membership, pass);
    if (session.tradesFollowed.length > 0) this.gatherTrades(session, pass);
    const frames = writer.close();
    if (frames !== null) this.write(session, frames, true);
  }

  /** A slice of a flush begins. @param nowMs monotonic */
  begin(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.outbox !== null) this.outbox.nowMs = nowMs;
  }

  /** Hands what was served since the last time to the kernel. */
  send(): void {
    this.outbox?.send();
  }

  /** The common case, a free socket, in step with one lane, tickers alone, is left to the native part. */
  private hasGathered(outbox: Outbox, session: Session, pass: number): boolean {
    const { memberships, dialectAt } = session;
    if (memberships.length !== 1 || session.tradesFollowed.length > 0 || session.probeLate) return false;
    const { lane, cohort, countedBehind } = memberships[0]!;
    const shares = cohort.sessions > 1;
    if (countedBehind || lane.pass !== pass || shares || !session.dialect.binary) return false;
    return outbox.addList(session, cohort.sids, lane.fragments[dialectAt]!, pass);
  }

  private write(session: Session, frames: Uint8Array, scratch: boolean): void {
    if (this.outbox?.add(session, frames) === true) return;
    session.frame(frames);
    this.counters.frames++;
    this.counters.bytes += frames.length;
    if (scratch && session.socket.pendingBytes > 0) this.writer.keep();
  }

  private fallBehind(session: Session, pass: number): void {
    this.counters.blocked++;
    for (const membership of session.memberships) {
      if (membership.lane.pass !== pass || membership.since > 0) continue;
      membership.since = pass;
      countBehind(membership);
    }
    if (session.tradesFollowed.length === 0) return;
    const { runSids } = this.trades;
    for (let i = 0; i < runSids.length; i++) {
      const sid = runSids[i]!;
      if (hasSid(session.tradesFollowed, sid)) this.tradesBehindAt(session, sid, this.trades.from(i));
    }
  }

  /** Behind already is behind further back: that position stays. */
  private tradesBehindAt(session: Session, sid: number, position: Position): void {
    if (session.tradesBehind.has(sid)) return;
    session.tradesBehind.set(sid, position);
    this.trades.countBehind(session);
  }

  /**
   * The frame that all sessions of a cohort share: null = nothing to send, undefined = this session builds its own.
   */
  private sharedFrame(session: Session, pass: number): Uint8Array | null | undefined {
    if (session.memberships.length !== 1 || session.tradesFollowed.length > 0) return undefined;
    const membership = session.memberships[0]!;
    if (membership.countedBehind) return undefined;
    const { cohort, lane } = membership;
    if (lane.pass !== pass) return null;
    if (cohort.sessions < 2) return undefined;
    const d = session.dialectAt;
    if (cohort.framePass[d] !== pass) {
      cohort.framePass[d] = pass;
      cohort.frame[d] = this.buildShared(session, cohort, lane, pass);
    }
    const frame = cohort.frame[d]!;
    if (frame !== null) this.counters.delivered += cohort.delivered;
    return frame;
  }

  private buildShared(session: Session, cohort: Cohort, lane: Lane, pass: number): Uint8Array | null {
    const before = this.counters.delivered;
    this.writer.open(session.dialect);
    this.gatherInStep(session.dialectAt, cohort, lane, pass);
    cohort.delivered = this.counters.delivered - before;
    this.counters.delivered = before;
    const frames = this.writer.close();
    // Sockets may hold it beyond this flush: it gets a buffer of its own.
    return frames === null ? null : Buffer.from(frames);
  }

  private gather(session: Session, membership: Membership, pass: number): void {
    const { lane, cohort, exceptions } = membership;
    const takesPart = lane.pass === pass;
    if (membership.countedBehind && takesPart) this.gatherBehind(session, membership, pass);
    else if (takesPart) this.gatherInStep(session.dialectAt, cohort, lane, pass);
    // A slower lane between its flushes: images that a command asked for do not wait for it.
    else if (exceptions !== null) this.settleExceptions(session, membership, exceptions);
  }

  /** The hot loop: all symbols of a session, those with a fragment are copied. */
  private gatherInStep(dialectAt: number, cohort: Cohort, lane: Lane, pass: number): void {
    const { sids } = cohort;
    const { changedIn } = lane;
    const fragments = lane.fragments[dialectAt]!;
    const { view, start, length } = fragments;
    const { writer } = this;
    let delivered = 0;
    for (let i = 0; i < sids.length; i++) {
      const sid = sids[i]!;
      if (changedIn[sid] !== pass) continue;
      writer.append(view, start[sid]!, length[sid]!, 1);
      delivered++;
    }
    this.counters.delivered += delivered;
  }

  private gatherBehind(session: Session, membership: Membership, pass: number): void {
    const { lane, cohort, exceptions, since } = membership;
    const fragments = lane.fragments[session.dialectAt]!;
    membership.since = 0;
    for (const sid of cohort.sids) {
      if (exceptions?.has(sid)) continue;
      const changed = lane.changedIn[sid]!;
      if (since > 0 && changed >= since) {
        if (lane.hasState(sid) && !this.appendImage(session, lane, sid)) postpone(membership, sid);
      } else if (changed === pass) {
        this.writer.append(fragments.view, fragments.start[sid]!, fragments.length[sid]!, 1);
        this.counters.delivered++;
      }
    }
    if (exceptions !== null) this.settleExceptions(session, membership, exceptions);
    countBehind(membership);
  }

  private settleExceptions(
    session: Session,
    membership: Membership,
    exceptions: Map<number, Sent | null>,
  ): void {
    const { lane } = membership;
    for (const [sid, sent] of exceptions) {
      const standing = lane.standing(sid, sent);
      if (standing === 'wait') continue;
      if (standing === 'in_step' || this.appendImage(session, lane, sid)) setInStep(membership, sid);
    }
  }

  /** Appends the image of the lane's state; false when this flush has no room for it. */
  private appendImage(session: Session, lane: Lane, sid: number): boolean {
    if (this.room > 0) {
      const images = lane.image(sid, session.dialectAt);
      const length = images.length[sid]!;
      if (length <= this.room) {
        this.room -= length;
        this.writer.append(images.view, images.start[sid]!, length, 1);
        this.counters.delivered++;
        this.counters.caughtUp++;
        return true;
      }
    }
    this.room = 0;
    this.unfinished = true;
    return false;
  }

  private gatherTrades(session: Session, pass: number): void {
    const { trades } = this;
    const runs = trades.runs[session.dialectAt]!;
    for (const sid of trades.runSids) {
      if (!runs.has(sid, pass) || !hasSid(session.tradesFollowed, sid) || session.tradesBehind.has(sid))
        continue;
      this.writer.append(runs.view, runs.start[sid]!, runs.length[sid]!, runs.records[sid]!);
      this.counters.deliveredTrades += runs.records[sid]!;
    }
    if (session.tradesBehind.size > 0) this.catchUpTrades(session);
  }

  private catchUpTrades(session: Session): void {
    const { trades, writer } = this;
    let room = RUN_BYTES_MAX;
    for (const [sid, sent] of session.tradesBehind) {
      if (!trades.isEnabled(sid)) continue;
      if (room <= 0) {
        this.unfinished = true;
        break;
      }
      const step = trades.catchUp(sid, session.dialect, sent, room);
      if (step !== null) {
        writer.appendBytes(step.bytes, step.records);
        this.counters.deliveredTrades += step.records;
        room -= step.bytes.length;
      }
      const reached = step?.reached ?? sent;
      const lane = trades.position(sid);
      if (reached.epoch === lane.epoch && reached.seq === lane.seq) session.tradesBehind.delete(sid);
      else session.tradesBehind.set(sid, reached);
      if (step !== null && session.tradesBehind.has(sid)) this.unfinished = true;
    }
    trades.countBehind(session);
  }

  /**
   * Images for a session that joins, at once: symbols whose lane has a state.
   * @returns how many were sent, from the first on
   */
  sendImages(session: Session, wanted: readonly { readonly lane: Lane; readonly sid: number }[]): number {
    // The answer before them may have filled the socket: then they are behind, as they stand.
    if (wanted.length === 0 || session.blocked) return 0;
    this.room = CATCH_UP_BYTES_MAX;
    this.writer.open(session.dialect);
    let sent = 0;
    while (sent < wanted.length && this.appendImage(session, wanted[sent]!.lane, wanted[sent]!.sid)) sent++;
    const frames = this.writer.close();
    if (frames !== null) this.write(session, frames, true);
    this.send();
    return sent;
  }
}

/** No room is left in this flush: the image goes with a later one. */
function postpone(membership: Membership, sid: number): void {
  membership.exceptions ??= new Map();
  membership.exceptions.set(sid, membership.lane.sent(sid, true));
}

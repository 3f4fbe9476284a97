/**
 * The trades' part of the service-rate lane: where its sessions stand per symbol, and the runs of trades that take
 * them on. No session has a queue: it stands where the lane stands, or behind at a position and reads on from the
 * ring.
 */
import { type Dialect, MsgpackWriter } from '#wire';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { DIALECTS } from './dialects.js';
import { Fragments } from './fragments.js';
import { grown, grownCapacity } from './images.js';
import type { TradeRings } from './trade-rings.js';

/** The next trade is seq + 1 of this epoch. Epoch 0: nothing is known of the symbol yet. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

/** A run ends with the record that passes this, so that it fits one frame of 64 KiB; the rest goes with the next flush. */
export const RUN_BYTES_MAX = 60 * 1024;

/** The part of a session that this lane counts. */
interface TradeFollower {
  readonly tradesBehind: ReadonlyMap<number, Position>;
}

export class TradeLane {
  /** Runs of the running or last flush, per dialect. */
  readonly runs: readonly Fragments[] = DIALECTS.map(() => new Fragments());
  /** Symbols with a run in this flush, and where the lane stood on them before it. */
  readonly runSids: number[] = [];
  private readonly runFrom: Position[] = [];
  private epoch = new Float64Array(1024);
  private seq = new Float64Array(1024);
  private memberCount = new Int32Array(1024);
  private isDirty = new Uint8Array(1024);
  private dirtySids: number[] = [];
  /** Dirty symbols that the last flush left because they are switched off. */
  private heldBack = 0;
  /** Sessions that are behind on trades. */
  private readonly behindSessions = new Set<TradeFollower>();
  private readonly scratch = new MsgpackWriter(RUN_BYTES_MAX + 4096);

  /** @param historyPending whether older trades of this symbol are still being read back from the tape */
  constructor(
    private readonly rings: TradeRings,
    private readonly registry: SymbolRegistry,
    private readonly historyPending: (sid: number) => boolean,
  ) {}

  get behind(): number {
    return this.behindSessions.size;
  }

  /** Keeps count of the sessions that are behind. Call after every change of `tradesBehind`. */
  countBehind(session: TradeFollower): void {
    if (session.tradesBehind.size > 0) this.behindSessions.add(session);
    else this.behindSessions.delete(session);
  }

  /** Whether a flush would find something: symbols that are switched off wait, and are no cause. */
  get hasFlushable(): boolean {
    return this.dirtySids.length > this.heldBack;
  }

  /** Where the sessions that are in step stand. */
  position(sid: number): Position {
    return { epoch: this.epoch[sid] ?? 0, seq: this.seq[sid] ?? 0 };
  }

  /** A session begins to follow the trades of a symbol. The first one makes the lane stand at the ring's end. */
  join(sid: number): void {
    this.reserve(sid);
    if (this.memberCount[sid]!++ === 0) this.moveTo(sid, this.rings.epoch(sid), this.rings.last(sid));
  }

  leave(sid: number): void {
    this.memberCount[sid]!--;
  }

  /** Trades of this symbol have come, or its numbering has changed. */
  mark(sid: number): void {
    if (sid >= this.memberCount.length || this.memberCount[sid] === 0 || this.isDirty[sid] === 1) return;
    this.isDirty[sid] = 1;
    this.dirtySids.push(sid);
  }

  /** First half of a flush: freezes a run per symbol with new trades and moves the lane on. */
  flush(pass: number, speaks: readonly boolean[]): void {
    for (const runs of this.runs) runs.clear();
    this.runSids.length = 0;
    this.runFrom.length = 0;
    const dirty = this.dirtySids;
    this.dirtySids = [];
    for (const sid of dirty) {
      this.isDirty[sid] = 0;
      if (this.memberCount[sid] === 0) continue;
      if (this.mustWait(sid)) this.mark(sid);
      else this.flushSymbol(sid, pass, speaks);
    }
    this.heldBack = this.dirtySids.filter((sid) => this.mustWait(sid)).length;
  }

  /** Switched off, or after a reload: what is missing may be on the tape still, which is being read back. */
  private mustWait(sid: number): boolean {
    return !this.isEnabled(sid) || this.needsHistory(sid, this.position(sid), this.ringEnd(sid));
  }

  private ringEnd(sid: number): Position {
    return { epoch: this.rings.epoch(sid), seq: this.rings.last(sid) };
  }

  /** Older tape was read back: what waited for it may go. @returns whether anything waited */
  release(): boolean {
    const waited = this.heldBack > 0;
    this.heldBack = 0;
    return waited;
  }

  private flushSymbol(sid: number, pass: number, speaks: readonly boolean[]): void {
    const from = this.position(sid);
    const to = this.ringEnd(sid);
    if (to.epoch === 0 || (from.epoch === to.epoch && from.seq >= to.seq)) return;
    const reached = this.encodeRuns(sid, pass, speaks, from, to);
    this.moveTo(sid, reached.epoch, reached.seq);
    this.runSids.push(sid);
    this.runFrom.push(from);
    if (reached.seq < to.seq) this.mark(sid);
  }

  /** Encodes the run in every dialect, as far as the one that needs most bytes gets: sessions stand at one place. */
  private encodeRuns(
    sid: number,
    pass: number,
    speaks: readonly boolean[],
    from: Position,
    to: Position,
  ): Position {
    let goal = to;
    for (;;) {
      let shortest = goal;
      for (let d = 0; d < DIALECTS.length; d++) {
        if (!speaks[d]) continue;
        const runs = this.runs[d]!;
        const out = runs.begin();
        const start = out.at;
        const { records, reached } = this.write(out, DIALECTS[d]!, sid, from, goal, RUN_BYTES_MAX);
        runs.end(sid, pass, start, records);
        if (reached.seq < shortest.seq) shortest = reached;
      }
      if (shortest.seq === goal.seq) return goal;
      goal = shortest;
    }
  }

  /** Where the lane stood on the i-th symbol of `runSids` before this flush. */
  from(i: number): Position {
    return this.runFrom[i]!;
  }

  /**
   * Trades that passed while a symbol was switched off are a gap: the ring forgets them, the numbers stay.
   * The next flush tells it.
   */
  withhold(sid: number): void {
    this.rings.empty(sid);
    this.heldBack = 0;
    this.mark(sid);
  }

  /**
   * Takes a session that is behind at `sent` on towards the lane's position, at most `bytesMax` (roughly).
   * @returns what to send, and where the session then stands; null when it can only wait
   */
  catchUp(
    sid: number,
    dialect: Dialect,
    sent: Position,
    bytesMax: number,
  ): { readonly bytes: Uint8Array; readonly records: number; readonly reached: Position } | null {
    const to = this.position(sid);
    if (to.epoch === 0) return null;
    // The numbering changed under a sliced flush: the lane goes over with its next one. Or the ring began anew at an
    // older checkpoint, and the tape after it could not be read yet: it comes.
    if (this.rings.epoch(sid) !== to.epoch || this.rings.last(sid) < to.seq) return null;
    if (!this.isOlder(sent, to) || this.needsHistory(sid, sent, to)) return null;
    this.scratch.at = 0;
    const { records, reached } = this.write(this.scratch, dialect, sid, sent, to, bytesMax);
    return { bytes: this.scratch.view(), records, reached };
  }

  /** Whether a session that stands here is to be sent something, now or when it can be read. */
  owes(sid: number, sent: Position): boolean {
    const to = this.position(sid);
    return to.epoch !== 0 && this.isEnabled(sid) && this.isOlder(sent, to);
  }

  private isOlder(sent: Position, to: Position): boolean {
    return sent.epoch !== to.epoch || sent.seq < to.seq;
  }

  private needsHistory(sid: number, sent: Position, to: Position): boolean {
    if (sent.epoch !== to.epoch || sent.seq >= this.rings.first(sid) - 1) return false;
    return this.historyPending(sid) && this.rings.mayGrowBack(sid);
  }

  /** Writes what lies between two positions: a new position, a gap, then trades from the ring. */
  private write(
    out: MsgpackWriter,
    dialect: Dialect,
    sid: number,
    from: Position,
    to: Position,
    bytesMax: number,
  ): { readonly records: number; readonly reached: Position } {
    const instrument = this.registry.bySid(sid);
    if (instrument === undefined) return { records: 0, reached: from };
    const limit = out.at + bytesMax;
    const beforeRing = Math.min(to.seq, this.rings.first(sid) - 1);
    let records = 0;
    let { seq } = from;
    if (from.epoch !== to.epoch) {
      seq = beforeRing;
      dialect.position(out, sid, to.epoch, seq);
      records++;
    } else if (seq < beforeRing) {
      dialect.gap(out, sid, seq + 1, beforeRing);
      seq = beforeRing;
      records++;
    }
    while (seq < to.seq && out.at < limit) {
      seq++;
      const trade = this.rings.get(sid, seq);
      dialect.trade(out, instrument, seq, trade.timeUs, trade.price, trade.size, trade.id, trade.conditions);
      records++;
    }
    return { records, reached: { epoch: to.epoch, seq } };
  }

  isEnabled(sid: number): boolean {
    return this.registry.bySid(sid)?.enabled === true;
  }

  private moveTo(sid: number, epoch: number, seq: number): void {
    this.epoch[sid] = epoch;
    this.seq[sid] = seq;
  }

  private reserve(sid: number): void {
    if (sid < this.memberCount.length) return;
    const capacity = grownCapacity(this.memberCount.length, sid);
    this.epoch = grown(this.epoch, capacity);
    this.seq = grown(this.seq, capacity);
    this.memberCount = grown(this.memberCount, capacity);
    this.isDirty = grown(this.isDirty, capacity);
  }
}

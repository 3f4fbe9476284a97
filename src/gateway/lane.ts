/**
 * A lane is a follower of the table that moves at its own pace: all subscriptions with the same rate. It keeps the
 * table as it last flushed it (`state`), encodes what changed since once per dialect, and so an update always says
 * what differs from what its sessions already have.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { Cohorts } from './cohorts.js';
import { DIALECTS } from './dialects.js';
import { Fragments } from './fragments.js';
import { grown, grownCapacity, Images } from './images.js';
import type { Rung } from './rates.js';

/** What a session was last sent of a symbol. `resend`: an image is due even when the lane's state is the same. */
export interface Sent {
  readonly epoch: number;
  readonly seq: number;
  readonly resend: boolean;
}

/** Images are encoded anew once they fill this: joins between two flushes must not grow it for ever. */
const IMAGE_BYTES_MAX = 8 * 1024 * 1024;

export class Lane {
  /** The table as last flushed, of the symbols that have members. */
  readonly state = new Images();
  /** Updates (or images, in a new epoch) of the running or last flush, per dialect. */
  readonly fragments: readonly Fragments[] = DIALECTS.map(() => new Fragments());
  /** Images of `state` for sessions that are behind or join, made on demand, per dialect. */
  private readonly images: readonly Fragments[] = DIALECTS.map(() => new Fragments());
  /** Marks the images that show the state of now; 0 marks none. */
  private imageStamp = 1;
  readonly cohorts = new Cohorts(DIALECTS.length);
  /** Pass in which the state of a symbol last changed. Not int32: at 200 flushes a second that ends after 124 days. */
  changedIn = new Float64Array(1024);
  private memberCount = new Int32Array(1024);
  private isDirty = new Uint8Array(1024);
  private dirtySids = new Int32Array(1024);
  private dirtyCount = 0;
  /** Dirty symbols that the last flush left because they are switched off. */
  private heldBack = 0;
  /** How many sessions of this lane are behind on something. */
  behind = 0;
  /** The pass that this lane takes part in, or took part in last. */
  pass = 0;
  /** Monotonic ms of its last flush. */
  flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly rung: Rung,
    private readonly table: Images,
    private readonly registry: SymbolRegistry,
  ) {}

  /** Whether a flush would find something: symbols that are switched off wait, and are no cause. */
  get hasFlushable(): boolean {
    return this.dirtyCount > this.heldBack;
  }

  /** A symbol was switched on: what was held back may go. */
  switchOn(sid: number): void {
    this.heldBack = 0;
    this.mark(sid);
  }

  /** Whether there is anything to show of a symbol: it was published, is switched on, and has members. */
  hasState(sid: number): boolean {
    return this.state.has(sid);
  }

  hasMembers(sid: number): boolean {
    return sid < this.memberCount.length && this.memberCount[sid]! > 0;
  }

  /** A session begins to follow a symbol. The first one makes the lane's state the table's. */
  join(sid: number): void {
    this.reserve(sid);
    if (this.memberCount[sid]!++ > 0 || !this.isEnabled(sid)) return;
    this.state.copy(this.table, sid);
  }

  /**
   * A symbol was switched off: it has no state here until it is on again. Its sessions are in step with nothing, so
   * the first flush after that gives all of them its image.
   */
  switchOff(sid: number): void {
    this.state.forget(sid);
    this.forgetImage(sid);
  }

  /** A session follows a symbol no longer. */
  leave(sid: number): void {
    if (--this.memberCount[sid]! > 0) return;
    this.state.forget(sid);
    this.forgetImage(sid);
  }

  /** The table of this symbol has changed. */
  mark(sid: number): void {
    if (!this.hasMembers(sid) || this.isDirty[sid] === 1) return;
    this.isDirty[sid] = 1;
    this.dirtySids[this.dirtyCount++] = sid;
  }

  /**
   * First half of a flush, in one go: freezes a fragment per dirty symbol and moves the state on. Symbols that
   * operators have switched off stay dirty.
   * @param speaks which dialects have sessions, by their place in DIALECTS
   */
  flush(pass: number, nowMs: number, speaks: readonly boolean[]): void {
    this.pass = pass;
    this.flushedAtMs = nowMs;
    for (const fragments of this.fragments) fragments.clear();
    this.clearImages();
    let kept = 0;
    for (let i = 0; i < this.dirtyCount; i++) {
      const sid = this.dirtySids[i]!;
      if (this.memberCount[sid] !== 0 && !this.isEnabled(sid)) {
        this.dirtySids[kept++] = sid;
        continue;
      }
      this.isDirty[sid] = 0;
      if (this.memberCount[sid] !== 0) this.flushSymbol(sid, pass, speaks);
    }
    this.dirtyCount = kept;
    this.heldBack = kept;
  }

  private flushSymbol(sid: number, pass: number, speaks: readonly boolean[]): void {
    const { state, table } = this;
    const instrument = this.registry.bySid(sid);
    if (instrument === undefined || !table.has(sid)) return;
    const goesOn = state.epoch[sid] === table.epoch[sid];
    // Not newer: flushed before, or the table is being brought up to date from an older checkpoint.
    if (goesOn && table.seq[sid]! <= state.seq[sid]!) return;
    const mask = state.difference(table, sid);
    const previousTimeUs = state.timeUs[sid]!;
    state.copy(table, sid);
    this.changedIn[sid] = pass;
    const offset = sid * IMAGE_FIELD_COUNT;
    for (let d = 0; d < DIALECTS.length; d++) {
      if (!speaks[d]) continue;
      const fragments = this.fragments[d]!;
      const out = fragments.begin();
      const start = out.at;
      const seq = state.seq[sid]!;
      const timeUs = state.timeUs[sid]!;
      if (goesOn)
        DIALECTS[d]!.update(out, instrument, seq, mask, timeUs, previousTimeUs, state.values, offset);
      else DIALECTS[d]!.image(out, instrument, state.epoch[sid]!, seq, timeUs, state.values, offset);
      fragments.end(sid, pass, start, 1);
    }
  }

  /** The image of the lane's state of a symbol that has one, encoded once per flush and dialect. */
  image(sid: number, dialect: number): Fragments {
    const images = this.images[dialect]!;
    if (images.has(sid, this.imageStamp)) return images;
    const instrument = this.registry.bySid(sid);
    if (instrument === undefined) throw new Error(`Expected sid ${sid} in the registry`);
    if (images.bytesUsed > IMAGE_BYTES_MAX) this.clearImages();
    const { state } = this;
    const out = images.begin();
    const start = out.at;
    DIALECTS[dialect]!.image(
      out,
      instrument,
      state.epoch[sid]!,
      state.seq[sid]!,
      state.timeUs[sid]!,
      state.values,
      sid * IMAGE_FIELD_COUNT,
    );
    images.end(sid, this.imageStamp, start, 1);
    return images;
  }

  private clearImages(): void {
    for (const images of this.images) images.clear();
    this.imageStamp++;
  }

  private forgetImage(sid: number): void {
    for (const images of this.images) images.forget(sid);
  }

  /** What the sessions that are in step have of a symbol; null when the lane has no state of it. */
  sent(sid: number, resend: boolean): Sent | null {
    if (!this.state.has(sid)) return null;
    return { epoch: this.state.epoch[sid]!, seq: this.state.seq[sid]!, resend };
  }

  /**
   * How a session that was sent this stands to the lane's state.
   * `image`: it is older; `in_step`: it is the same, or nothing and there is none; `wait`: it is newer (from a faster
   * lane), or there is no state any more.
   */
  standing(sid: number, sent: Sent | null): 'image' | 'in_step' | 'wait' {
    const { state } = this;
    if (!state.has(sid)) return sent === null ? 'in_step' : 'wait';
    if (sent === null) return 'image';
    // Another epoch is newer only while this lane has yet to flush the table's.
    if (sent.epoch !== state.epoch[sid]) return state.epoch[sid] === this.table.epoch[sid] ? 'image' : 'wait';
    if (sent.seq > state.seq[sid]!) return 'wait';
    return sent.seq === state.seq[sid] && !sent.resend ? 'in_step' : 'image';
  }

  isEnabled(sid: number): boolean {
    return this.registry.bySid(sid)?.enabled === true;
  }

  private reserve(sid: number): void {
    this.state.reserve(sid);
    if (sid < this.memberCount.length) return;
    const capacity = grownCapacity(this.memberCount.length, sid);
    this.changedIn = grown(this.changedIn, capacity);
    this.memberCount = grown(this.memberCount, capacity);
    this.isDirty = grown(this.isDirty, capacity);
    this.dirtySids = grown(this.dirtySids, capacity);
  }
}

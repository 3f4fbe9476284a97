/**
 * Follows one partition: applies what is next, drops what is known, and asks the store about everything else. The
 * rule that all code here serves: the sink is shown each number of an epoch once, in order, whatever the live channel
 * loses, repeats or delays; where that is not possible any more it is shown a checkpoint and goes on from there.
 *
 * Messages are counted by a stamp. An answer of the store settles every message that came before it was asked.
 */
import { MsgpackError } from '#wire';
import { BATCH, LiveHead } from './batch.js';
import type { ImageSink } from './image-sink.js';
import { checkedCheckpoint, SinkFeed } from './live-apply.js';
import type { FollowerCounters } from './live-counters.js';
import type { LiveGate } from './live-gate.js';
import { HeldBatches, type HeldBudget } from './live-held.js';
import type { LiveHistory } from './live-history.js';
import type { LiveLog } from './live-log.js';
import type { Pauses } from './live-timers.js';
import type { LiveWatch } from './live-watch.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { PartitionState, Tape, TapeEntry } from './tape.js';

/** Tape entries per question while a hole is filled. */
const PAGE_BATCHES = 50;
/** After an answer that changed nothing the store is left alone this long: a stray publisher must not make us storm it. */
const IDLE_MS = 100;

/** What all partitions of a follower share. */
export interface LiveShared {
  readonly tape: Tape;
  readonly sink: ImageSink;
  readonly gate: LiveGate;
  readonly pauses: Pauses;
  readonly budget: HeldBudget;
  readonly watch: LiveWatch;
  readonly history: LiveHistory;
  readonly counters: FollowerCounters;
  readonly log: LiveLog;
  readonly monotonicMs: () => number;
}

/** The store's answer contradicts itself, for the moment or because something else writes its keys. */
class StateUnusable extends Error {
  override readonly name = 'StateUnusable';
}

type Need = 'nothing' | 'page' | 'state';

export class LivePartition {
  epoch = 0;
  /** The newest batch that the sink was shown. */
  number = 0;
  /** Oldest time in the newest live batch, µs since the Unix epoch; 0 before the first. */
  newestTimeUs = 0;
  /** Settles when the store has answered once, be the answer that nothing is there. */
  readonly joined: Promise<void>;

  private settleJoined: () => void = () => undefined;
  private readonly feed: SinkFeed;
  private readonly held: HeldBatches;
  private readonly head = new LiveHead();
  private loaded = false;
  private stopped = false;
  private repairing: Promise<void> | undefined;
  /** Whether the store has anything of this partition, by its last answer. */
  private stored = false;

  private stamp = 0;
  /** The newest message and what it said. */
  private readonly told = { stamp: -1, epoch: 0, number: 0, atMs: 0 };
  /** The last message before that of another epoch: one of the two is not ours, and only the store knows which holds. */
  private readonly toldBefore = { stamp: -1, epoch: 0 };
  /** The store must be asked for its whole state after this moment… */
  private checkStamp = 0;
  /** …and was, at this one. */
  private stateStamp = -1;
  private idleUntilMs = 0;
  /** How often an answer of the store moved this partition on. */
  private learned = 0;

  constructor(
    readonly partition: number,
    private readonly shared: LiveShared,
  ) {
    this.feed = new SinkFeed(partition, shared.sink);
    this.held = new HeldBatches(shared.budget);
    this.joined = new Promise((resolve) => {
      this.settleJoined = resolve;
    });
  }

  /** Subscribed (again): whatever was missed shows only in the store. */
  check(): void {
    this.checkStamp = ++this.stamp;
    this.settle();
  }

  /** A live message. */
  receive(bytes: Uint8Array): void {
    if (this.stopped) return;
    const { head } = this;
    try {
      head.read(bytes);
    } catch (error) {
      this.unreadable(error);
      return;
    }
    const repeated = head.kind === BATCH && this.isKnown(head.epoch, head.number);
    this.hear(head);
    if (repeated) this.shared.counters.repeated++;
    else if (head.kind === BATCH) this.receiveBatch(head, bytes);
    this.settle();
  }

  /** Resolves when nothing of this partition is in flight any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.settleJoined();
    await this.repairing;
    this.held.drop(() => true);
  }

  private hear({ epoch, number }: LiveHead): void {
    const { told, toldBefore } = this;
    this.stamp++;
    if (epoch !== told.epoch) {
      toldBefore.epoch = told.epoch;
      toldBefore.stamp = told.stamp;
      told.epoch = epoch;
      told.number = 0;
    }
    told.number = Math.max(told.number, number);
    told.stamp = this.stamp;
    told.atMs = this.shared.monotonicMs();
  }

  private isKnown(epoch: number, number: number): boolean {
    return this.loaded && epoch === this.epoch && number <= this.number;
  }

  private isNext(epoch: number, number: number): boolean {
    return this.loaded && epoch === this.epoch && number === this.number + 1;
  }

  private receiveBatch({ epoch, number, timeUs }: LiveHead, bytes: Uint8Array): void {
    this.newestTimeUs = timeUs;
    if (this.isNext(epoch, number)) {
      this.applyLive(bytes);
      if (this.held.count > 0) this.applyHeld();
      return;
    }
    if (this.loaded && this.repairing === undefined) this.shared.counters.holes++;
    if (!this.held.offer(epoch, number, this.stamp, bytes)) this.shared.counters.heldRefused++;
  }

  private applyLive(bytes: Uint8Array): void {
    try {
      this.apply(bytes);
    } catch (error) {
      this.unreadable(error);
    }
  }

  /** @throws MsgpackError with nothing applied; anything else comes from the sink, whose state is unknown then */
  private apply(bytes: Uint8Array): void {
    this.feed.batch(bytes);
    this.number++;
    this.shared.counters.applied++;
  }

  private unreadable(error: unknown): void {
    this.fault(error, 'live message cannot be read');
    this.check();
  }

  /** Held batches that have become next are applied, those that can be of no use any more are dropped. */
  private applyHeld(): void {
    for (let next = this.takeNext(); next !== undefined; next = this.takeNext()) this.applyLive(next.bytes);
    this.held.drop(
      ({ epoch, number, stamp }) =>
        this.isKnown(epoch, number) || (epoch !== this.epoch && stamp <= this.stateStamp),
    );
  }

  private takeNext() {
    return this.held.take(({ epoch, number }) => this.isNext(epoch, number));
  }

  /** What the store must be asked before this partition is known to be where its publisher is. */
  private need(): Need {
    const { told, toldBefore, stateStamp } = this;
    if (!this.loaded || stateStamp < this.checkStamp) return 'state';
    if (stateStamp < toldBefore.stamp && toldBefore.epoch !== this.epoch) return 'state';
    if (told.stamp <= stateStamp || this.isReached()) return 'nothing';
    return told.epoch === this.epoch ? 'page' : 'state';
  }

  /** Whether the newest message says nothing that the sink was not shown. */
  private isReached(): boolean {
    const { told } = this;
    if (told.stamp < 0 || !this.loaded) return false;
    if (told.epoch === this.epoch) return told.number <= this.number;
    // An owner that has not published anything yet; or the store, asked since, knows nothing of that epoch.
    return (this.epoch === 0 && told.number === 0) || (this.stored && told.stamp <= this.stateStamp);
  }

  /** Does what the newest message calls for. */
  private settle(): void {
    if (this.isReached()) this.shared.watch.reached(this.partition, this.told.atMs);
    if (this.repairing !== undefined || this.stopped || this.need() === 'nothing') return;
    this.repairing = this.repair().finally(() => {
      this.repairing = undefined;
      this.settle();
    });
  }

  private async repair(): Promise<void> {
    let attempt = 0;
    for (let need = this.need(); need !== 'nothing' && !this.stopped; need = this.need()) {
      try {
        await this.ask(need);
        attempt = 0;
      } catch (error) {
        this.fault(error, 'partition cannot be read from the store');
        this.shared.counters.retries++;
        await this.shared.pauses.retry(++attempt);
      }
      this.applyHeld();
    }
  }

  private async ask(need: Need): Promise<void> {
    const { gate, pauses, monotonicMs } = this.shared;
    await pauses.wait(this.idleUntilMs - monotonicMs());
    const before = this.learned;
    await gate.pass(() => (need === 'state' ? this.askState() : this.askPage()));
    if (this.learned === before) this.idleUntilMs = monotonicMs() + IDLE_MS;
  }

  private async askPage(): Promise<void> {
    const { tape } = this.shared;
    const { epoch, number } = this;
    const entries = await tape.readAfter(this.partition, epoch, number, PAGE_BATCHES);
    if (this.stopped) return;
    const first = entries.find((entry) => !this.isKnown(entry.epoch, entry.number));
    if (first === undefined) {
      // Live batches may have closed the hole meanwhile; if not, what we were told of is not on this tape.
      if (this.number === number) this.checkStamp = ++this.stamp;
      return;
    }
    if (this.isNext(first.epoch, first.number)) this.applyEntries(entries);
    else this.checkStamp = ++this.stamp;
  }

  /** @throws StateUnusable when they do not follow each other */
  private applyEntries(entries: readonly TapeEntry[]): void {
    for (const { epoch, number, bytes } of entries) {
      if (this.isKnown(epoch, number)) continue;
      if (!this.isNext(epoch, number))
        throw new StateUnusable(
          `Expected batch ${this.epoch}-${this.number + 1} on the tape, was ${epoch}-${number}`,
        );
      this.apply(bytes);
      this.learned++;
      this.shared.counters.refilled++;
    }
  }

  private async askState(): Promise<void> {
    const { stamp } = this;
    if (this.stopped) return;
    const state = await this.shared.tape.load(this.partition);
    if (this.stopped) return;
    this.settleJoined();
    this.adopt(state);
    this.stateStamp = stamp;
  }

  private adopt(state: PartitionState): void {
    this.stored = state.epoch > 0;
    if (!this.stored) {
      this.adoptNothing();
      return;
    }
    const head = state.checkpoint === null ? null : checkedCheckpoint(state.checkpoint);
    const goesOn = this.loaded && state.epoch === this.epoch && (head === null || head.number <= this.number);
    if (!goesOn) this.reload(state, head);
    this.applyEntries(state.entries);
    // Fewer than ours are no fault: an owner whose store lost its tail stores the same batches again.
    if (this.number < state.number)
      throw new StateUnusable(
        `Expected the tape of epoch ${state.epoch} up to ${state.number}, it ends at ${this.number}`,
      );
  }

  /** Nothing is stored. A state from before the store was emptied stays until the owner has written it again. */
  private adoptNothing(): void {
    if (this.loaded) return;
    const { sink, history } = this.shared;
    sink.beginReload(this.partition, 0, 0);
    sink.endReload(this.partition);
    this.loaded = true;
    history.restart(this.partition, 0, 0, this.feed);
  }

  private reload(state: PartitionState, head: { epoch: number; number: number } | null): void {
    if (state.checkpoint === null || head === null || head.epoch !== state.epoch)
      throw new StateUnusable(`Expected a checkpoint of epoch ${state.epoch}, was ${head?.epoch ?? 'none'}`);
    this.feed.checkpoint(state.checkpoint);
    this.epoch = head.epoch;
    this.number = head.number;
    this.loaded = true;
    this.learned++;
    this.shared.counters.reloads++;
    this.shared.history.restart(this.partition, head.epoch, head.number + 1, this.feed);
  }

  private fault(error: unknown, message: string): void {
    const { counters, log } = this.shared;
    const fields = { partition: this.partition, epoch: this.epoch, number: this.number };
    if (error instanceof MsgpackError) counters.undecodable++;
    else if (!(error instanceof StoreUnavailable || error instanceof StateUnusable)) {
      // The sink failed half way: only a whole new state puts it right.
      this.loaded = false;
    }
    log.warn(message, { ...fields, error: error instanceof Error ? error.stack : String(error) });
  }
}

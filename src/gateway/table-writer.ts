/**
 * What the follower brings: batches, reloads and older trades are written into the table of images and the rings of
 * trades, and the lanes are told what they have to flush.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { Clock } from '../clock.js';
import type { ImageSink, StaleReason } from '../fanout/image-sink.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { Flusher } from './flusher.js';
import { type Images, NO_EPOCH } from './images.js';
import type { Lane } from './lane.js';
import type { Staleness } from './staleness.js';
import type { TradeLane } from './trade-lane.js';
import type { RingTrade, TradeRings } from './trade-rings.js';

export class TableWriter implements ImageSink {
  /** Batches and images of symbols that the registry did not know yet. */
  unknownSids = 0;
  /** Newest time of any tick, µs; null before the first. */
  newestFeedTimeUs: number | null = null;
  /** Epoch of the batch or reload that is being written. */
  private epoch = 0;
  private reloaded = new Set<number>();
  /** Per partition: whether its older tape was read back into the rings. */
  private readonly historyRead: boolean[];
  /** Older trades of the tape batch that is being read, per symbol. */
  private readonly past = new Map<number, RingTrade[]>();
  private reconciling = false;

  constructor(
    private readonly table: Images,
    private readonly rings: TradeRings,
    private readonly lanes: readonly Lane[],
    private readonly tradeLane: TradeLane,
    private readonly flusher: Flusher,
    private readonly staleness: Staleness,
    private readonly registry: SymbolRegistry,
    private readonly clock: Clock,
    partitions: number,
  ) {
    this.historyRead = new Array<boolean>(partitions).fill(false);
  }

  /** Whether older trades of a symbol are still being read back from the tape. */
  historyPending(sid: number): boolean {
    return this.historyRead[this.registry.partition(sid)] === false;
  }

  beginBatch(_partition: number, epoch: number): void {
    this.epoch = epoch;
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.learn(sid);
    if (mask === 0) return;
    const { table } = this;
    table.reserve(sid);
    if (table.epoch[sid] !== this.epoch) table.forget(sid);
    const offset = sid * IMAGE_FIELD_COUNT;
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const field = 31 - Math.clz32(rest & -rest);
      table.values[offset + field] = values[field]!;
    }
    table.seq[sid] = seq;
    table.epoch[sid] = this.epoch;
    table.timeUs[sid] = timeUs;
    this.noteFeedTime(timeUs);
    for (const lane of this.lanes) lane.mark(sid);
  }

  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    this.learn(sid);
    const trade = { seq, timeUs, price, size, id, conditions };
    this.rings.push(sid, this.epoch, trade, this.clock.monotonicMs());
    this.noteFeedTime(timeUs);
    this.tradeLane.mark(sid);
  }

  endBatch(partition: number): void {
    this.flusher.batch(partition);
  }

  beginReload(partition: number, epoch: number): void {
    this.epoch = epoch;
    this.reloaded = new Set();
    this.historyRead[partition] = false;
  }

  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void {
    this.learn(sid);
    this.reloaded.add(sid);
    const { table, rings, epoch } = this;
    if (rings.epoch(sid) !== epoch || rings.last(sid) !== tradeSeq) {
      rings.restart(sid, epoch, tradeSeq);
      this.tradeLane.mark(sid);
    }
    table.reserve(sid);
    if (table.epoch[sid] === epoch && table.seq[sid] === seq) return;
    // Seq 0: no state was ever published, only numbers of trades are known.
    if (seq === 0) {
      table.forget(sid);
      return;
    }
    table.values.set(values.subarray(0, IMAGE_FIELD_COUNT), sid * IMAGE_FIELD_COUNT);
    table.seq[sid] = seq;
    table.epoch[sid] = epoch;
    table.timeUs[sid] = timeUs;
    this.noteFeedTime(timeUs);
    for (const lane of this.lanes) lane.mark(sid);
  }

  endReload(partition: number): void {
    // A symbol that the new state does not know has none; its sessions keep what they have until it comes.
    for (const { sid } of this.registry.all()) {
      const isOurs = this.table.has(sid) && this.registry.partition(sid) === partition;
      if (isOurs && !this.reloaded.has(sid)) this.table.epoch[sid] = NO_EPOCH;
    }
    this.reloaded = new Set();
    this.flusher.cause();
  }

  beginHistory(_partition: number, epoch: number): void {
    this.epoch = epoch;
  }

  pastTrade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    const trade = { seq, timeUs, price, size, id, conditions };
    const trades = this.past.get(sid);
    if (trades === undefined) this.past.set(sid, [trade]);
    else trades.push(trade);
  }

  endHistory(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [sid, trades] of this.past) {
      for (let i = trades.length - 1; i >= 0; i--) this.rings.pushPast(sid, this.epoch, trades[i]!, nowMs);
    }
    this.past.clear();
    if (this.tradeLane.release()) this.flusher.cause();
  }

  /** Whoever resumed further back than the rings reached can now be told what is there. */
  historyComplete(partition: number): void {
    this.historyRead[partition] = true;
    this.tradeLane.release();
    this.flusher.cause();
  }

  silent(partition: number, sinceUs: number, reason: StaleReason): void {
    this.staleness.fellSilent(partition, { sinceUs, reason });
  }

  heard(partition: number): void {
    if (this.staleness.heard(partition, this.flusher.pass)) this.flusher.causeAll();
  }

  private noteFeedTime(timeUs: number): void {
    if (this.newestFeedTimeUs === null || timeUs > this.newestFeedTimeUs) this.newestFeedTimeUs = timeUs;
  }

  /** A sid that this process does not know yet: the registry has news that were not heard. */
  private learn(sid: number): void {
    if (this.registry.bySid(sid) !== undefined) return;
    this.unknownSids++;
    if (this.reconciling) return;
    this.reconciling = true;
    const done = () => {
      this.reconciling = false;
    };
    // Where the store does not answer, the registry itself tries again until it does.
    this.registry.reconcile().then(done, done);
  }
}

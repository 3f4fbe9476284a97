/** A publisher that numbers states and trades as an owner does, straight into a gateway's sink. */
import { IMAGE_FIELD_COUNT, IMAGE_FIELDS, type ImageField } from '#market-data';
import type { ImageSink } from '../fanout/image-sink.js';

export type Change = { readonly [field in ImageField]?: number | null };

interface Published {
  seq: number;
  tradeSeq: number;
  timeUs: number;
  readonly values: Float64Array;
}

export interface PublishedTrade {
  readonly seq: number;
  readonly timeUs: number;
  readonly price: number;
  readonly size?: number;
  readonly id?: string | null;
  readonly conditions?: string | null;
}

export class PublisherFixture {
  epoch = 1;
  private readonly published = new Map<number, Published>();

  constructor(private readonly sink: ImageSink) {}

  /** One batch of states; values are scaled integers. */
  publish(
    sids: readonly number[],
    change: Change | ((sid: number) => Change),
    timeUs?: number,
    partition = 0,
  ): void {
    this.sink.beginBatch(partition, this.epoch, 0, 0);
    for (const sid of sids) {
      const state = this.state(sid);
      const mask = apply(state, typeof change === 'function' ? change(sid) : change);
      state.seq++;
      state.timeUs = timeUs ?? state.timeUs + 1000;
      this.sink.update(sid, state.seq, mask, state.timeUs, state.values);
    }
    this.sink.endBatch(partition);
  }

  /** One batch of trades of one symbol, prices 100, 101, … by their seq. */
  trade(sid: number, count = 1, more: Partial<PublishedTrade> = {}): PublishedTrade[] {
    this.sink.beginBatch(0, this.epoch, 0, 0);
    const trades = Array.from({ length: count }, () => this.nextTrade(sid, more));
    for (const { seq, timeUs, price, size, id, conditions } of trades)
      this.sink.trade(sid, seq, timeUs, price, size ?? Number.NaN, id ?? null, conditions ?? null);
    this.sink.endBatch(0);
    return trades;
  }

  /** Trades that this gateway never hears of live. */
  tradeUnheard(sid: number, count = 1, more: Partial<PublishedTrade> = {}): PublishedTrade[] {
    return Array.from({ length: count }, () => this.nextTrade(sid, more));
  }

  /** Replaces the state of a partition by what is published now. */
  reload(sids: readonly number[], partition = 0): void {
    this.sink.beginReload(partition, this.epoch, 0);
    for (const sid of sids) {
      const { seq, tradeSeq, timeUs, values } = this.state(sid);
      this.sink.image(sid, seq, tradeSeq, timeUs, values);
    }
    this.sink.endReload(partition);
  }

  /** Older trades are read back from the tape, in one entry. */
  readBack(sid: number, trades: readonly PublishedTrade[], partition = 0): void {
    this.sink.beginHistory(partition, this.epoch);
    for (const { seq, timeUs, price, size, id, conditions } of trades)
      this.sink.pastTrade(sid, seq, timeUs, price, size ?? Number.NaN, id ?? null, conditions ?? null);
    this.sink.endHistory(partition);
  }

  /** Another owner whose store knew these numbers. */
  takeOver(
    epoch: number,
    seqs: ReadonlyMap<number, { readonly seq: number; readonly tradeSeq: number }>,
  ): void {
    this.epoch = epoch;
    for (const [sid, numbers] of seqs) Object.assign(this.state(sid), numbers);
  }

  /** What is published of a symbol now, scaled, by field. */
  values(sid: number): Record<ImageField, number | null> {
    const { values } = this.state(sid);
    const entries = IMAGE_FIELDS.map((field, i) => [field, Number.isNaN(values[i]) ? null : values[i]!]);
    return Object.fromEntries(entries) as Record<ImageField, number | null>;
  }

  seq(sid: number): number {
    return this.state(sid).seq;
  }

  private nextTrade(sid: number, more: Partial<PublishedTrade>): PublishedTrade {
    const state = this.state(sid);
    const seq = ++state.tradeSeq;
    return { seq, timeUs: 1_700_000_000_000_000 + seq, price: 100 + seq, ...more };
  }

  private state(sid: number): Published {
    let state = this.published.get(sid);
    if (state === undefined) {
      const values = new Float64Array(IMAGE_FIELD_COUNT).fill(Number.NaN);
      state = { seq: 0, tradeSeq: 0, timeUs: 1_700_000_000_000_000, values };
      this.published.set(sid, state);
    }
    return state;
  }
}

function apply(state: Published, change: Change): number {
  let mask = 0;
  IMAGE_FIELDS.forEach((field, i) => {
    const value = change[field];
    if (value === undefined) return;
    state.values[i] = value ?? Number.NaN;
    mask |= 1 << i;
  });
  return mask;
}

/**
 * A world for the follower's specs: time that stands until it is moved, a publisher whose every state is kept, a store
 * that can lose, repeat and delay what it should deliver, and a sink that checks each call against the publisher.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { Clock } from '../clock.js';
import { BatchEncoder, encodeHeartbeat } from './batch.js';
import { CheckpointEncoder } from './checkpoint.js';
import type { ImageSink, StaleReason } from './image-sink.js';
import type { Timers } from './live-timers.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

export class VirtualTime implements Clock, Timers {
  private now = 1_000;
  private made = 0;
  private readonly pending: { atMs: number; order: number; fire: () => void }[] = [];

  nowUs(): number {
    return 1_700_000_000_000_000 + Math.round(this.now * 1000);
  }

  monotonicMs(): number {
    return this.now;
  }

  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.now + Math.max(0, ms), order: this.made++, fire };
    this.pending.push(timer);
    return () => {
      const at = this.pending.indexOf(timer);
      if (at >= 0) this.pending.splice(at, 1);
    };
  }

  /** Runs what is due in the next `ms`, each in a turn of its own. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    await turn();
    for (let next = this.takeDue(untilMs); next !== undefined; next = this.takeDue(untilMs)) {
      this.now = Math.max(this.now, next.atMs);
      next.fire();
      await turn();
    }
    this.now = untilMs;
  }

  /** The event loop does not turn for `ms`: timers fire late. */
  async block(ms: number): Promise<void> {
    this.now += ms;
    await this.advance(0);
  }

  private takeDue(untilMs: number) {
    this.pending.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    const [first] = this.pending;
    return first !== undefined && first.atMs <= untilMs ? this.pending.shift() : undefined;
  }
}

/** All promises that can settle have settled. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export type Random = () => number;

/** mulberry32 */
export function seeded(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Image {
  seq: number;
  tradeSeq: number;
  timeUs: number;
  values: number[];
}
export type Images = Map<number, Image>;

function copy(images: Images): Images {
  return new Map([...images].map(([sid, image]) => [sid, { ...image, values: [...image.values] }]));
}

/** Comparable text of a state; the trade sequence is left out, for a sink learns it only from trades. */
export function digest(images: Images): string {
  return [...images]
    .sort(([a], [b]) => a - b)
    .map(([sid, { seq, timeUs, values }]) => `${sid}:${seq}@${timeUs}[${values}]`)
    .join(' ');
}

/** The owner of one partition and what the store has of it. Every state that it published is kept for comparison. */
export class Publisher {
  epoch = 0;
  number = 0;
  images: Images = new Map();
  readonly imagesByPosition = new Map<string, Images>();
  stored: { epoch: number; number: number; checkpoint: Uint8Array | null; tape: TapeEntry[] } = {
    epoch: 0,
    number: 0,
    checkpoint: null,
    tape: [],
  };
  private ring: { entry: TapeEntry; checkpoint: Uint8Array | null }[] = [];
  private timeUs = 1_700_000_000_000_000;
  private readonly batches = new BatchEncoder();
  private readonly checkpoints = new CheckpointEncoder();

  constructor(
    private readonly random: Random,
    private readonly sids: readonly number[],
    private readonly deliver: (bytes: Uint8Array) => void,
  ) {}

  /** Takes over with numbers from 1; `forget` batches at the end of the last epoch were taken back. */
  beginEpoch(epoch: number, forget = 0): void {
    const back = this.imagesByPosition.get(`${this.epoch}-${this.number - forget}`);
    if (forget > 0 && back !== undefined) this.images = copy(back);
    this.epoch = epoch;
    this.number = 0;
    this.ring = [];
    // A new epoch begins with number 1 and its checkpoint.
    this.commit(true);
  }

  commit(withCheckpoint: boolean): void {
    this.refill();
    this.number++;
    const bytes = this.encodeChanges();
    this.imagesByPosition.set(`${this.epoch}-${this.number}`, copy(this.images));
    const step = {
      entry: { epoch: this.epoch, number: this.number, bytes },
      checkpoint: withCheckpoint ? this.encodeCheckpoint() : null,
    };
    this.ring.push(step);
    this.store(step);
  }

  heartbeat(): void {
    this.refill();
    this.deliver(encodeHeartbeat(this.epoch, this.number, this.timeUs));
  }

  /** The store loses what was stored last; the owner stores it again at its next call. */
  loseTail(count: number): void {
    const { stored } = this;
    if (stored.epoch !== this.epoch || stored.tape.length <= count) return;
    const keep = stored.tape.at(-1 - count)!;
    // What a checkpoint already covers was written long ago, and is on the replica.
    if (keep.epoch !== this.epoch || keep.number < this.checkpointNumber()) return;
    stored.tape = stored.tape.slice(0, -count);
    stored.number = keep.number;
  }

  /** Batches up to the checkpoint may be trimmed, never those after it. */
  trim(keep: number): void {
    const { stored } = this;
    const checkpoint = this.checkpointNumber();
    stored.tape = stored.tape.filter(
      ({ epoch, number }, at) =>
        at >= stored.tape.length - keep || (epoch === stored.epoch && number > checkpoint),
    );
  }

  empty(): void {
    this.stored = { epoch: 0, number: 0, checkpoint: null, tape: [] };
  }

  writeCheckpoint(): void {
    this.refill();
    this.stored.checkpoint = this.encodeCheckpoint();
    this.storedCheckpoint = { epoch: this.epoch, number: this.number };
  }

  load(): PartitionState {
    const { epoch, number, checkpoint, tape } = this.stored;
    const from = this.checkpointNumber();
    const entries = tape.filter((entry) => entry.epoch === epoch && entry.number > from);
    return { epoch, number, checkpoint, entries };
  }

  private storedCheckpoint = { epoch: 0, number: 0 };

  private checkpointNumber(): number {
    return this.storedCheckpoint.epoch === this.stored.epoch ? this.storedCheckpoint.number : 0;
  }

  private refill(): void {
    if (this.epoch === 0 || this.stored.epoch !== this.epoch) return;
    for (const step of this.ring) if (step.entry.number > this.stored.number) this.store(step);
  }

  private store({ entry, checkpoint }: { entry: TapeEntry; checkpoint: Uint8Array | null }): void {
    const { stored } = this;
    stored.tape.push(entry);
    stored.epoch = entry.epoch;
    stored.number = entry.number;
    if (checkpoint !== null) {
      stored.checkpoint = checkpoint;
      this.storedCheckpoint = { epoch: entry.epoch, number: entry.number };
    }
    this.deliver(entry.bytes);
  }

  private encodeChanges(): Uint8Array {
    const { random, batches } = this;
    const chosen = this.sids.filter(() => random() < 0.4);
    this.timeUs += 50_000;
    batches.begin(this.epoch, this.number, this.timeUs, chosen.length);
    for (const sid of chosen) this.encodeChange(sid);
    return batches.end();
  }

  private encodeChange(sid: number): void {
    const { random, batches, timeUs } = this;
    let image = this.images.get(sid);
    if (image === undefined) {
      image = {
        seq: 0,
        tradeSeq: 0,
        timeUs,
        values: Array.from({ length: IMAGE_FIELD_COUNT }, () => Number.NaN),
      };
      this.images.set(sid, image);
    }
    const mask = Math.floor(random() * 2 ** IMAGE_FIELD_COUNT);
    const trades = random() < 0.5 ? Math.floor(random() * 4) : 0;
    image.seq++;
    image.timeUs = timeUs + Math.floor(random() * 50_000);
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++) {
      if ((mask & (1 << field)) !== 0)
        image.values[field] = random() < 0.1 ? Number.NaN : Math.floor(random() * 1e6);
    }
    const row = Float64Array.from(image.values);
    batches.symbol(sid, image.seq, mask, image.timeUs, row, 0, trades, new Uint8Array([1, 2, 3]));
    for (let i = 0; i < trades; i++) {
      image.tradeSeq++;
      batches.trade(image.tradeSeq, timeUs + i, tradePrice(sid, image.tradeSeq), i, null, null);
    }
  }

  private encodeCheckpoint(): Uint8Array {
    this.checkpoints.begin(this.epoch, this.number, this.images.size);
    for (const [sid, { seq, tradeSeq, timeUs, values }] of this.images)
      this.checkpoints.symbol(sid, seq, tradeSeq, timeUs, Float64Array.from(values), 0, new Uint8Array([9]));
    return this.checkpoints.end();
  }
}

/** A trade's price tells which trade it is. */
export function tradePrice(sid: number, seq: number): number {
  return sid * 1_000_000 + seq;
}

/** How badly the live channel and the store behave; all from 0 (well) to 1. */
export interface Weather {
  loss: number;
  repeat: number;
  delay: number;
  /** Questions that are not answered. */
  refusal: number;
  /** ms that an answer takes at most. */
  latencyMs: number;
}

export const FAIR: Weather = { loss: 0, repeat: 0, delay: 0, refusal: 0, latencyMs: 2 };

/** A tape of several partitions in one process, under some weather. */
export class StagedTape implements Tape {
  weather: Weather = { ...FAIR };
  asked: string[] = [];
  /** Questions in flight now, and at most. */
  running = 0;
  runningMax = 0;
  private listener: TapeListener | undefined;
  private connected = true;
  readonly publishers: Publisher[];

  constructor(
    private readonly time: VirtualTime,
    private readonly random: Random,
    partitions: number,
    symbolsEach = 4,
  ) {
    this.publishers = Array.from({ length: partitions }, (_, partition) => {
      const sids = Array.from({ length: symbolsEach }, (_, i) => partition * 100 + i + 1);
      return new Publisher(random, sids, (bytes) => this.send(partition, bytes));
    });
  }

  disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    this.listener?.down();
  }

  reconnect(): void {
    if (this.connected) return;
    this.connected = true;
    this.listener?.up();
  }

  /** Puts bytes on the live channel, under its weather. */
  send(partition: number, bytes: Uint8Array): void {
    const { random, weather } = this;
    if (!this.connected || random() < weather.loss) return;
    const copies = random() < weather.repeat ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delayMs = random() < weather.delay ? random() * 400 : 0;
      this.time.after(delayMs, () => this.listener?.message(partition, bytes));
    }
  }

  load(partition: number): Promise<PartitionState> {
    return this.answer(`load ${partition}`, () => this.publishers[partition]!.load());
  }

  readAfter(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.answer(`after ${partition} ${epoch}-${number}`, () =>
      this.publishers[partition]!.stored.tape.filter(
        (entry) => entry.epoch === epoch && entry.number > number,
      ).slice(0, count),
    );
  }

  readBefore(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.answer(`before ${partition} ${epoch}-${number} ${count}`, () =>
      this.publishers[partition]!.stored.tape.filter(
        (entry) => entry.epoch === epoch && entry.number < number,
      )
        .reverse()
        .slice(0, count),
    );
  }

  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    this.listener = listener;
    if (this.connected) listener.up();
    return async () => {
      this.listener = undefined;
    };
  }

  ping(): Promise<void> {
    return this.answer('ping', () => undefined);
  }

  /** The store reads at one moment of the way there and back, and may say nothing. */
  private async answer<T>(question: string, read: () => T): Promise<T> {
    this.asked.push(question);
    this.running++;
    this.runningMax = Math.max(this.runningMax, this.running);
    try {
      await this.pass();
      const value = read();
      await this.pass();
      if (this.random() < this.weather.refusal) throw new StoreUnavailable('no answer');
      return value;
    } finally {
      this.running--;
    }
  }

  private pass(): Promise<void> {
    return new Promise((resolve) => {
      this.time.after((this.random() * this.weather.latencyMs) / 2, resolve);
    });
  }
}

/** What the sink has of one partition. */
export interface Followed {
  epoch: number;
  number: number;
  images: Images;
  loaded: boolean;
  /** Oldest trade in the ring, per symbol. */
  oldestTradeBySid: Map<number, number>;
  historyComplete: boolean;
  hearing: 'unknown' | 'heard' | 'silent';
  reason: StaleReason | null;
  sinceUs: number;
}

/** Holds what it is shown, and throws where a call breaks a promise of ImageSink. */
export class CheckingSink implements ImageSink {
  readonly partitions: Followed[];
  readonly calls: string[] = [];
  reloads = 0;
  trades = 0;
  pastTrades = 0;
  private open: string | null = null;
  private current: Followed;
  private historySpan = new Map<number, { first: number; last: number }>();

  /** @param expected the publisher's state at a position, if it is to be compared */
  constructor(
    partitions: number,
    private readonly expected: (partition: number, epoch: number, number: number) => Images | undefined,
  ) {
    this.partitions = Array.from({ length: partitions }, () => ({
      epoch: 0,
      number: 0,
      images: new Map(),
      loaded: false,
      oldestTradeBySid: new Map(),
      historyComplete: false,
      hearing: 'unknown',
      reason: null,
      sinceUs: 0,
    }));
    this.current = this.partitions[0]!;
  }

  private begin(what: string, partition: number): Followed {
    this.must(this.open === null, `${what} inside ${this.open}`);
    this.open = `${what} ${partition}`;
    this.current = this.partitions[partition]!;
    return this.current;
  }

  private end(what: string, partition: number): Followed {
    this.must(this.open === `${what} ${partition}`, `end of ${what} ${partition} inside ${this.open}`);
    this.open = null;
    return this.current;
  }

  private must(holds: boolean, what: string): void {
    if (!holds) throw new Error(`Promise broken: ${what}\n${this.calls.slice(-20).join('\n')}`);
  }

  private compare(partition: number): void {
    const { epoch, number, images } = this.partitions[partition]!;
    const expected = this.expected(partition, epoch, number);
    if (expected === undefined) return;
    this.must(digest(images) === digest(expected), `state of ${partition} at ${epoch}-${number}`);
    for (const [sid, { tradeSeq }] of expected)
      this.must(images.get(sid)!.tradeSeq === tradeSeq, `trades of ${sid} at ${epoch}-${number}`);
  }

  beginBatch(partition: number, epoch: number, number: number, timeUs: number): void {
    const followed = this.begin('batch', partition);
    this.calls.push(`batch ${partition} ${epoch}-${number}`);
    this.must(followed.loaded, `batch before the first load of ${partition}`);
    this.must(
      epoch === followed.epoch && number === followed.number + 1,
      `batch ${epoch}-${number} after ${followed.epoch}-${followed.number}`,
    );
    this.must(timeUs > 0, 'a batch without a time');
    followed.number = number;
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.must(this.open?.startsWith('batch') === true, `update inside ${this.open}`);
    const { images } = this.current;
    let image = images.get(sid);
    if (image === undefined) {
      image = {
        seq: 0,
        tradeSeq: 0,
        timeUs: 0,
        values: Array.from({ length: IMAGE_FIELD_COUNT }, () => Number.NaN),
      };
      images.set(sid, image);
    }
    this.must(seq === image.seq + 1, `update ${seq} of ${sid} after ${image.seq}`);
    image.seq = seq;
    image.timeUs = timeUs;
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++)
      if ((mask & (1 << field)) !== 0) image.values[field] = values[field]!;
  }

  trade(sid: number, seq: number, timeUs: number, price: number, size: number): void {
    this.must(this.open?.startsWith('batch') === true, `trade inside ${this.open}`);
    const image = this.current.images.get(sid)!;
    this.must(seq === image.tradeSeq + 1, `trade ${seq} of ${sid} after ${image.tradeSeq}`);
    this.must(
      price === tradePrice(sid, seq) && timeUs > 0 && size >= 0,
      `trade ${seq} of ${sid} is another one`,
    );
    image.tradeSeq = seq;
    if (!this.current.oldestTradeBySid.has(sid)) this.current.oldestTradeBySid.set(sid, seq);
    this.trades++;
  }

  endBatch(partition: number): void {
    this.end('batch', partition);
    this.compare(partition);
  }

  beginReload(partition: number, epoch: number, number: number): void {
    const followed = this.begin('reload', partition);
    this.calls.push(`reload ${partition} ${epoch}-${number}`);
    this.must(
      !followed.loaded || epoch !== followed.epoch || number > followed.number,
      `reload of ${partition} to ${epoch}-${number} from ${followed.epoch}-${followed.number}`,
    );
    Object.assign(followed, { epoch, number, images: new Map(), loaded: true, historyComplete: false });
    followed.oldestTradeBySid = new Map();
    this.reloads++;
  }

  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void {
    this.must(this.open?.startsWith('reload') === true, `image inside ${this.open}`);
    this.current.images.set(sid, { seq, tradeSeq, timeUs, values: [...values] });
    this.current.oldestTradeBySid.set(sid, tradeSeq + 1);
  }

  endReload(partition: number): void {
    this.end('reload', partition);
    this.compare(partition);
  }

  beginHistory(partition: number, epoch: number): void {
    const followed = this.begin('history', partition);
    this.must(
      epoch === followed.epoch && !followed.historyComplete,
      `history of ${epoch} in ${followed.epoch}`,
    );
    this.historySpan = new Map();
  }

  pastTrade(sid: number, seq: number, _timeUs: number, price: number): void {
    this.must(this.open?.startsWith('history') === true, `past trade inside ${this.open}`);
    this.must(price === tradePrice(sid, seq), `past trade ${seq} of ${sid} is another one`);
    const span = this.historySpan.get(sid);
    this.must(span === undefined || seq === span.last + 1, `past trade ${seq} of ${sid} after ${span?.last}`);
    this.historySpan.set(sid, { first: span?.first ?? seq, last: seq });
    this.pastTrades++;
  }

  endHistory(partition: number): void {
    const { oldestTradeBySid } = this.end('history', partition);
    for (const [sid, { first, last }] of this.historySpan) {
      this.must(
        last === oldestTradeBySid.get(sid)! - 1,
        `past trades ${first}..${last} of ${sid} before ${oldestTradeBySid.get(sid)}`,
      );
      oldestTradeBySid.set(sid, first);
    }
  }

  historyComplete(partition: number): void {
    const followed = this.partitions[partition]!;
    this.must(this.open === null && !followed.historyComplete, `history of ${partition} completed twice`);
    followed.historyComplete = true;
    this.calls.push(`history complete ${partition}`);
  }

  silent(partition: number, sinceUs: number, reason: StaleReason): void {
    const followed = this.partitions[partition]!;
    this.must(this.open === null && followed.hearing !== 'silent', `${partition} silent twice`);
    Object.assign(followed, { hearing: 'silent', reason, sinceUs });
    this.calls.push(`silent ${partition} ${reason}`);
  }

  heard(partition: number): void {
    const followed = this.partitions[partition]!;
    this.must(this.open === null && followed.hearing !== 'heard', `${partition} heard twice`);
    Object.assign(followed, { hearing: 'heard', reason: null });
    this.calls.push(`heard ${partition}`);
  }
}

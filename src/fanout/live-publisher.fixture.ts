/** A publisher whose every state is kept, and what a store has of it. */
import { IMAGE_FIELD_COUNT } from '#market-data';
import { BatchEncoder, encodeHeartbeat } from './batch.js';
import { CheckpointEncoder } from './checkpoint.js';
import type { Random } from './live-time.fixture.js';
import type { PartitionState, TapeEntry } from './tape.js';

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

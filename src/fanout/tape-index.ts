/**
 * What stands on the tape of one partition, oldest first, so that the owner can trim it: by age, by bytes, and never
 * beyond the last stored checkpoint, which would leave nobody a state to start from.
 */
import type { PartitionStore, TapeId, TapeMeasure } from './partition-store.js';

const MEASURES_PER_CALL = 500;

export interface TapeLimits {
  readonly ageMsMax: number;
  readonly bytesMax: number;
}

interface IndexedBatch extends TapeMeasure {
  readonly trades: number;
}

export class TapeIndex {
  private batches: IndexedBatch[] = [];
  private bytes = 0;

  constructor(private readonly limits: TapeLimits) {}

  /** Measures a tape that another owner wrote. @throws StoreUnavailable */
  async measure(store: PartitionStore, partition: number): Promise<void> {
    this.clear();
    for (let before: TapeId | null = null; ; ) {
      const page: readonly TapeMeasure[] = await store.measureTape(partition, before, MEASURES_PER_CALL);
      for (const measure of page) this.batches.push({ ...measure, trades: 0 });
      const oldest = page.at(-1);
      if (oldest === undefined || page.length < MEASURES_PER_CALL) break;
      before = oldest;
    }
    this.batches.reverse();
    for (const { bytes } of this.batches) this.bytes += bytes;
  }

  add(batch: TapeMeasure, trades: number): void {
    this.batches.push({ ...batch, trades });
    this.bytes += batch.bytes;
  }

  /**
   * @param checkpoint the last one that is stored
   * @returns the oldest batch to keep, or null when nothing is to be trimmed
   */
  keepFrom(nowMs: number, checkpoint: TapeId): TapeId | null {
    let { bytes } = this;
    let first = 0;
    for (const batch of this.batches) {
      const isOver = nowMs - batch.timeMs > this.limits.ageMsMax || bytes > this.limits.bytesMax;
      if (!isOver || !isUpTo(batch, checkpoint)) break;
      bytes -= batch.bytes;
      first++;
    }
    if (first === 0) return null;
    return this.batches[first] ?? { epoch: checkpoint.epoch, number: checkpoint.number + 1 };
  }

  /** A commit with this trimming is stored. */
  trimmed(keptFrom: TapeId): void {
    const first = this.batches.findIndex((batch) => isUpTo(keptFrom, batch));
    const dropped = this.batches.splice(0, first < 0 ? this.batches.length : first);
    for (const { bytes } of dropped) this.bytes -= bytes;
  }

  /**
   * The store has lost what came after `kept` (null: all of it).
   * @returns trades in the lost batches of this owner
   */
  lost(kept: TapeId | null): number {
    const first = kept === null ? 0 : this.batches.findIndex((batch) => !isUpTo(batch, kept));
    const lost = first < 0 ? [] : this.batches.splice(first);
    let trades = 0;
    for (const batch of lost) {
      trades += batch.trades;
      this.bytes -= batch.bytes;
    }
    return trades;
  }

  clear(): void {
    this.batches = [];
    this.bytes = 0;
  }
}

function isUpTo(id: TapeId, other: TapeId): boolean {
  return id.epoch < other.epoch || (id.epoch === other.epoch && id.number <= other.number);
}

/**
 * What stands on the tape of one partition, oldest first, so that the owner can trim it: by age, by bytes, and never
 * beyond the last stored checkpoint, which would leave nobody a state to start from.
 */
import type { Clock } from '../clock.js';
import { Fifo } from '../fifo.js';
import type { PartitionStore, TapeId, TapeMeasure } from './partition-store.js';

const MEASURES_PER_CALL = 500;

export interface TapeLimits {
  readonly ageMsMax: number;
  readonly bytesMax: number;
}

interface IndexedBatch extends TapeId {
  readonly bytes: number;
  /** Monotonic ms since which it stands there: a wall clock that is set must not age what clients may still ask for. */
  readonly sinceMs: number;
  readonly trades: number;
}

export class TapeIndex {
  private batches = new Fifo<IndexedBatch>();
  private bytes = 0;

  constructor(private readonly limits: TapeLimits) {}

  /** Measures a tape that another owner wrote. @throws StoreUnavailable */
  async measure(store: PartitionStore, partition: number, clock: Clock): Promise<void> {
    this.clear();
    const measures: TapeMeasure[] = [];
    for (let before: TapeId | null = null; ; ) {
      const page: readonly TapeMeasure[] = await store.measureTape(partition, before, MEASURES_PER_CALL);
      measures.push(...page);
      const oldest = page.at(-1);
      if (oldest === undefined || page.length < MEASURES_PER_CALL) break;
      before = oldest;
    }
    const nowMs = clock.nowUs() / 1000;
    let writtenMs = 0;
    for (const { epoch, number, bytes, timeMs } of measures.reverse()) {
      // Written behind the one before it, whatever the clock of its owner showed; and not in the future.
      writtenMs = Math.max(writtenMs, timeMs);
      const ageMs = Math.max(0, nowMs - writtenMs);
      this.add({ epoch, number }, bytes, clock.monotonicMs() - ageMs, 0);
    }
  }

  /** @param sinceMs when it was stored, monotonic */
  add({ epoch, number }: TapeId, bytes: number, sinceMs: number, trades: number): void {
    this.batches.push({ epoch, number, bytes, sinceMs, trades });
    this.bytes += bytes;
  }

  /**
   * @param nowMs monotonic
   * @param checkpoint the last one that is stored
   * @returns the oldest batch to keep, or null when nothing is to be trimmed
   */
  keepFrom(nowMs: number, checkpoint: TapeId): TapeId | null {
    let { bytes } = this;
    let first = 0;
    let batch = this.batches.first;
    for (; batch !== undefined; batch = this.batches.at(first)) {
      const isOver = nowMs - batch.sinceMs > this.limits.ageMsMax || bytes > this.limits.bytesMax;
      if (!isOver || !isUpTo(batch, checkpoint)) break;
      bytes -= batch.bytes;
      first++;
    }
    if (first === 0) return null;
    return batch ?? { epoch: checkpoint.epoch, number: checkpoint.number + 1 };
  }

  /** A commit with this trimming is stored. */
  trimmed(keptFrom: TapeId): void {
    for (
      let { first } = this.batches;
      first !== undefined && !isUpTo(keptFrom, first);
      { first } = this.batches
    ) {
      this.batches.shift();
      this.bytes -= first.bytes;
    }
  }

  /**
   * The store has lost what came after `kept` (null: all of it).
   * @returns trades in the lost batches of this owner
   */
  lost(kept: TapeId | null): number {
    const all = this.batches.all();
    this.clear();
    let trades = 0;
    for (const batch of all) {
      if (kept !== null && isUpTo(batch, kept)) this.add(batch, batch.bytes, batch.sinceMs, batch.trades);
      else trades += batch.trades;
    }
    return trades;
  }

  clear(): void {
    this.batches = new Fifo();
    this.bytes = 0;
  }
}

function isUpTo(id: TapeId, other: TapeId): boolean {
  return id.epoch < other.epoch || (id.epoch === other.epoch && id.number <= other.number);
}

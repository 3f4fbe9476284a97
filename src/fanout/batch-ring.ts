/**
 * An owner's own newest batches: what Redis lost in a failover is put back from here. Bounded by age, and by bytes over
 * all partitions of the process.
 */
import { Fifo } from '../fifo.js';
import { KeepBudget, type Keeper } from './keep-budget.js';
import type { MarkMove } from './session-marks.js';

export interface RingBatch {
  readonly number: number;
  readonly message: Uint8Array;
  readonly marksMoved: readonly MarkMove[];
  readonly marksDropped: readonly string[];
  /** Only with number 1: an epoch begins with one. */
  readonly checkpoint: Uint8Array | null;
  readonly timeMs: number;
  /** Monotonic. */
  readonly storedMs: number;
}

/** Bytes of all rings of the process. */
export class RingBudget extends KeepBudget {}

export class BatchRing implements Keeper {
  private readonly batches = new Fifo<RingBatch>();

  constructor(
    private readonly ageMsMax: number,
    private readonly budget: RingBudget,
  ) {}

  get oldestMs(): number | undefined {
    return this.batches.first?.storedMs;
  }

  push(batch: RingBatch): void {
    this.batches.push(batch);
    this.budget.add(this, sizeOf(batch));
    while (this.oldestMs !== undefined && batch.storedMs - this.oldestMs > this.ageMsMax) this.dropOldest();
    this.budget.fit(batch.storedMs, this.ageMsMax);
  }

  dropOldest(): void {
    const batch = this.batches.shift();
    if (batch !== undefined) this.budget.remove(this, sizeOf(batch));
  }

  /** Batches after `number` up to the newest; undefined when the ring does not reach back so far. */
  after(number: number): readonly RingBatch[] | undefined {
    const { first } = this.batches;
    if (first === undefined || first.number > number + 1) return undefined;
    return this.batches.all().slice(number + 1 - first.number);
  }

  clear(): void {
    while (this.oldestMs !== undefined) this.dropOldest();
  }
}

/** Marks are small, but a new epoch sends all of them. */
function sizeOf({ message, checkpoint, marksMoved }: RingBatch): number {
  return message.length + (checkpoint?.length ?? 0) + marksMoved.length * 64;
}

/**
 * An owner's own newest batches: what Redis lost in a failover is put back from here. Bounded by age, and by bytes over
 * all partitions of the process.
 */
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
export class RingBudget {
  bytes = 0;

  constructor(readonly bytesMax: number) {}
}

export class BatchRing {
  private batches: RingBatch[] = [];

  constructor(
    private readonly ageMsMax: number,
    private readonly budget: RingBudget,
  ) {}

  push(batch: RingBatch): void {
    this.batches.push(batch);
    this.budget.bytes += sizeOf(batch);
    let drop = 0;
    while (drop < this.batches.length && this.isOver(this.batches[drop]!, batch.storedMs)) {
      this.budget.bytes -= sizeOf(this.batches[drop]!);
      drop++;
    }
    if (drop > 0) this.batches.splice(0, drop);
  }

  private isOver(batch: RingBatch, nowMs: number): boolean {
    return nowMs - batch.storedMs > this.ageMsMax || this.budget.bytes > this.budget.bytesMax;
  }

  /** Batches after `number` up to the newest; undefined when the ring does not reach back so far. */
  after(number: number): readonly RingBatch[] | undefined {
    const first = this.batches[0];
    if (first === undefined || first.number > number + 1) return undefined;
    return this.batches.slice(number + 1 - first.number);
  }

  clear(): void {
    for (const batch of this.batches) this.budget.bytes -= sizeOf(batch);
    this.batches = [];
  }
}

/** Marks are small, but a new epoch sends all of them. */
function sizeOf({ message, checkpoint, marksMoved }: RingBatch): number {
  return message.length + (checkpoint?.length ?? 0) + marksMoved.length * 64;
}

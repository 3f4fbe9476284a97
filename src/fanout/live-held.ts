/**
 * Live batches that came while numbers before them are missing. Never more than a budget of bytes for all
 * partitions together. Full means: not taken, for the tape has them and is read until it is caught up with.
 */
export interface HeldBatch {
  readonly epoch: number;
  readonly number: number;
  /** Which message of the partition it was: what the store is asked after it knows better. */
  readonly stamp: number;
  readonly bytes: Uint8Array;
}

/** What all partitions of a process hold together. */
export class HeldBudget {
  bytes = 0;

  constructor(readonly bytesMax: number) {}
}

export class HeldBatches {
  private batches: HeldBatch[] = [];

  constructor(private readonly budget: HeldBudget) {}

  get count(): number {
    return this.batches.length;
  }

  /** @returns false when the budget is spent and the batch was not taken */
  offer(epoch: number, number: number, stamp: number, bytes: Uint8Array): boolean {
    if (this.budget.bytes + bytes.length > this.budget.bytesMax) return false;
    this.budget.bytes += bytes.length;
    // A message is a small view into a socket's large read buffer, which it would keep from being freed.
    this.batches.push({ epoch, number, stamp, bytes: new Uint8Array(bytes) });
    return true;
  }

  /** Takes the first batch for which `wanted` says so. */
  take(wanted: (batch: HeldBatch) => boolean): HeldBatch | undefined {
    const at = this.batches.findIndex(wanted);
    return at < 0 ? undefined : this.free(this.batches.splice(at, 1))[0];
  }

  /** Drops every batch for which `useless` says so. @returns how many */
  drop(useless: (batch: HeldBatch) => boolean): number {
    const before = this.batches;
    this.batches = before.filter((batch) => !useless(batch));
    return this.free(before.filter(useless)).length;
  }

  private free(batches: HeldBatch[]): HeldBatch[] {
    for (const { bytes } of batches) this.budget.bytes -= bytes.length;
    return batches;
  }
}

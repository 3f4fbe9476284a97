/**
 * What a feed process keeps of its acknowledged entries, to append again when the store comes back as another run: a
 * failover may have lost its newest part. Age is looked at when something is added, so an outage does not empty it.
 */
interface TailEntry {
  readonly bytes: Uint8Array;
  /** Monotonic. */
  readonly storedMs: number;
}

/** Bytes of the tails of all partitions. */
export class TailBudget {
  bytes = 0;

  constructor(readonly bytesMax: number) {}
}

export class LogTail {
  private readonly entries: TailEntry[] = [];

  constructor(
    private readonly ageMsMax: number,
    private readonly budget: TailBudget,
  ) {}

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  add(bytes: Uint8Array, nowMs: number): void {
    this.entries.push({ bytes, storedMs: nowMs });
    this.budget.bytes += bytes.length;
    let drop = 0;
    while (drop < this.entries.length && this.isOver(this.entries[drop]!, nowMs)) {
      this.budget.bytes -= this.entries[drop]!.bytes.length;
      drop++;
    }
    if (drop > 0) this.entries.splice(0, drop);
  }

  private isOver(entry: TailEntry, nowMs: number): boolean {
    return nowMs - entry.storedMs > this.ageMsMax || this.budget.bytes > this.budget.bytesMax;
  }

  all(): readonly Uint8Array[] {
    return this.entries.map(({ bytes }) => bytes);
  }
}

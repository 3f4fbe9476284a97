/**
 * What a feed process keeps of its acknowledged entries, to append again when the store comes back as another run: a
 * failover may have lost its newest part. Age is looked at when something is added, and when the connection breaks, but
 * not while it is broken: an outage does not empty it.
 */
import { Fifo } from '../fifo.js';
import type { KeepBudget, Keeper } from './keep-budget.js';

interface TailEntry {
  readonly bytes: Uint8Array;
  /** Monotonic. */
  readonly storedMs: number;
}

export class LogTail implements Keeper {
  private readonly entries = new Fifo<TailEntry>();

  /** @param budget of the tails of all partitions */
  constructor(
    private readonly ageMsMax: number,
    private readonly budget: KeepBudget,
  ) {}

  get isEmpty(): boolean {
    return this.entries.first === undefined;
  }

  get oldestMs(): number | undefined {
    return this.entries.first?.storedMs;
  }

  add(bytes: Uint8Array, nowMs: number): void {
    this.entries.push({ bytes, storedMs: nowMs });
    this.budget.add(this, bytes.length);
    this.dropOld(nowMs);
    this.budget.fit(nowMs, this.ageMsMax);
  }

  /** What was stored so long ago, a failover does not lose. */
  dropOld(nowMs: number): void {
    while (this.oldestMs !== undefined && nowMs - this.oldestMs > this.ageMsMax) this.dropOldest();
  }

  dropOldest(): void {
    const entry = this.entries.shift();
    if (entry !== undefined) this.budget.remove(this, entry.bytes.length);
  }

  all(): readonly Uint8Array[] {
    return this.entries.all().map(({ bytes }) => bytes);
  }
}

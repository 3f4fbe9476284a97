/** Writes a settled turn as a batch, and a table as a checkpoint. Both may be written again with other numbers. */

import { IMAGE_FIELD_COUNT } from '#market-data';
import { BatchEncoder } from './batch.js';
import { CheckpointEncoder } from './checkpoint.js';
import type { ImageTable } from './image-table.js';
import type { LineWindows } from './line-windows.js';
import { OwnerPartEncoder } from './owner-part.js';
import type { TurnChanges } from './turn-changes.js';

/** Encoders of one process: a turn encodes one partition after the other. */
const batches = new BatchEncoder();
const checkpoints = new CheckpointEncoder();

export class TurnEncoder {
  private readonly ownerParts: OwnerPartEncoder;
  /** Symbols of the last batch: those of its turn that had something to say. */
  symbols = 0;
  /** Their positions in the turn, in order; the first `symbols` count. */
  private positions = new Int32Array(64);

  constructor(
    private readonly images: ImageTable,
    private readonly lines: LineWindows,
    private readonly changes: TurnChanges,
  ) {
    this.ownerParts = new OwnerPartEncoder(images, lines);
  }

  /** @param emptyUs time of a batch in which no symbol changed */
  batch(epoch: number, number: number, emptyUs: number): Uint8Array {
    this.include();
    const { symbols, positions } = this;
    batches.begin(epoch, number, symbols === 0 ? emptyUs : this.oldestUs(), symbols);
    for (let i = 0; i < symbols; i++) this.symbol(positions[i]!);
    return batches.end();
  }

  private include(): void {
    const { size } = this.changes;
    if (size > this.positions.length) this.positions = new Int32Array(size * 2);
    this.symbols = 0;
    for (let position = 0; position < size; position++)
      if (this.isIncluded(position)) this.positions[this.symbols++] = position;
  }

  private isIncluded(position: number): boolean {
    const { masks, tradeCounts, slots } = this.changes;
    if (masks[position] !== 0 || tradeCounts[position] !== 0) return true;
    for (const window of this.lines.of(slots[position]!)) if (window.moved) return true;
    return false;
  }

  private oldestUs(): number {
    const { slots, timesUs, trades } = this.changes;
    let oldest = Number.MAX_SAFE_INTEGER;
    for (let i = 0; i < this.symbols; i++) {
      const timeUs = this.images.publishedUs[slots[this.positions[i]!]!]!;
      if (timeUs < oldest) oldest = timeUs;
    }
    for (let trade = 0; trade < trades; trade++) if (timesUs[trade]! < oldest) oldest = timesUs[trade]!;
    return oldest;
  }

  private symbol(position: number): void {
    const { images, changes, ownerParts } = this;
    const slot = changes.slots[position]!;
    const trades = changes.tradeCounts[position]!;
    const ownerLength = ownerParts.moved(slot, trades > 0);
    batches.symbol(
      images.sids[slot]!,
      images.seqs[slot]!,
      changes.masks[position]!,
      images.publishedUs[slot]!,
      images.published,
      slot * IMAGE_FIELD_COUNT,
      trades,
      ownerParts.buffer,
      ownerLength,
    );
    let seq = images.tradeSeqs[slot]! - trades;
    for (let trade = changes.firstTrades[position]!; trade >= 0; trade = changes.nexts[trade]!) {
      seq++;
      const { timesUs, prices, sizes, ids, conditions } = changes;
      batches.trade(
        seq,
        timesUs[trade]!,
        prices[trade]!,
        sizes[trade]!,
        ids[trade] ?? null,
        conditions[trade] ?? null,
      );
    }
  }

  /** All images that were ever published. */
  checkpoint(epoch: number, number: number): Uint8Array {
    const { images } = this;
    let symbols = 0;
    for (let slot = 0; slot < images.size; slot++) if (this.hasState(slot)) symbols++;
    checkpoints.begin(epoch, number, symbols);
    for (let slot = 0; slot < images.size; slot++) if (this.hasState(slot)) this.image(slot);
    return checkpoints.end();
  }

  private hasState(slot: number): boolean {
    return this.images.seqs[slot]! > 0 || this.images.tradeSeqs[slot]! > 0;
  }

  private image(slot: number): void {
    const { images, ownerParts } = this;
    const ownerLength = ownerParts.all(slot);
    checkpoints.symbol(
      images.sids[slot]!,
      images.seqs[slot]!,
      images.tradeSeqs[slot]!,
      images.publishedUs[slot]!,
      images.published,
      slot * IMAGE_FIELD_COUNT,
      ownerParts.buffer,
      ownerLength,
    );
  }

  /** The turn is stored: its line windows are on the tape. */
  clear(): void {
    const { slots, size } = this.changes;
    for (let position = 0; position < size; position++)
      for (const window of this.lines.of(slots[position]!)) window.moved = false;
    this.changes.clear();
  }
}

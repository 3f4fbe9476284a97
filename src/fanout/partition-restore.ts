/** Brings the images of a partition back from its checkpoint and the tape after it. */
import { ALL_FIELDS } from '#market-data';
import { BatchDecoder, type BatchVisitor } from './batch.js';
import { type CheckpointVisitor, decodeCheckpoint } from './checkpoint.js';
import type { ImageTable } from './image-table.js';
import type { LineWindows } from './line-windows.js';
import { restoreOwnerPart } from './owner-part.js';
import type { PartitionState } from './tape.js';

/**
 * @returns whether checkpoint and tape lead to the stored number without a hole; the images are as near as they come
 * @throws MsgpackError when they cannot be read
 */
export function restoreImages(state: PartitionState, images: ImageTable, lines: LineWindows): boolean {
  if (state.checkpoint === null) return false;
  const restorer = new Restorer(images, lines);
  decodeCheckpoint(state.checkpoint, restorer);
  const decoder = new BatchDecoder();
  let { epoch, number } = restorer;
  for (const entry of state.entries) {
    if (entry.epoch !== epoch || entry.number !== number + 1) return false;
    decoder.decode(entry.bytes, restorer);
    ({ epoch, number } = entry);
  }
  return epoch === state.epoch && number === state.number;
}

class Restorer implements CheckpointVisitor, BatchVisitor {
  epoch = 0;
  number = 0;

  constructor(
    private readonly images: ImageTable,
    private readonly lines: LineWindows,
  ) {}

  begin(epoch: number, number: number): void {
    this.epoch = epoch;
    this.number = number;
  }

  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void {
    const slot = this.images.slot(sid);
    this.images.restore(slot, ALL_FIELDS, timeUs, values);
    this.images.seqs[slot] = seq;
    this.images.tradeSeqs[slot] = tradeSeq;
  }

  end(): void {
    // The images are in place already.
  }

  beginBatch(): void {
    // Its numbers were checked by the caller.
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    if (mask === 0) return;
    const slot = this.images.slot(sid);
    this.images.restore(slot, mask, timeUs, values);
    this.images.seqs[slot] = seq;
  }

  trade(sid: number, seq: number): void {
    this.images.tradeSeqs[this.images.slot(sid)] = seq;
  }

  ownerPart(sid: number, bytes: Uint8Array): void {
    restoreOwnerPart(bytes, this.images.slot(sid), this.images, this.lines);
  }

  endBatch(): void {
    // Each of its symbols is in place already.
  }
}

/**
 * What the next owner of a symbol needs and no gateway does, in a batch only what moved, in a checkpoint all of it:
 *
 *   [volume remainder, turnover, day, (line, top, near, far, newest time, [first missing, last missing…])…]
 *
 * The first three are nil together when they did not move.
 */
import { MsgpackReader, MsgpackWriter } from '#wire';
import type { ImageTable } from './image-table.js';
import type { LineWindow, LineWindows } from './line-windows.js';

const DAY_ITEMS = 3;
const LINE_ITEMS = 6;
/** A batch holds them for every line that moved: the next owner is told of the newest. */
export const MISSING_RANGES = 16;

export class OwnerPartEncoder {
  private readonly writer = new MsgpackWriter(256);

  constructor(
    private readonly images: ImageTable,
    private readonly lines: LineWindows,
  ) {}

  /** Holds what was written last, from its start; another one after it has grown. */
  get buffer(): Uint8Array {
    return this.writer.buffer;
  }

  /** @returns bytes in the buffer; 0 when nothing moved */
  moved(slot: number, traded: boolean): number {
    let moved = 0;
    for (const window of this.lines.of(slot)) if (window.moved) moved++;
    if (!traded && moved === 0) return 0;
    this.begin(slot, traded, moved);
    for (const window of this.lines.of(slot)) if (window.moved) this.line(window);
    return this.writer.at;
  }

  /** @returns bytes in the buffer */
  all(slot: number): number {
    const windows = this.lines.of(slot);
    this.begin(slot, true, windows.length);
    for (const window of windows) this.line(window);
    return this.writer.at;
  }

  private begin(slot: number, traded: boolean, windows: number): void {
    const { writer, images } = this;
    writer.at = 0;
    writer.array(DAY_ITEMS + windows * LINE_ITEMS);
    if (!traded) {
      for (let i = 0; i < DAY_ITEMS; i++) writer.nil();
      return;
    }
    writer.integer(images.volumeRemainders[slot]!);
    writer.float64(images.turnovers[slot]!);
    writer.integerOrNil(images.days[slot]!);
  }

  private line(window: LineWindow): void {
    const { writer } = this;
    writer.string(window.line);
    writer.integer(window.top);
    writer.integer(window.near);
    writer.integer(window.far);
    writer.integer(window.newestUs);
    const { missing } = window;
    const from = Math.max(0, missing.length - MISSING_RANGES * 2);
    writer.array(missing.length - from);
    for (let i = from; i < missing.length; i++) writer.integer(missing[i]!);
  }
}

/** Puts an owner part back. @throws MsgpackError */
export function restoreOwnerPart(
  bytes: Uint8Array,
  slot: number,
  images: ImageTable,
  lines: LineWindows,
): void {
  const reader = new MsgpackReader(bytes);
  const windows = (reader.array() - DAY_ITEMS) / LINE_ITEMS;
  const remainder = reader.integerOrNull();
  if (remainder === null) {
    reader.skip();
    reader.skip();
  } else {
    images.volumeRemainders[slot] = remainder;
    images.turnovers[slot] = reader.float64();
    images.days[slot] = reader.integerOrNaN();
  }
  for (let i = 0; i < windows; i++) {
    const line = reader.string();
    const top = reader.integer();
    const near = reader.integer();
    const far = reader.integer();
    const newestUs = reader.integer();
    const missing: number[] = [];
    for (let left = reader.array(); left > 0; left--) missing.push(reader.integer());
    lines.restore(slot, { line, top, near, far, newestUs, movedMs: Number.NaN, missing, moved: false });
  }
}

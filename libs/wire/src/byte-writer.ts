/**
 * One growing buffer that is written from its start and reused. `bytes()` copies what was written; `view()` does
 * not, and is valid until the next write.
 */
const utf8 = new TextEncoder();

export class ByteWriter {
  buffer: Uint8Array;
  /** Where the next byte goes; set it to 0 to begin anew. */
  at = 0;
  protected data: DataView;

  constructor(capacity = 1024) {
    this.buffer = new Uint8Array(capacity);
    this.data = new DataView(this.buffer.buffer);
  }

  /** The buffer as a DataView; another one after the buffer has grown. */
  get dataView(): DataView {
    return this.data;
  }

  /** What was written since the beginning, as a copy. */
  bytes(): Uint8Array {
    return this.buffer.slice(0, this.at);
  }

  /** What was written since the beginning, valid until the next write. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.at + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.at));
    this.buffer = grown;
    this.data = new DataView(grown.buffer);
  }

  /** Copies bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Text as UTF-8, without any header. */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.at += utf8.encodeInto(text, this.buffer.subarray(this.at)).written;
  }
}

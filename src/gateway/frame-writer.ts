/**
 * Builds WebSocket frames from fragments in one scratch buffer that all sessions take turns with. A frame is cut at
 * 64 KiB; what a session gets in one flush is one stretch of frames, one socket write. When the kernel did not take
 * a write at once, its bytes are still in use: the writer then moves on behind them and takes a new scratch when this
 * one is full.
 */
import type { Dialect } from '#wire';

/** The largest payload with a 16-bit length, and where frames are cut. */
export const FRAME_PAYLOAD_MAX = 0xffff;
const HEADER_SHORT = 2;
const HEADER_MAX = 4;
const SHORT_PAYLOAD_MAX = 125;
/** Fragments are copied in steps of 4 bytes, up to 32 beyond their end. */
const OVERCOPY = 32;
const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;

const SCRATCH_BYTES = 256 * 1024;

export class FrameWriter {
  private scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  private view = viewOf(this.scratch);
  /** Bytes before this are still in the hands of a socket. */
  private base = 0;
  private dialect: Dialect | undefined;
  /** Where the stretch of frames begins that is being built. */
  private firstByte = 0;
  private frameStart = 0;
  private at = 0;
  private records = 0;

  /** Begins what one session gets. */
  open(dialect: Dialect): void {
    this.dialect = dialect;
    this.records = 0;
    if (this.base + FRAME_PAYLOAD_MAX + HEADER_MAX + OVERCOPY > this.scratch.length) this.take(SCRATCH_BYTES);
    this.firstByte = this.base;
    this.startPayload(this.base);
  }

  /** Appends one symbol's fragment: `records` records in `length` bytes. */
  append(source: DataView, from: number, length: number, records: number): void {
    if (this.at + length - this.frameStart - HEADER_MAX > FRAME_PAYLOAD_MAX - 1) this.cut(length);
    this.room(length);
    const { view } = this;
    let to = this.at;
    // Overcopy: whole steps, no branch per length; what lands behind the end is overwritten by the next fragment.
    for (let i = from; i < from + length; i += 4, to += 4) view.setUint32(to, source.getUint32(i));
    this.at += length;
    this.records += records;
  }

  /** Appends a run of records, which must fit one frame. */
  appendBytes(bytes: Uint8Array, records: number): void {
    if (this.at + bytes.length - this.frameStart - HEADER_MAX > FRAME_PAYLOAD_MAX - 1) this.cut(bytes.length);
    this.room(bytes.length);
    this.scratch.set(bytes, this.at);
    this.at += bytes.length;
    this.records += records;
  }

  /** The frames since `open`, or null when nothing was appended. Valid until the next `open`, unless kept. */
  close(): Uint8Array | null {
    if (this.records > 0) this.seal();
    else this.at = this.frameStart;
    const start = this.firstByte;
    const end = this.at;
    return start === end ? null : this.scratch.subarray(start, end);
  }

  /** The last frames are still with the kernel: they stay untouched. */
  keep(): void {
    this.base = this.at;
  }

  private startPayload(start: number): void {
    this.frameStart = start;
    this.at = start + HEADER_MAX + this.dialect!.prefixSize;
    this.records = 0;
  }

  /** Ends a frame that has no room for `length` more bytes, and begins the next behind it. */
  private cut(length: number): void {
    if (this.records > 0) this.seal();
    else this.at = this.frameStart;
    this.room(length + HEADER_MAX + FRAME_PAYLOAD_MAX);
    this.startPayload(this.at);
  }

  private seal(): void {
    const { scratch, frameStart } = this;
    const dialect = this.dialect!;
    const payloadStart = frameStart + HEADER_MAX;
    const payloadEnd = dialect.seal(scratch, payloadStart, this.at, this.records);
    const size = payloadEnd - payloadStart;
    const opcode = dialect.binary ? FIN_BINARY : FIN_TEXT;
    if (size > SHORT_PAYLOAD_MAX) {
      scratch[frameStart] = opcode;
      scratch[frameStart + 1] = 126;
      scratch[frameStart + 2] = size >>> 8;
      scratch[frameStart + 3] = size & 0xff;
      this.at = payloadEnd;
    } else {
      // A short header: the frame moves two bytes to the front, or begins two bytes later when it is the first.
      this.sealShort(opcode, payloadStart, size);
    }
    this.records = 0;
  }

  private sealShort(opcode: number, payloadStart: number, size: number): void {
    const { scratch, frameStart } = this;
    if (frameStart === this.firstByte) {
      this.firstByte = frameStart + HEADER_MAX - HEADER_SHORT;
      scratch[this.firstByte] = opcode;
      scratch[this.firstByte + 1] = size;
      this.at = payloadStart + size;
      return;
    }
    scratch.copyWithin(frameStart + HEADER_SHORT, payloadStart, payloadStart + size);
    scratch[frameStart] = opcode;
    scratch[frameStart + 1] = size;
    this.at = frameStart + HEADER_SHORT + size;
  }

  /** Makes room for `length` more bytes behind `at`; the stretch that is being built moves to a new scratch if need be. */
  private room(length: number): void {
    if (this.at + length + OVERCOPY > this.scratch.length) this.renew(length);
  }

  private renew(length: number): void {
    const building = this.scratch.subarray(this.firstByte, this.at);
    const shift = this.firstByte;
    this.take(Math.max(SCRATCH_BYTES, (building.length + length + OVERCOPY) * 2));
    this.scratch.set(building, 0);
    this.firstByte = 0;
    this.frameStart -= shift;
    this.at -= shift;
  }

  /** A new scratch; the old one belongs to the sockets that still hold parts of it. */
  private take(bytes: number): void {
    this.scratch = Buffer.allocUnsafeSlow(bytes);
    this.view = viewOf(this.scratch);
    this.base = 0;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** One whole frame around a message of any length, in a buffer of its own: for control records. */
export function frameOf(message: Uint8Array, binary: boolean): Uint8Array {
  const size = message.length;
  const header = size <= SHORT_PAYLOAD_MAX ? HEADER_SHORT : size <= FRAME_PAYLOAD_MAX ? HEADER_MAX : 10;
  const frame = Buffer.allocUnsafe(header + size);
  frame[0] = binary ? FIN_BINARY : FIN_TEXT;
  if (header === HEADER_SHORT) {
    frame[1] = size;
  } else if (header === HEADER_MAX) {
    frame[1] = 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(size, 6);
  }
  frame.set(message, header);
  return frame;
}

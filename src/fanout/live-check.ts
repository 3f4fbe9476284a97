/**
 * Whether a batch can be read to its end, before the sink is shown any of it: a batch is applied whole or not at all.
 * The quick look walks the forms that the encoder writes, without making a value of anything; bytes in any
 * other form are read once in full instead, which also says what is wrong with them.
 * Measured on 160 updates of 38 bytes: look 48 ns per update, reading in full 115 ns.
 */
import { BATCH, BatchDecoder, type BatchVisitor } from './batch.js';
import { bitCount } from './live-fields.js';

const NOTHING: BatchVisitor = {
  beginBatch: () => undefined,
  update: () => undefined,
  trade: () => undefined,
  endBatch: () => undefined,
};

/** Items that are an integer or nil: how many bytes each takes, by its first byte; 0 for all others. */
const WIDTHS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x80 || byte >= 0xe0) return 1;
  return { 192: 1, 204: 2, 205: 3, 206: 5, 207: 9, 208: 2, 209: 3, 210: 5, 211: 9 }[byte] ?? 0;
});
const NIL = 0xc0;
/** High halves of 64-bit integers below 2^53. */
const HIGH_BYTE_MAX = 0x1f;

export class BatchCheck {
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private readonly decoder = new BatchDecoder();

  /** @throws MsgpackError that says what is wrong */
  check(bytes: Uint8Array): void {
    if (!this.looksWhole(bytes)) this.decoder.decode(bytes, NOTHING);
  }

  /** True only for what a BatchDecoder reads to its end; false also for forms that are merely unusual. */
  looksWhole(bytes: Uint8Array): boolean {
    this.bytes = bytes;
    this.at = 2;
    if (bytes[0] !== 0x95 || bytes[1] !== BATCH) return false;
    if (!this.epoch() || !this.unsigned() || !this.integers(1)) return false;
    const symbols = this.count();
    for (let i = 0; i < symbols; i++) if (!this.symbol()) return false;
    return symbols >= 0 && this.at === bytes.length;
  }

  /** Above 0, and so is one of its bytes. */
  private epoch(): boolean {
    const { at } = this;
    return (
      this.unsigned() &&
      this.bytes.subarray(at, this.at).some((byte, i, all) => byte > 0 && i >= +(all.length > 1))
    );
  }

  private unsigned(): boolean {
    return this.bytes[this.at]! < 0xd0 && this.integers(1);
  }

  private symbol(): boolean {
    const items = this.count();
    if (!this.integers(2)) return false;
    const mask = this.mask();
    if (mask < 0 || items !== 6 + bitCount(mask) || !this.integers(1)) return false;
    if (!this.integersOrNil(items - 6) || !this.ownerPart()) return false;
    const trades = this.count();
    for (let i = 0; i < trades; i++) if (!this.trade()) return false;
    return trades >= 0;
  }

  private trade(): boolean {
    if (this.bytes[this.at] !== 0x96) return false;
    this.at++;
    return this.integers(3) && this.integersOrNil(1) && this.textOrNil() && this.textOrNil();
  }

  /** Steps over integers; they and nil differ in one byte. */
  private integers(count: number): boolean {
    const { bytes } = this;
    let { at } = this;
    for (let i = 0; i < count; i++) {
      const byte = bytes[at]!;
      if (byte === NIL || at >= bytes.length) return false;
      const width = WIDTHS[byte]!;
      if (width === 0 || (width === 9 && !this.isExact(at))) return false;
      at += width;
    }
    this.at = at;
    return true;
  }

  private integersOrNil(count: number): boolean {
    const { bytes } = this;
    let { at } = this;
    for (let i = 0; i < count; i++) {
      if (at >= bytes.length) return false;
      const width = WIDTHS[bytes[at]!]!;
      if (width === 0 || (width === 9 && !this.isExact(at))) return false;
      at += width;
    }
    this.at = at;
    return true;
  }

  /** Whether a 64-bit integer is surely within 2^53; negative ones that wide are left to the full reading. */
  private isExact(at: number): boolean {
    const { bytes } = this;
    return bytes[at] === 0xcf && bytes[at + 1] === 0 && bytes[at + 2]! <= HIGH_BYTE_MAX;
  }

  /** Items of an array; -1 for anything else, and for counts that only a very long message could have. */
  private count(): number {
    const { bytes } = this;
    const byte = bytes[this.at]!;
    if ((byte & 0xf0) === 0x90) {
      this.at++;
      return byte & 0x0f;
    }
    if (byte !== 0xdc) return -1;
    const count = bytes[this.at + 1]! * 256 + bytes[this.at + 2]!;
    this.at += 3;
    return count;
  }

  /** The mask: up to 16 bits are as good as all that there are. */
  private mask(): number {
    const { bytes, at } = this;
    const byte = bytes[at]!;
    if (byte < 0x80) {
      this.at++;
      return byte;
    }
    if (byte === 0xcc) {
      this.at += 2;
      return bytes[at + 1]!;
    }
    if (byte !== 0xcd) return -1;
    this.at += 3;
    return bytes[at + 1]! * 256 + bytes[at + 2]!;
  }

  private ownerPart(): boolean {
    const { bytes, at } = this;
    if (bytes[at] === NIL) this.at++;
    else if (bytes[at] === 0xc4) this.at += 2 + bytes[at + 1]!;
    else if (bytes[at] === 0xc5) this.at += 3 + bytes[at + 1]! * 256 + bytes[at + 2]!;
    else return false;
    return this.at < bytes.length;
  }

  /** Short ASCII, which needs no proof that it is UTF-8. */
  private textOrNil(): boolean {
    const { bytes } = this;
    const byte = bytes[this.at++]!;
    if (byte === NIL) return true;
    if (byte < 0xa0 || byte > 0xbf) return false;
    for (let end = this.at + (byte & 0x1f); this.at < end; this.at++)
      if (!(bytes[this.at]! < 0x80)) return false;
    return true;
  }
}

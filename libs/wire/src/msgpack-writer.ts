/**
 * Writes msgpack into one growing buffer. Integers go in their shortest integer form up to uint64/int64, never as
 * float, so that any reader of any language gets exact prices and times. The buffer is reused: `bytes()` copies,
 * `view()` does not.
 */
import { ByteWriter } from './byte-writer.js';

const utf8 = new TextEncoder();
const TWO_POW_32 = 0x1_0000_0000;

export class MsgpackWriter extends ByteWriter {
  nil(): void {
    this.reserve(1);
    this.buffer[this.at++] = 0xc0;
  }

  boolean(value: boolean): void {
    this.reserve(1);
    this.buffer[this.at++] = value ? 0xc3 : 0xc2;
  }

  /** An integer from -2^63 to 2^64 - 1 that a JS number holds exactly. */
  integer(value: number): void {
    this.reserve(9);
    if (value >= 0) this.unsigned(value);
    else this.negative(value);
  }

  /** An integer, or nil for null and NaN. */
  integerOrNil(value: number | null): void {
    // NaN is the only value that is not equal to itself: the tables' "unknown".
    // biome-ignore lint/suspicious/noSelfCompare: see above, and this runs per field
    if (value === null || value !== value) this.nil();
    else this.integer(value);
  }

  private unsigned(value: number): void {
    const { buffer, data } = this;
    if (value < 0x80) {
      buffer[this.at++] = value;
    } else if (value < 0x100) {
      buffer[this.at++] = 0xcc;
      buffer[this.at++] = value;
    } else if (value < 0x10000) {
      buffer[this.at++] = 0xcd;
      data.setUint16(this.at, value);
      this.at += 2;
    } else if (value < TWO_POW_32) {
      buffer[this.at++] = 0xce;
      data.setUint32(this.at, value);
      this.at += 4;
    } else {
      buffer[this.at++] = 0xcf;
      data.setUint32(this.at, Math.floor(value / TWO_POW_32));
      data.setUint32(this.at + 4, value % TWO_POW_32);
      this.at += 8;
    }
  }

  private negative(value: number): void {
    const { buffer, data } = this;
    if (value >= -0x20) {
      buffer[this.at++] = value & 0xff;
    } else if (value >= -0x80) {
      buffer[this.at++] = 0xd0;
      data.setInt8(this.at++, value);
    } else if (value >= -0x8000) {
      buffer[this.at++] = 0xd1;
      data.setInt16(this.at, value);
      this.at += 2;
    } else if (value >= -0x80000000) {
      buffer[this.at++] = 0xd2;
      data.setInt32(this.at, value);
      this.at += 4;
    } else {
      buffer[this.at++] = 0xd3;
      const high = Math.floor(value / TWO_POW_32);
      data.setInt32(this.at, high);
      data.setUint32(this.at + 4, value - high * TWO_POW_32);
      this.at += 8;
    }
  }

  float64(value: number): void {
    this.reserve(9);
    this.buffer[this.at++] = 0xcb;
    this.data.setFloat64(this.at, value);
    this.at += 8;
  }

  string(text: string): void {
    const { length } = text;
    this.reserve(5 + length * 3);
    // Symbols, ids and names are nearly always short and ASCII.
    if (length < 32 && this.shortAscii(text)) return;
    const encoded = utf8.encode(text);
    const size = encoded.length;
    if (size < 32) {
      this.buffer[this.at++] = 0xa0 | size;
    } else if (size < 0x100) {
      this.buffer[this.at++] = 0xd9;
      this.buffer[this.at++] = size;
    } else if (size < 0x10000) {
      this.buffer[this.at++] = 0xda;
      this.data.setUint16(this.at, size);
      this.at += 2;
    } else {
      this.buffer[this.at++] = 0xdb;
      this.data.setUint32(this.at, size);
      this.at += 4;
    }
    this.buffer.set(encoded, this.at);
    this.at += size;
  }

  private shortAscii(text: string): boolean {
    const start = this.at;
    this.buffer[this.at++] = 0xa0 | text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.at = start;
        return false;
      }
      this.buffer[this.at++] = code;
    }
    return true;
  }

  stringOrNil(text: string | null): void {
    if (text === null) this.nil();
    else this.string(text);
  }

  binary(bytes: Uint8Array): void {
    this.binaryHeader(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Begins a bin of `size` bytes that the caller writes next; room for them is reserved. */
  binaryHeader(size: number): void {
    this.reserve(5 + size);
    if (size < 0x100) {
      this.buffer[this.at++] = 0xc4;
      this.buffer[this.at++] = size;
    } else if (size < 0x10000) {
      this.buffer[this.at++] = 0xc5;
      this.data.setUint16(this.at, size);
      this.at += 2;
    } else {
      this.buffer[this.at++] = 0xc6;
      this.data.setUint32(this.at, size);
      this.at += 4;
    }
  }

  /** Begins an array of `count` items that the caller writes next. */
  array(count: number): void {
    this.container(count, 0x90, 0xdc);
  }

  /** Begins a map of `count` pairs that the caller writes next, key before value. */
  map(count: number): void {
    this.container(count, 0x80, 0xde);
  }

  private container(count: number, fix: number, wide: number): void {
    this.reserve(5);
    if (count < 16) {
      this.buffer[this.at++] = fix | count;
    } else if (count < 0x10000) {
      this.buffer[this.at++] = wide;
      this.data.setUint16(this.at, count);
      this.at += 2;
    } else {
      this.buffer[this.at++] = wide + 1;
      this.data.setUint32(this.at, count);
      this.at += 4;
    }
  }

  /** A JSON-like value: null, boolean, number, string, bytes, array, plain object. Not for hot paths. */
  value(value: unknown): void {
    if (value === null || value === undefined) this.nil();
    else if (typeof value === 'boolean') this.boolean(value);
    else if (typeof value === 'number')
      Number.isSafeInteger(value) ? this.integer(value) : this.float64(value);
    else if (typeof value === 'string') this.string(value);
    else if (value instanceof Uint8Array) this.binary(value);
    else if (Array.isArray(value)) {
      this.array(value.length);
      for (const item of value) this.value(item);
    } else if (typeof value === 'object') {
      const entries = Object.entries(value).filter(([, item]) => item !== undefined);
      this.map(entries.length);
      for (const [key, item] of entries) {
        this.string(key);
        this.value(item);
      }
    } else {
      throw new TypeError(`Expected a JSON-like value, was ${typeof value}`);
    }
  }
}

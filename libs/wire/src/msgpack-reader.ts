/**
 * Reads msgpack with a cursor. Two ways in: typed reads for bytes that this project wrote (batches, records), and
 * `value()` for bytes from strangers, which has limits on depth and counts and knows no extension types.
 * Every read checks its bounds before it allocates: a length that lies costs nothing.
 */
export class MsgpackError extends Error {
  override readonly name = 'MsgpackError';
}

export interface MsgpackLimits {
  /** Containers inside containers, at most. */
  readonly depthMax: number;
  /** Items or pairs of one container, at most. */
  readonly itemsMax: number;
}

const STRANGER_LIMITS: MsgpackLimits = { depthMax: 6, itemsMax: 100_000 };
const utf8 = new TextDecoder('utf-8', { fatal: true });
const TWO_POW_32 = 0x1_0000_0000;

export class MsgpackReader {
  at = 0;
  private bytes: Uint8Array;
  private data: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Begins to read other bytes, from their start. */
  reset(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    return this;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  get length(): number {
    return this.bytes.length;
  }

  private need(count: number): void {
    if (this.at + count > this.bytes.length) {
      throw new MsgpackError(
        `Expected ${count} more bytes at ${this.at}, the message has ${this.bytes.length}`,
      );
    }
  }

  private byte(): number {
    this.need(1);
    return this.bytes[this.at++]!;
  }

  private wrong(expected: string, byte: number): MsgpackError {
    return new MsgpackError(`Expected ${expected} at ${this.at - 1}, was byte 0x${byte.toString(16)}`);
  }

  /** Whether the next item is nil; consumes it if so. */
  nil(): boolean {
    this.need(1);
    if (this.bytes[this.at] !== 0xc0) return false;
    this.at++;
    return true;
  }

  /** An integer, also one written as an integral float; 64-bit values beyond 2^53 are an error. */
  integer(): number {
    const byte = this.byte();
    if (byte < 0x80) return byte;
    if (byte >= 0xe0) return byte - 0x100;
    return this.wideInteger(byte);
  }

  private wideInteger(byte: number): number {
    const value = this.wideNumber(byte);
    if (!Number.isSafeInteger(value)) throw this.wrong('an integer below 2^53', byte);
    return value;
  }

  /** Any number but the two fix forms, whose first byte was read. NaN-free for integers; floats as they are. */
  private wideNumber(byte: number): number {
    const { data } = this;
    switch (byte) {
      case 0xcc:
        return this.byte();
      case 0xcd: {
        this.need(2);
        const value = data.getUint16(this.at);
        this.at += 2;
        return value;
      }
      case 0xce: {
        this.need(4);
        const value = data.getUint32(this.at);
        this.at += 4;
        return value;
      }
      case 0xcf: {
        this.need(8);
        const value = data.getUint32(this.at) * TWO_POW_32 + data.getUint32(this.at + 4);
        this.at += 8;
        return value;
      }
      case 0xd0: {
        this.need(1);
        return data.getInt8(this.at++);
      }
      case 0xd1: {
        this.need(2);
        const value = data.getInt16(this.at);
        this.at += 2;
        return value;
      }
      case 0xd2: {
        this.need(4);
        const value = data.getInt32(this.at);
        this.at += 4;
        return value;
      }
      case 0xd3: {
        this.need(8);
        const value = data.getInt32(this.at) * TWO_POW_32 + data.getUint32(this.at + 4);
        this.at += 8;
        return value;
      }
      case 0xca: {
        this.need(4);
        const value = data.getFloat32(this.at);
        this.at += 4;
        return value;
      }
      case 0xcb: {
        this.need(8);
        const value = data.getFloat64(this.at);
        this.at += 8;
        return value;
      }
      default:
        throw this.wrong('a number', byte);
    }
  }

  /** An integer, or NaN for nil: the tables' "unknown". */
  integerOrNaN(): number {
    return this.nil() ? Number.NaN : this.integer();
  }

  integerOrNull(): number | null {
    return this.nil() ? null : this.integer();
  }

  float64(): number {
    const byte = this.byte();
    if (byte < 0x80) return byte;
    if (byte >= 0xe0) return byte - 0x100;
    return this.wideNumber(byte);
  }

  boolean(): boolean {
    const byte = this.byte();
    if (byte === 0xc2) return false;
    if (byte === 0xc3) return true;
    throw this.wrong('a boolean', byte);
  }

  string(): string {
    const byte = this.byte();
    const size = this.stringSize(byte);
    if (size === undefined) throw this.wrong('a string', byte);
    this.need(size);
    const start = this.at;
    this.at += size;
    if (size < 24) {
      const text = this.ascii(start, size);
      if (text !== undefined) return text;
    }
    try {
      return utf8.decode(this.bytes.subarray(start, start + size));
    } catch {
      throw new MsgpackError(`Expected UTF-8 in the string at ${start}`);
    }
  }

  private stringSize(byte: number): number | undefined {
    if ((byte & 0xe0) === 0xa0) return byte & 0x1f;
    if (byte === 0xd9) return this.byte();
    if (byte === 0xda || byte === 0xdb) return this.size(byte === 0xda ? 2 : 4);
    return undefined;
  }

  private size(width: 1 | 2 | 4): number {
    this.need(width);
    const value =
      width === 1
        ? this.data.getUint8(this.at)
        : width === 2
          ? this.data.getUint16(this.at)
          : this.data.getUint32(this.at);
    this.at += width;
    return value;
  }

  private ascii(start: number, size: number): string | undefined {
    let text = '';
    for (let i = start; i < start + size; i++) {
      const code = this.bytes[i]!;
      if (code > 0x7f) return undefined;
      text += String.fromCharCode(code);
    }
    return text;
  }

  stringOrNull(): string | null {
    return this.nil() ? null : this.string();
  }

  /** The bytes of a bin, not copied. */
  binary(): Uint8Array {
    const byte = this.byte();
    if (byte < 0xc4 || byte > 0xc6) throw this.wrong('binary', byte);
    const size = this.size(byte === 0xc4 ? 1 : byte === 0xc5 ? 2 : 4);
    this.need(size);
    const start = this.at;
    this.at += size;
    return this.bytes.subarray(start, start + size);
  }

  /** Count of items of an array whose items follow. */
  array(): number {
    const byte = this.byte();
    if ((byte & 0xf0) === 0x90) return byte & 0x0f;
    if (byte === 0xdc) return this.size(2);
    if (byte === 0xdd) return this.size(4);
    throw this.wrong('an array', byte);
  }

  /** Count of pairs of a map whose keys and values follow. */
  map(): number {
    const byte = this.byte();
    if ((byte & 0xf0) === 0x80) return byte & 0x0f;
    if (byte === 0xde) return this.size(2);
    if (byte === 0xdf) return this.size(4);
    throw this.wrong('a map', byte);
  }

  /** Steps over one item of any kind, extensions too. */
  skip(): void {
    let pending = 1;
    while (pending > 0) {
      pending += this.skipOne() - 1;
    }
  }

  /** Steps over one item's own bytes; returns how many items it contains. */
  private skipOne(): number {
    const byte = this.byte();
    if (byte < 0x80 || byte >= 0xe0 || (byte >= 0xc0 && byte <= 0xc3)) return 0;
    if (byte < 0x90) return (byte & 0x0f) * 2;
    if (byte < 0xa0) return byte & 0x0f;
    const text = this.stringSize(byte);
    if (text !== undefined) return this.step(text);
    if (byte >= 0xc4 && byte <= 0xc6) return this.step(this.size(byte === 0xc4 ? 1 : byte === 0xc5 ? 2 : 4));
    if (byte >= 0xc7 && byte <= 0xc9)
      return this.step(this.size(byte === 0xc7 ? 1 : byte === 0xc8 ? 2 : 4) + 1);
    if (byte >= 0xd4 && byte <= 0xd8) return this.step(1 + (1 << (byte - 0xd4)));
    if (byte === 0xdc || byte === 0xdd) return this.size(byte === 0xdc ? 2 : 4);
    if (byte === 0xde || byte === 0xdf) return this.size(byte === 0xde ? 2 : 4) * 2;
    this.wideNumber(byte);
    return 0;
  }

  private step(count: number): number {
    this.need(count);
    this.at += count;
    return 0;
  }

  /**
   * One JSON-like value from a stranger. Maps become objects without prototype, with string keys only; integers
   * beyond 2^53 become bigint. Extensions, depth and counts beyond the limits are a MsgpackError.
   */
  value(limits: MsgpackLimits = STRANGER_LIMITS, depth = 0): unknown {
    this.need(1);
    const byte = this.bytes[this.at]!;
    if (byte === 0xc0) {
      this.at++;
      return null;
    }
    if (byte === 0xc2 || byte === 0xc3) return this.boolean();
    if ((byte & 0xe0) === 0xa0 || (byte >= 0xd9 && byte <= 0xdb)) return this.string();
    if (byte >= 0xc4 && byte <= 0xc6) return this.binary();
    if ((byte & 0xf0) === 0x90 || byte === 0xdc || byte === 0xdd) return this.items(limits, depth);
    if ((byte & 0xf0) === 0x80 || byte === 0xde || byte === 0xdf) return this.pairs(limits, depth);
    if (byte === 0xcf || byte === 0xd3) return this.integer64(byte);
    return this.float64();
  }

  private integer64(byte: number): number | bigint {
    this.at++;
    this.need(8);
    const value = byte === 0xcf ? this.data.getBigUint64(this.at) : this.data.getBigInt64(this.at);
    this.at += 8;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  private items(limits: MsgpackLimits, depth: number): unknown[] {
    const count = this.checked(this.array(), 1, limits, depth);
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(limits, depth + 1));
    return items;
  }

  private pairs(limits: MsgpackLimits, depth: number): Record<string, unknown> {
    const count = this.checked(this.map(), 2, limits, depth);
    const pairs: Record<string, unknown> = Object.create(null);
    for (let i = 0; i < count; i++) {
      const key = this.string();
      pairs[key] = this.value(limits, depth + 1);
    }
    return pairs;
  }

  private checked(count: number, bytesPerItem: number, limits: MsgpackLimits, depth: number): number {
    if (depth >= limits.depthMax) throw new MsgpackError(`Expected at most ${limits.depthMax} levels`);
    if (count > limits.itemsMax)
      throw new MsgpackError(`Expected at most ${limits.itemsMax} items, was ${count}`);
    // Each item takes at least a byte: a huge count in a short message is refused before anything is made.
    this.need(count * bytesPerItem);
    return count;
  }
}

/** Decodes exactly one value from a stranger's message. Throws MsgpackError, also when bytes are left over. */
export function decodeMsgpack(bytes: Uint8Array, limits?: MsgpackLimits): unknown {
  const reader = new MsgpackReader(bytes);
  const value = reader.value(limits);
  if (!reader.done)
    throw new MsgpackError(`Expected one value, ${reader.length - reader.at} bytes are left over`);
  return value;
}

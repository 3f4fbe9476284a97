import fc from 'fast-check';
import { type Dialect, FRAGMENT_BYTES_MAX, nativeJson, nativeMsgpack } from '#wire';
import { FRAME_PAYLOAD_MAX, FrameWriter, frameOf } from './frame-writer.js';
import { payloadsOf } from './gateway.fixture.js';

/** A fragment of one record: in JSON as text, in msgpack as one binary value, filled with its number. */
function fragment(dialect: Dialect, number: number, size: number): Uint8Array {
  if (!dialect.binary) return Buffer.from(`"${number}:${'x'.repeat(size)}",`);
  const bytes = Buffer.alloc(3 + size, number & 0xff);
  bytes[0] = 0xc5;
  bytes.writeUInt16BE(size, 1);
  return bytes;
}

/** Followed by 32 bytes that may be read but never count. */
function padded(bytes: Uint8Array): DataView {
  const padded = Buffer.alloc(bytes.length + 32, 0xee);
  padded.set(bytes);
  return new DataView(padded.buffer, padded.byteOffset, padded.length);
}

/** The fragments inside the payloads of some frames, in order. */
function fragmentsOf(dialect: Dialect, frames: Uint8Array): Buffer[] {
  return payloadsOf(frames, dialect.binary).flatMap((payload) => {
    expect(payload.length).toBeLessThanOrEqual(FRAME_PAYLOAD_MAX);
    if (!dialect.binary) {
      const texts = JSON.parse(Buffer.from(payload).toString()) as string[];
      return texts.map((text) => Buffer.from(`${JSON.stringify(text)},`));
    }
    const view = Buffer.from(payload);
    expect(view[0]).toBe(0xdc);
    const fragments: Buffer[] = [];
    let at = 3;
    for (let count = view.readUInt16BE(1); count > 0; count--) {
      const end = at + 3 + view.readUInt16BE(at + 1);
      fragments.push(view.subarray(at, end));
      at = end;
    }
    expect(at).toBe(view.length);
    return fragments;
  });
}

function append(writer: FrameWriter, bytes: Uint8Array, asRun: boolean): void {
  if (asRun) writer.appendBytes(bytes, 1);
  else writer.append(padded(bytes), 0, bytes.length, 1);
}

const dialects = fc.constantFrom(nativeMsgpack, nativeJson);
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 60 }) },
  { weight: 3, arbitrary: fc.nat({ max: FRAGMENT_BYTES_MAX }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 62_000 }) },
);
const turns = fc.array(
  fc.record({
    fragments: fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 30 }),
    kept: fc.boolean(),
  }),
  { maxLength: 12 },
);

describe('FrameWriter', () => {
  it('puts fragments of any sizes side by side into whole frames, and leaves kept ones as they are', () => {
    fc.assert(
      fc.property(dialects, turns, (dialect, all) => {
        const writer = new FrameWriter();
        const kept: { frames: Uint8Array; copy: Buffer }[] = [];
        let number = 0;
        for (const turn of all) {
          const given = turn.fragments.map(([size]) => fragment(dialect, number++, size));
          writer.open(dialect);
          given.forEach((bytes, i) => {
            append(writer, bytes, turn.fragments[i]![1]);
          });
          const frames = writer.close();
          const found = frames === null ? [] : fragmentsOf(dialect, frames);
          expect(found).toHaveLength(given.length);
          expect(Buffer.compare(Buffer.concat(found), Buffer.concat(given))).toBe(0);
          if (frames === null || !turn.kept) continue;
          writer.keep();
          kept.push({ frames, copy: Buffer.from(frames) });
        }
        for (const { frames, copy } of kept) expect(Buffer.compare(frames, copy)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('gives nothing when nothing was appended', () => {
    const writer = new FrameWriter();
    writer.open(nativeJson);
    expect(writer.close()).toBeNull();
    writer.open(nativeMsgpack);
    expect(writer.close()).toBeNull();
  });

  it('writes the short header up to 125 bytes of payload', () => {
    const writer = new FrameWriter();
    for (const [size, header] of [
      [119, 2],
      [120, 4],
    ] as const) {
      writer.open(nativeMsgpack);
      append(writer, fragment(nativeMsgpack, 1, size), false);
      expect(writer.close()).toHaveLength(header + 3 + 3 + size);
    }
  });

  it('writes the short header also to frames behind the first', () => {
    for (const dialect of [nativeMsgpack, nativeJson]) {
      const writer = new FrameWriter();
      const given = [60_000, 60_000, 50, 60_000, 7].map((size, i) => fragment(dialect, i, size));
      writer.open(dialect);
      for (const bytes of given) append(writer, bytes, false);
      const frames = writer.close()!;
      expect(payloadsOf(frames, dialect.binary)).toHaveLength(3);
      expect(Buffer.compare(Buffer.concat(fragmentsOf(dialect, frames)), Buffer.concat(given))).toBe(0);
    }
    const writer = new FrameWriter();
    const given = [65_500, 50, 65_500, 50].map((size, i) => fragment(nativeMsgpack, i, size));
    writer.open(nativeMsgpack);
    for (const bytes of given) append(writer, bytes, true);
    const frames = writer.close()!;
    expect(payloadsOf(frames, true).map(({ length }) => length)).toEqual([65_506, 56, 65_506, 56]);
    expect(Buffer.compare(Buffer.concat(fragmentsOf(nativeMsgpack, frames)), Buffer.concat(given))).toBe(0);
  });

  it('fills a frame to its last byte before it begins another', () => {
    for (const [size, frames] of [
      [FRAME_PAYLOAD_MAX - 1 - 3 - 3, 1],
      [FRAME_PAYLOAD_MAX - 3 - 3, 2],
    ] as const) {
      const writer = new FrameWriter();
      writer.open(nativeMsgpack);
      append(writer, fragment(nativeMsgpack, 1, 20), false);
      append(writer, fragment(nativeMsgpack, 2, size - 23), true);
      expect(payloadsOf(writer.close()!, true)).toHaveLength(frames);
    }
  });
});

describe('a frame of its own', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])('carries a message of %d bytes', (size) => {
    const message = Buffer.alloc(size, 0x5a);
    for (const binary of [true, false]) {
      const payloads = payloadsOf(frameOf(message, binary), binary);
      expect(payloads).toHaveLength(1);
      expect(Buffer.compare(payloads[0]!, message)).toBe(0);
    }
  });
});

import fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { decodeMsgpack } from './msgpack-reader.js';
import { MsgpackWriter } from './msgpack-writer.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function written(write: (writer: MsgpackWriter) => void): Uint8Array {
  // A small buffer: everything must grow on its way.
  const writer = new MsgpackWriter(1);
  write(writer);
  return writer.bytes();
}

/** JSON-like values with integers of every width, as messages hold them. */
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -40, max: 140 }),
  fc.constantFrom(
    -129,
    -32_769,
    255,
    256,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 31),
    -(2 ** 31) - 1,
  ),
);
const double = fc.double({ noNaN: true }).filter((value) => !Number.isInteger(value));
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ maxLength: 300 }));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    integer,
    double,
    fc.boolean(),
    fc.constant(null),
    text,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
    fc.array(tie('value'), { maxLength: 40 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20 },
    ),
  ),
}));

/** msgpackr gives Buffers for bin, and objects with a prototype. */
function plain(item: unknown): unknown {
  if (item instanceof Uint8Array) return [...item];
  if (Array.isArray(item)) return item.map(plain);
  if (typeof item === 'object' && item !== null)
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, plain(inner)]));
  return item;
}

describe('MsgpackWriter', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65_535, 'cdffff'],
    [65_536, 'ce00010000'],
    [2 ** 32 - 1, 'ceffffffff'],
    [2 ** 32, 'cf0000000100000000'],
    [1_700_000_000_000_123, 'cf00060a24181e407b'],
    [Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
    [2 ** 63, 'cf8000000000000000'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-128, 'd080'],
    [-129, 'd1ff7f'],
    [-32_768, 'd18000'],
    [-32_769, 'd2ffff7fff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    [Number.MIN_SAFE_INTEGER, 'd3ffe0000000000001'],
    [-(2 ** 63), 'd38000000000000000'],
    [-0, '00'],
  ])('writes the integer %p in its shortest form', (number, expected) => {
    expect(hex(written((writer) => writer.integer(number)))).toBe(expected);
  });

  it.each([
    ['nil', 'c0', (writer: MsgpackWriter) => writer.nil()],
    ['true', 'c3', (writer: MsgpackWriter) => writer.boolean(true)],
    ['false', 'c2', (writer: MsgpackWriter) => writer.boolean(false)],
    [
      'an unknown value',
      'c0c0',
      (writer: MsgpackWriter) => {
        writer.integerOrNil(Number.NaN);
        writer.integerOrNil(null);
      },
    ],
    ['a known value', '05', (writer: MsgpackWriter) => writer.integerOrNil(5)],
    ['a double', 'cb3ff199999999999a', (writer: MsgpackWriter) => writer.float64(1.1)],
    ['no text', 'c0', (writer: MsgpackWriter) => writer.stringOrNil(null)],
    ['text', 'a24f4b', (writer: MsgpackWriter) => writer.stringOrNil('OK')],
    ['empty text', 'a0', (writer: MsgpackWriter) => writer.string('')],
    ['text that is not ASCII', 'a6e282ac6dc2b2', (writer: MsgpackWriter) => writer.string('€m²')],
    ['empty bytes', 'c400', (writer: MsgpackWriter) => writer.binary(new Uint8Array(0))],
    ['bytes', 'c4020102', (writer: MsgpackWriter) => writer.binary(new Uint8Array([1, 2]))],
    [
      'an array',
      '9201c0',
      (writer: MsgpackWriter) => {
        writer.array(2);
        writer.integer(1);
        writer.nil();
      },
    ],
    [
      'a map',
      '81a16101',
      (writer: MsgpackWriter) => {
        writer.map(1);
        writer.string('a');
        writer.integer(1);
      },
    ],
    [
      'msgpack that is there already',
      '9101',
      (writer: MsgpackWriter) => writer.raw(new Uint8Array([0x91, 1])),
    ],
  ])('writes %s', (_, expected, write) => {
    expect(hex(written(write))).toBe(expected);
  });

  it.each([
    [31, 'bf'],
    [32, 'd920'],
    [255, 'd9ff'],
    [256, 'da0100'],
    [65_535, 'daffff'],
    [65_536, 'db00010000'],
  ])('gives text of %i bytes the shortest head', (size, head) => {
    expect(hex(written((writer) => writer.string('x'.repeat(size))).subarray(0, head.length / 2))).toBe(head);
    const wide = written((writer) => writer.string(`${'é'.repeat(size >> 1)}${'x'.repeat(size & 1)}`));
    expect(hex(wide.subarray(0, head.length / 2))).toBe(head);
  });

  it.each([
    [255, 'c4ff'],
    [256, 'c50100'],
    [65_535, 'c5ffff'],
    [65_536, 'c600010000'],
  ])('gives %i bytes the shortest head', (size, head) => {
    const bytes = written((writer) => writer.binary(new Uint8Array(size)));
    expect(hex(bytes.subarray(0, head.length / 2))).toBe(head);
    expect(bytes).toHaveLength(size + head.length / 2);
  });

  it.each([
    [15, '9f', '8f'],
    [16, 'dc0010', 'de0010'],
    [65_535, 'dcffff', 'deffff'],
    [65_536, 'dd00010000', 'df00010000'],
  ])('gives %i items the shortest head', (count, array, map) => {
    expect(hex(written((writer) => writer.array(count)))).toBe(array);
    expect(hex(written((writer) => writer.map(count)))).toBe(map);
  });

  it('is read by its own reader and by another library, whatever the value', () => {
    const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
    fc.assert(
      fc.property(value, (one) => {
        const bytes = written((writer) => writer.value(one));
        expect(plain(decodeMsgpack(bytes))).toEqual(plain(one));
        expect(plain(unpackr.unpack(bytes))).toEqual(plain(one));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is used again without what it held, and shows or copies what was written', () => {
    const writer = new MsgpackWriter(4);
    writer.string('something long enough to grow the buffer');
    const copied = writer.bytes();
    writer.at = 0;
    writer.integer(7);
    expect(hex(writer.view())).toBe('07');
    expect(decodeMsgpack(copied)).toBe('something long enough to grow the buffer');
    expect(writer.view().buffer).toBe(writer.buffer.buffer);
  });

  it('leaves out what is undefined in an object, and refuses what is not JSON-like', () => {
    expect(hex(written((writer) => writer.value({ a: undefined, b: 1 })))).toBe('81a16201');
    for (const one of [() => 1, Symbol('x'), 1n])
      expect(() => written((writer) => writer.value(one))).toThrow(
        `Expected a JSON-like value, was ${typeof one}`,
      );
  });
});

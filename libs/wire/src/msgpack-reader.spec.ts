import fc from 'fast-check';
import { Packr, pack } from 'msgpackr';
import { decodeMsgpack, MsgpackError, MsgpackReader } from './msgpack-reader.js';
import { MsgpackWriter } from './msgpack-writer.js';

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const reader = (text: string) => new MsgpackReader(bytesOf(text));

function encoded(value: unknown): Uint8Array {
  const writer = new MsgpackWriter();
  writer.value(value);
  return writer.bytes();
}

/** Decodes a stranger's bytes; anything but a value or a MsgpackError fails the spec. */
function attempt(bytes: Uint8Array): unknown {
  try {
    return decodeMsgpack(bytes);
  } catch (error) {
    if (!(error instanceof MsgpackError)) throw error;
    return error;
  }
}

describe('typed reads', () => {
  it.each([
    ['00', 0],
    ['7f', 127],
    ['cc80', 128],
    ['cc05', 5],
    ['cdffff', 65_535],
    ['ceffffffff', 2 ** 32 - 1],
    ['cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['e0', -32],
    ['d080', -128],
    ['d18000', -32_768],
    ['d280000000', -(2 ** 31)],
    ['d3ffe0000000000001', Number.MIN_SAFE_INTEGER],
    // Other writers, msgpackr among them, write integers above 2^32 as floats.
    ['cb4270000000000000', 2 ** 40],
    ['ca3f800000', 1],
  ])('take %s for the integer %p', (text, expected) => {
    expect(reader(text).integer()).toBe(expected);
  });

  it.each([
    'cf0020000000000000',
    'd3ffe0000000000000',
    'cb3ff8000000000000',
    'cb7ff8000000000000',
    'cb7ff0000000000000',
  ])('refuse %s as an integer', (text) => {
    expect(() => reader(text).integer()).toThrow(/^Expected an integer below 2\^53 at \d+, was byte 0x/);
  });

  it.each([
    ['a nil', (r: MsgpackReader) => r.integer(), 'c0', 'Expected a number at 0, was byte 0xc0'],
    ['text', (r: MsgpackReader) => r.integer(), 'a161', 'Expected a number at 0, was byte 0xa1'],
    ['a number', (r: MsgpackReader) => r.string(), '05', 'Expected a string at 0, was byte 0x5'],
    ['a number', (r: MsgpackReader) => r.binary(), '05', 'Expected binary at 0, was byte 0x5'],
    ['a map', (r: MsgpackReader) => r.array(), '80', 'Expected an array at 0, was byte 0x80'],
    ['an array', (r: MsgpackReader) => r.map(), '90', 'Expected a map at 0, was byte 0x90'],
    ['a nil', (r: MsgpackReader) => r.boolean(), 'c0', 'Expected a boolean at 0, was byte 0xc0'],
    [
      'text that is too short',
      (r: MsgpackReader) => r.string(),
      'a56162',
      'Expected 5 more bytes at 1, the message has 3',
    ],
    [
      'text that is not UTF-8',
      (r: MsgpackReader) => r.string(),
      'a2c328',
      'Expected UTF-8 in the string at 1',
    ],
    ['nothing', (r: MsgpackReader) => r.nil(), '', 'Expected 1 more bytes at 0, the message has 0'],
  ])('say what was found instead: %s', (_, read, text, message) => {
    expect(() => read(reader(text))).toThrow(new MsgpackError(message));
  });

  it('step over one item of any kind', () => {
    const items = ['00', 'c0', 'c3', 'cf0020000000000000', 'cb3ff8000000000000', 'a161', 'd90161', 'c40101'];
    const deep = [
      '92920102a161',
      '81a16191c0',
      'dc0001c0',
      'de0001c0c0',
      'd4fe01',
      'c70302010203',
      'd801'.padEnd(36, '0'),
    ];
    for (const item of [...items, ...deep]) {
      const r = reader(`${item}07`);
      r.skip();
      expect([item, r.integer(), r.done]).toEqual([item, 7, true]);
    }
  });

  it('go on in other bytes after reset', () => {
    const r = reader('9201');
    r.array();
    expect(r.reset(new Uint8Array([9, 0xa1, 0x61, 9]).subarray(1, 3)).string()).toBe('a');
    expect(r.done).toBe(true);
  });
});

describe('values of strangers', () => {
  const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });

  it('come out as another library wrote them', () => {
    const packr = new Packr({ useRecords: false });
    fc.assert(
      fc.property(json, (value) => {
        const decoded: unknown = decodeMsgpack(new Uint8Array(packr.pack(value)));
        expect(JSON.parse(JSON.stringify(decoded))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
    expect(decodeMsgpack(new Uint8Array(pack(1_700_000_000_000_123)))).toBe(1_700_000_000_000_123);
  });

  it('keep keys such as __proto__ away from prototypes', () => {
    const decoded = decodeMsgpack(bytesOf('81a95f5f70726f746f5f5f81a161c3')) as Record<string, unknown>;
    expect(Object.getPrototypeOf(decoded)).toBeNull();
    expect(Object.keys(decoded)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  it('are exact beyond 2^53', () => {
    expect(decodeMsgpack(bytesOf('cfffffffffffffffff'))).toBe(2n ** 64n - 1n);
    expect(decodeMsgpack(bytesOf('d38000000000000000'))).toBe(-(2n ** 63n));
    expect(decodeMsgpack(bytesOf('cf001fffffffffffff'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeMsgpack(bytesOf('d3ffe0000000000001'))).toBe(Number.MIN_SAFE_INTEGER);
  });

  it.each([
    ['text of 4 GiB', 'dbffffffff'],
    ['bytes of 4 GiB', 'c6ffffffff'],
    ['an array of 4 G items', 'ddffffffff'],
    ['a map of 4 G pairs', 'dfffffffff'],
    ['an array of 65,535 items in three bytes', 'dcffff'],
    ['a map of 15 pairs in two bytes', '8fa0'],
    ['a map with half of what it needs', `de0010${'a0'.repeat(20)}`],
    ['an extension', 'd40500'],
    ['a time stamp extension', 'd6ff00000000'],
    ['an extension of 4 GiB', 'c9ffffffff01'],
    ['the byte that is never used', 'c1'],
    ['a key that is no text', '8101c0'],
    ['a key that is nil', '81c0c0'],
    ['a key that is a map', '8180c0'],
    ['text that is not UTF-8', 'a1ff'],
    ['text with a lone surrogate', 'a3eda080'],
    ['text in overlong form', 'a2c080'],
    ['bytes left over', '0000'],
    ['nothing', ''],
    ['seven levels', '91919191919191'.concat('c0')],
    ['ten thousand levels', '91'.repeat(10_000)],
    ['ten thousand levels of maps', '81a161'.repeat(10_000)],
    ['a bomb of many arrays', `dcffff${'dcffff'.repeat(20_000)}`],
  ])('are refused: %s', (_, text) => {
    const before = process.memoryUsage().heapUsed;
    expect(attempt(bytesOf(text))).toBeInstanceOf(MsgpackError);
    // What a length claims is not what is taken: a few megabytes at most, garbage of the run included.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('may be six levels deep, and no more than the limits say', () => {
    expect(decodeMsgpack(bytesOf('919191919191c0'))).toEqual([[[[[[null]]]]]]);
    expect(() => decodeMsgpack(bytesOf('9191c0'), { depthMax: 1, itemsMax: 10 })).toThrow(
      'Expected at most 1 levels',
    );
    expect(() => decodeMsgpack(encoded([1, 2, 3]), { depthMax: 1, itemsMax: 2 })).toThrow(
      'Expected at most 2 items, was 3',
    );
  });

  const sample = encoded({
    op: 'ticks',
    seq: 70_000,
    ticks: [
      { type: 'quote', symbol: 'AAPL', bidPrice: '101.25', bidSize: 300, askPrice: 101.5, askSize: null },
      {
        type: 'trade',
        symbol: 'BTC-USD',
        price: -5,
        size: 2 ** 40,
        tradeId: 'é€😀',
        conditions: '@ F',
        ok: true,
      },
      {
        raw: new Uint8Array([1, 2, 3]),
        long: 'x'.repeat(300),
        list: Array.from({ length: 20 }, (_, i) => i * -70),
      },
    ],
  });

  it('are refused when cut at any byte', () => {
    for (let size = 0; size < sample.length; size++)
      expect(attempt(sample.subarray(0, size))).toBeInstanceOf(MsgpackError);
    expect(attempt(sample)).not.toBeInstanceOf(MsgpackError);
  });

  it('give a value or a MsgpackError, and never more nodes than bytes, in 10,000 mutations', () => {
    let refused = 0;
    const mutation = fc.record({
      edits: fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      cut: fc.option(fc.nat(sample.length), { freq: 4 }),
      insert: fc.option(fc.tuple(fc.nat(sample.length), fc.uint8Array({ maxLength: 9 })), { freq: 4 }),
    });
    fc.assert(
      fc.property(mutation, ({ edits, cut, insert }) => {
        let bytes: Uint8Array = new Uint8Array(sample);
        for (const [at, byte] of edits) bytes[at] = byte;
        if (insert !== null)
          bytes = Uint8Array.from([
            ...bytes.subarray(0, insert[0]),
            ...insert[1],
            ...bytes.subarray(insert[0]),
          ]);
        if (cut !== null) bytes = bytes.subarray(0, cut);
        const decoded = attempt(bytes);
        if (decoded instanceof MsgpackError) refused++;
        else expect(nodes(decoded)).toBeLessThanOrEqual(bytes.length);
        skipped(bytes);
      }),
      { numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(2_000);
  });

  it('give a value or a MsgpackError for any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = attempt(new Uint8Array(bytes));
        if (!(decoded instanceof MsgpackError)) expect(nodes(decoded)).toBeLessThanOrEqual(bytes.length);
        skipped(new Uint8Array(bytes));
      }),
      { numRuns: 5_000 },
    );
  });
});

/** Stepping over hostile bytes ends too, inside them or with a MsgpackError. */
function skipped(bytes: Uint8Array): void {
  const r = new MsgpackReader(bytes);
  try {
    r.skip();
    expect(r.at).toBeLessThanOrEqual(bytes.length);
  } catch (error) {
    expect(error).toBeInstanceOf(MsgpackError);
  }
}

function nodes(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + nodes(inner), 1);
}

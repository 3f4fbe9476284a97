import fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { ALL_FIELDS, IMAGE_FIELD_COUNT } from '#market-data';
import { MsgpackError, MsgpackReader, MsgpackWriter } from '#wire';
import {
  BATCH,
  BatchDecoder,
  BatchEncoder,
  type BatchVisitor,
  decodeBatch,
  encodeHeartbeat,
  HEARTBEAT,
  LiveHead,
} from './batch.js';

const NO_OWNER = new Uint8Array(0);
const TIME = 1_700_000_000_000_000;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

interface Trade {
  seq: number;
  timeUs: number;
  price: number;
  size: number | null;
  id: string | null;
  conditions: string | null;
}
interface Update {
  sid: number;
  seq: number;
  timeUs: number;
  mask: number;
  /** By field; null where the mask is 0, too. */
  values: (number | null)[];
  trades: Trade[];
  owner: number[];
}
interface Batch {
  epoch: number;
  number: number;
  timeUs: number;
  updates: Update[];
}

function encode(batch: Batch, encoder = new BatchEncoder()): Uint8Array {
  encoder.begin(batch.epoch, batch.number, batch.timeUs, batch.updates.length);
  for (const { sid, seq, mask, timeUs, values, trades, owner } of batch.updates) {
    const row = Float64Array.from([7, 7, ...values.map((value) => value ?? Number.NaN)]);
    encoder.symbol(sid, seq, mask, timeUs, row, 2, trades.length, Uint8Array.from(owner));
    for (const trade of trades)
      encoder.trade(
        trade.seq,
        trade.timeUs,
        trade.price,
        trade.size ?? Number.NaN,
        trade.id,
        trade.conditions,
      );
  }
  return encoder.end();
}

const orNull = (value: number) => (Number.isNaN(value) ? null : value);

/** Writes down what it is shown, in the form of Batch. */
class Scribe implements BatchVisitor {
  batch: Batch = { epoch: 0, number: 0, timeUs: 0, updates: [] };
  ended = false;

  beginBatch(epoch: number, number: number, timeUs: number): void {
    this.batch = { epoch, number, timeUs, updates: [] };
    this.ended = false;
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    const kept = Array.from({ length: IMAGE_FIELD_COUNT }, (_, field) =>
      (mask & (1 << field)) === 0 ? null : orNull(values[field]!),
    );
    this.batch.updates.push({ sid, seq, mask, timeUs, values: kept, trades: [], owner: [] });
  }

  ownerPart(sid: number, bytes: Uint8Array): void {
    const update = this.batch.updates.at(-1)!;
    expect(sid).toBe(update.sid);
    update.owner = [...bytes];
  }

  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    const update = this.batch.updates.at(-1)!;
    expect(sid).toBe(update.sid);
    update.trades.push({ seq, timeUs, price, size: orNull(size), id, conditions });
  }

  endBatch(): void {
    this.ended = true;
  }
}

function decode(bytes: Uint8Array): Batch {
  const scribe = new Scribe();
  decodeBatch(bytes, scribe);
  expect(scribe.ended).toBe(true);
  return scribe.batch;
}

const positive = fc.maxSafeNat().map((value) => Math.max(1, value));
const time = fc.integer({ min: 0, max: 2 ** 52 });
const text = fc.option(fc.string({ maxLength: 64, unit: 'grapheme' }), { nil: null });
const scaled = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -40_000, max: 40_000 }));
const trade: fc.Arbitrary<Trade> = fc.record({
  seq: positive,
  timeUs: time,
  price: scaled,
  size: fc.option(scaled, { nil: null }),
  id: text,
  conditions: text,
});
const update: fc.Arbitrary<Update> = fc
  .record({
    sid: positive,
    seq: fc.maxSafeNat(),
    timeUs: time,
    mask: fc.integer({ min: 0, max: ALL_FIELDS }),
    values: fc.array(fc.option(scaled, { nil: null }), {
      minLength: IMAGE_FIELD_COUNT,
      maxLength: IMAGE_FIELD_COUNT,
    }),
    trades: fc.array(trade, { maxLength: 20 }),
    owner: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 }),
  })
  .map((one) => ({
    ...one,
    values: one.values.map((value, field) => ((one.mask & (1 << field)) === 0 ? null : value)),
  }));
const batch: fc.Arbitrary<Batch> = fc.record({
  epoch: positive,
  number: positive,
  timeUs: time,
  updates: fc.array(update, { maxLength: 20 }),
});

describe('batch', () => {
  it('comes out as it went in, whatever the encoder held before', () => {
    const encoder = new BatchEncoder();
    fc.assert(
      fc.property(batch, (one) => {
        expect(decode(encode(one, encoder))).toEqual(one);
      }),
      { numRuns: 300 },
    );
  });

  it('has these bytes', () => {
    const values = Array.from({ length: IMAGE_FIELD_COUNT }, () => null) as (number | null)[];
    values[0] = 1_012_500;
    values[2] = null;
    values[13] = 1;
    const bytes = encode({
      epoch: 1_700_000_000_000_123,
      number: 77,
      timeUs: TIME,
      updates: [
        {
          sid: 300,
          seq: 5,
          timeUs: TIME + 1000,
          mask: 0b10000000000101,
          values,
          trades: [
            { seq: 9, timeUs: TIME - 1, price: -3, size: null, id: 'x1', conditions: null },
            { seq: 10, timeUs: TIME + 200, price: 70_000, size: 4, id: null, conditions: '@ F' },
          ],
          owner: [1, 2, 255],
        },
        {
          sid: 1,
          seq: 0,
          timeUs: TIME,
          mask: 0,
          values: values.map(() => null),
          trades: [],
          owner: [],
        },
      ],
    });
    expect(hex(bytes)).toBe(
      [
        '9501cf00060a24181e407b4dcf00060a24181e400092', // kind, epoch, number, timeUs, two symbols
        '99cd012c05cd2005cd03e8', // sid, seq, mask, dt
        'ce000f7314c001', // bidPrice, askPrice (no market), flags
        'c4030102ff', // owner part
        '92', // trades
        '9609fffdc0a27831c0',
        '960accc8ce0001117004c0a3402046',
        '9601000000c090', // a symbol without anything
      ].join(''),
    );
  });

  it('is plain msgpack to another library', () => {
    const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
    fc.assert(
      fc.property(batch, (one) => {
        const [kind, epoch, number, timeUs, symbols] = unpackr.unpack(encode(one));
        expect([kind, epoch, number, timeUs, symbols.length]).toEqual([
          BATCH,
          one.epoch,
          one.number,
          one.timeUs,
          one.updates.length,
        ]);
        for (const [i, symbol] of symbols.entries()) {
          const { sid, seq, mask, timeUs: at, values, trades } = one.updates[i]!;
          expect(symbol.slice(0, 4)).toEqual([sid, seq, mask, at - one.timeUs]);
          expect(symbol.slice(4, -2)).toEqual(values.filter((_, field) => (mask & (1 << field)) !== 0));
          expect(symbol.at(-1)).toEqual(
            trades.map((t) => [t.seq, t.timeUs - one.timeUs, t.price, t.size, t.id, t.conditions]),
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is stepped over where a newer writer added fields and items at the end', () => {
    const writer = new MsgpackWriter();
    writer.value([
      BATCH,
      4,
      2,
      100,
      [
        [
          7,
          3,
          1 + 2 ** 20 + 2 ** 31,
          5,
          11,
          'what',
          null,
          new Uint8Array([1]),
          [[1, 6, 12, 1, null, null, 'more']],
          { a: 1 },
        ],
      ],
      'tail',
    ]);
    expect(decode(writer.bytes())).toEqual({
      epoch: 4,
      number: 2,
      timeUs: 100,
      updates: [
        {
          sid: 7,
          seq: 3,
          mask: 1,
          timeUs: 105,
          values: [11, ...Array.from({ length: IMAGE_FIELD_COUNT - 1 }, () => null)],
          trades: [{ seq: 1, timeUs: 106, price: 12, size: 1, id: null, conditions: null }],
          owner: [1],
        },
      ],
    });
  });

  it('leaves owner parts alone for a reader that does not ask for them', () => {
    const seen: string[] = [];
    const bytes = encode({
      epoch: 1,
      number: 1,
      timeUs: 0,
      updates: [
        {
          sid: 3,
          seq: 1,
          timeUs: 0,
          mask: 0,
          values: [],
          trades: [{ seq: 1, timeUs: 0, price: 1, size: 1, id: null, conditions: null }],
          owner: [9, 9],
        },
      ],
    });
    decodeBatch(bytes, {
      beginBatch: () => seen.push('begin'),
      update: (sid) => seen.push(`update ${sid}`),
      trade: (sid, seq) => seen.push(`trade ${sid} ${seq}`),
      endBatch: () => seen.push('end'),
    });
    expect(seen).toEqual(['begin', 'update 3', 'trade 3 1', 'end']);
  });

  it('is refused half written', () => {
    const encoder = new BatchEncoder();
    const row = new Float64Array(IMAGE_FIELD_COUNT);
    encoder.begin(1, 1, 0, 1);
    expect(() => encoder.end()).toThrow('Expected 0 more trades and 1 more symbols, was end()');
    expect(() => encoder.trade(1, 0, 1, 1, null, null)).toThrow('was trade()');
    encoder.symbol(1, 1, 0, 0, row, 0, 1, NO_OWNER);
    expect(() => encoder.symbol(2, 1, 0, 0, row, 0, 0, NO_OWNER)).toThrow('Expected 1 more trades');
    expect(() => encoder.end()).toThrow('Expected 1 more trades');
    encoder.trade(1, 0, 1, 1, null, null);
    expect(encoder.end().length).toBeGreaterThan(0);
  });

  it('says what is wrong with malformed bytes, and nothing worse', () => {
    const decoder = new BatchDecoder();
    const scribe = new Scribe();
    const attempt = (bytes: Uint8Array) => {
      try {
        decoder.decode(bytes, scribe);
      } catch (error) {
        expect(error).toBeInstanceOf(MsgpackError);
      }
    };
    fc.assert(
      fc.property(
        batch,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (one, edits, cut) => {
          const bytes = encode(one);
          attempt(bytes.subarray(0, cut % bytes.length));
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          attempt(bytes);
        },
      ),
      { numRuns: 500 },
    );
    expect(() => decodeBatch(new Uint8Array([0x93, 1, 2, 3]), scribe)).toThrow(
      'Expected at least 5 items, was 3',
    );
    expect(() => decodeBatch(new Uint8Array([0x95, 9, 2, 3]), scribe)).toThrow('was kind 9');
    expect(() => decodeBatch(encodeHeartbeat(1, 1, 1), scribe)).toThrow('Expected a batch, was a heartbeat');
    const whole = encode({ epoch: 1, number: 1, timeUs: 0, updates: [] });
    expect(() => decodeBatch(new Uint8Array([...whole, 0]), scribe)).toThrow(
      'Expected the end of the batch at 6',
    );
    const short = new MsgpackWriter();
    short.value([BATCH, 1, 1, 0, [[7, 1, 3, 0, 5, null, []]]]);
    expect(() => decodeBatch(short.bytes(), scribe)).toThrow(
      'Expected the values of mask 3, was a symbol of 7 items',
    );
  });
});

describe('heartbeat', () => {
  it('has these bytes', () => {
    expect(hex(encodeHeartbeat(1_700_000_000_000_123, 300, TIME))).toBe(
      '9402cf00060a24181e407bcd012ccf00060a24181e4000',
    );
  });

  it('and a batch say where they stand before their body is read', () => {
    const head = new LiveHead();
    expect(head.read(encodeHeartbeat(8, 0, 5))).toMatchObject({
      kind: HEARTBEAT,
      epoch: 8,
      number: 0,
      timeUs: 5,
    });
    const bytes = encode({ epoch: 9, number: 4, timeUs: 77, updates: [] });
    expect(head.read(bytes)).toMatchObject({ kind: BATCH, epoch: 9, number: 4, timeUs: 77 });
    expect(() => head.read(encodeHeartbeat(0, 1, 1))).toThrow('Expected an epoch and a number, was 0, 1');
    expect(() => head.read(new Uint8Array(0))).toThrow(MsgpackError);
    expect(new MsgpackReader(bytes).array()).toBe(5);
  });
});

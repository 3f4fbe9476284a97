import fc from 'fast-check';
import { IMAGE_FIELD_COUNT, SCALE_MAX } from '#market-data';
import type { FragmentInstrument } from './dialect.js';
import { nativeJson } from './native-json.js';
import { type HeldRecord, messageOf, subscribedTo } from './native-messages.fixture.js';
import { nativeMsgpack } from './native-msgpack.js';
import type { ControlRecord } from './records.js';
import { JsonStreamDecoder, MsgpackStreamDecoder } from './stream-decoder.js';

const SYMBOLS = ['AAPL', 'BTC/USD', 'BRK.B'] as const;
const wide = fc.maxSafeInteger();
const natural = fc.maxSafeNat();
const timeUs = fc.integer({ min: 0, max: 4_102_444_800_000_000 });
const value = fc.option(fc.oneof(wide, fc.integer({ min: -300, max: 300 })), { freq: 4 });
const values = fc.array(value, { minLength: IMAGE_FIELD_COUNT, maxLength: IMAGE_FIELD_COUNT });
// Lone surrogates have no UTF-8: the feed's door reads UTF-8, so none comes in.
const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 64 }));
const scale = fc.integer({ min: 0, max: SCALE_MAX });

const market = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 0xffffffff }), { minLength: 3, maxLength: 3 }),
    fc.array(scale, { minLength: 9, maxLength: 9 }),
  )
  .map(([sids, scales]) =>
    Object.fromEntries(
      SYMBOLS.map((symbol, i): [string, FragmentInstrument] => [
        symbol,
        {
          sid: sids[i]!,
          symbol,
          priceScale: scales[3 * i]!,
          sizeScale: scales[3 * i + 1]!,
          volumeScale: scales[3 * i + 2]!,
        },
      ]),
    ),
  );

const instrument = fc.constantFrom(...SYMBOLS);
const image = fc.record({
  type: fc.constant('image' as const),
  instrument,
  epoch: natural,
  seq: natural,
  timeUs,
  values,
});
const update = fc.record({
  type: fc.constant('update' as const),
  instrument,
  seq: natural,
  mask: fc.integer({ min: 1, max: (1 << IMAGE_FIELD_COUNT) - 1 }),
  previousTimeUs: fc.constant(0),
  timeUs,
  values,
});
const record: fc.Arbitrary<HeldRecord> = fc.oneof(
  image,
  update,
  fc.record({
    type: fc.constant('trade' as const),
    instrument,
    seq: natural,
    timeUs,
    price: wide,
    size: fc.option(natural),
    id: text,
    conditions: text,
  }),
  fc.record({ type: fc.constant('position' as const), sid: natural, epoch: natural, seq: natural }),
  fc.record({ type: fc.constant('gap' as const), sid: natural, from: natural, to: natural }),
);

/** A lane sends an image before updates, and counts dt from the state that it sent before. */
function asLaneSends(records: readonly HeldRecord[]): HeldRecord[] {
  const times = new Map<string, number>();
  return records.flatMap((record): HeldRecord[] => {
    if (record.type !== 'update' && record.type !== 'image') return [record];
    const previousTimeUs = times.get(record.instrument);
    times.set(record.instrument, record.timeUs);
    if (record.type === 'image') return [record];
    if (previousTimeUs === undefined) return [{ ...record, type: 'image', epoch: 1 }];
    return [{ ...record, previousTimeUs }];
  });
}

const id = fc.option(
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 128 }),
    wide,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  ),
);
const control: fc.Arbitrary<ControlRecord> = fc.oneof(
  fc.record({ type: fc.constant('pong' as const), id, timeUs }),
  fc.record({ type: fc.constant('heartbeat' as const), timeUs, feedTimeUs: fc.option(timeUs) }),
  fc.record({ type: fc.constant('fresh' as const), sids: fc.option(fc.array(natural, { maxLength: 40 })) }),
  fc.record({
    type: fc.constant('error' as const),
    id,
    code: fc.constant('bad_command' as const),
    message: fc.string({ unit: 'grapheme' }),
  }),
  fc.record({ type: fc.constant('goodbye' as const), reason: fc.string(), retryAfterMs: fc.nat() }),
  fc.record({
    type: fc.constant('list' as const),
    id,
    channels: fc.array(
      fc.record({ channel: fc.string(), hz: fc.option(fc.double({ min: 0.1, max: 200, noNaN: true })) }),
    ),
    more: fc.boolean(),
  }),
);

it('gives a client the same records, whichever codec it speaks', () => {
  fc.assert(
    fc.property(
      market,
      fc.array(fc.array(record, { maxLength: 20 }), { maxLength: 6 }),
      (instruments, messages) => {
        const json = new JsonStreamDecoder();
        const msgpack = new MsgpackStreamDecoder();
        msgpack.decode(nativeMsgpack.control(subscribedTo(Object.values(instruments))));
        const lengths = messages.map((records) => records.length);
        const sent = asLaneSends(messages.flat());
        for (const length of lengths) {
          const records = sent.splice(0, length);
          const read = msgpack.decode(messageOf(nativeMsgpack, records, instruments));
          expect(read).toEqual(json.decode(messageOf(nativeJson, records, instruments)));
          expect(read).toHaveLength(length);
        }
      },
    ),
    { numRuns: 300, seed: 20260729 },
  );
});

it('gives the scaled integers back that were sent', () => {
  fc.assert(
    fc.property(market, image, (instruments, sent) => {
      const json = JSON.parse(Buffer.from(messageOf(nativeJson, [sent], instruments)).toString('utf8'));
      const { sid, priceScale, volumeScale } = instruments[sent.instrument]!;
      expect(json[0]).toMatchObject({ sid, epoch: sent.epoch, seq: sent.seq, timeUs: sent.timeUs });
      const back = (decimal: number | null, scale: number) =>
        decimal === null ? null : Math.round(decimal * 10 ** scale) + 0;
      // Below 2^50 the nearest double of the decimal is near enough to round back.
      const small = (scaled: number | null) => scaled === null || Math.abs(scaled) < 2 ** 50;
      if (small(sent.values[0]!)) expect(back(json[0].bidPrice, priceScale)).toBe(sent.values[0]);
      if (small(sent.values[6]!)) expect(back(json[0].volume, volumeScale)).toBe(sent.values[6]);
    }),
    { numRuns: 300, seed: 20260729 },
  );
});

it('carries control records of any content alike', () => {
  fc.assert(
    fc.property(control, (sent) => {
      const read = new MsgpackStreamDecoder().decode(nativeMsgpack.control(sent));
      expect(read).toEqual([sent]);
      expect(new JsonStreamDecoder().decode(nativeJson.control(sent))).toEqual([sent]);
    }),
    { numRuns: 300, seed: 20260729 },
  );
});

it('counts dt from the state before, also when the exchange time goes back', () => {
  const instruments = { AAPL: { sid: 1, symbol: 'AAPL', priceScale: 2, sizeScale: 0, volumeScale: 0 } };
  const state = { instrument: 'AAPL', seq: 1, values: Array(IMAGE_FIELD_COUNT).fill(null) };
  const decoder = new MsgpackStreamDecoder();
  decoder.decode(nativeMsgpack.control(subscribedTo([instruments.AAPL])));
  const records = decoder.decode(
    messageOf(
      nativeMsgpack,
      [
        { ...state, type: 'image', epoch: 1, timeUs: 1000 },
        { ...state, type: 'update', mask: 1, previousTimeUs: 1000, timeUs: 1500 },
        { ...state, type: 'update', mask: 1, previousTimeUs: 1500, timeUs: 1200 },
        { ...state, type: 'image', epoch: 1, timeUs: 5000 },
        { ...state, type: 'update', mask: 1, previousTimeUs: 5000, timeUs: 5001 },
      ],
      instruments,
    ),
  );
  expect(records.map((record) => 'timeUs' in record && record.timeUs)).toEqual([
    1000, 1500, 1200, 5000, 5001,
  ]);
});

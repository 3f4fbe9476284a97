import fc from 'fast-check';
import { IMAGE_FIELDS, type ImageValues, QUOTE, type Tick, TRADE } from '#market-data';
import { type BatchVisitor, decodeBatch } from './batch.js';
import { Coalescer } from './coalescer.js';
import { OwnerCounters } from './fanout-counters.js';
import { ImageTable } from './image-table.js';
import { LineWindows } from './line-windows.js';
import { restoreImages } from './partition-restore.js';
import { instrument, ListedRegistry } from './registry.fixture.js';
import type { TapeEntry } from './tape.js';
import { TurnChanges } from './turn-changes.js';
import { TurnEncoder } from './turn-encoder.js';

const DAY_US = 86_400_000_000;
/** sid 3 counts its volume in thousandths of what it trades in. */
const registry = new ListedRegistry([
  instrument(1),
  instrument(2),
  instrument(3, { sizeScale: 3, volumeScale: 0 }),
]);

type Seen = { sid: number; seq: number; timeUs: number; mask: number; changed: Partial<ImageValues> };
type SeenTrade = { sid: number; seq: number; timeUs: number; price: number; size: number | null };

/** A partition's coalescer as its owner makes it. */
class Bench {
  readonly counters = new OwnerCounters();
  readonly images = new ImageTable();
  readonly lines = new LineWindows(this.counters);
  readonly changes = new TurnChanges();
  readonly coalescer: Coalescer;
  readonly encoder = new TurnEncoder(this.images, this.lines, this.changes);
  number = 0;
  bytes = new Uint8Array();

  constructor(dayRoll = false) {
    const { images, lines, changes, counters } = this;
    this.coalescer = new Coalescer(images, lines, changes, (sid) => registry.bySid(sid), dayRoll, counters);
  }

  apply(tick: Tick): void {
    const { sid, exchangeTimeUs, receiveTimeUs, line, sequence } = tick;
    const timeUs = exchangeTimeUs ?? receiveTimeUs;
    const isExchangeTime = exchangeTimeUs !== null;
    const nan = (value: number | null) => value ?? Number.NaN;
    if (tick.kind === QUOTE) {
      const { bidPrice, bidSize, askPrice, askSize } = tick;
      const sides = [nan(bidPrice), nan(bidSize), nan(askPrice), nan(askSize)] as const;
      this.coalescer.quote(sid, timeUs, ...sides, line, nan(sequence), isExchangeTime);
    } else {
      const { price, size, tradeId, conditions } = tick;
      const facts = [price, nan(size), tradeId, conditions] as const;
      this.coalescer.trade(sid, timeUs, ...facts, line, nan(sequence), isExchangeTime);
    }
  }

  /** One turn. @returns what its batch says */
  turn(...ticks: Tick[]) {
    for (const tick of ticks) this.apply(tick);
    this.coalescer.settle();
    this.bytes = new Uint8Array(this.encoder.batch(7, ++this.number, 0));
    this.encoder.clear();
    return read(this.bytes);
  }

  image(sid: number): ImageValues {
    const slot = this.images.slot(sid);
    const values = this.images.current.subarray(slot * IMAGE_FIELDS.length, (slot + 1) * IMAGE_FIELDS.length);
    return named(values, (1 << IMAGE_FIELDS.length) - 1) as ImageValues;
  }
}

function named(values: Float64Array, mask: number): Partial<ImageValues> {
  return Object.fromEntries(
    IMAGE_FIELDS.flatMap((field, i) => {
      const value = values[i] ?? Number.NaN;
      return (mask & (1 << i)) === 0 ? [] : [[field, Number.isNaN(value) ? null : value]];
    }),
  );
}

function read(bytes: Uint8Array): { updates: Seen[]; trades: SeenTrade[] } {
  const updates: Seen[] = [];
  const trades: SeenTrade[] = [];
  const visitor: BatchVisitor = {
    beginBatch: () => undefined,
    update: (sid, seq, mask, timeUs, values) =>
      updates.push({ sid, seq, timeUs, mask, changed: named(values, mask) }),
    trade: (sid, seq, timeUs, price, size) =>
      trades.push({ sid, seq, timeUs, price, size: Number.isNaN(size) ? null : size }),
    endBatch: () => undefined,
  };
  decodeBatch(bytes, visitor);
  return { updates, trades };
}

const base = { receiveTimeUs: 5, exchangeTimeUs: null, line: null, sequence: null } as const;
const quote = (more: Partial<Tick & { kind: typeof QUOTE }> = {}): Tick => ({
  ...{ kind: QUOTE, sid: 1, bidPrice: 100, bidSize: 5, askPrice: 102, askSize: 7, ...base },
  ...more,
});
const trade = (more: Partial<Tick & { kind: typeof TRADE }> = {}): Tick => ({
  ...{ kind: TRADE, sid: 1, price: 101, size: 10, tradeId: null, conditions: null, ...base },
  ...more,
});

describe('Coalescer', () => {
  it('publishes only the newest quote of a turn', () => {
    const { updates } = new Bench().turn(quote({ bidPrice: 90 }), quote({ bidPrice: 95 }), quote());
    expect(updates).toMatchObject([{ sid: 1, seq: 1, changed: { bidPrice: 100, askPrice: 102, flags: 0 } }]);
  });

  it('publishes only what changed since the last batch', () => {
    const bench = new Bench();
    bench.turn(quote());
    expect(bench.turn(quote({ bidSize: 6 })).updates).toMatchObject([{ seq: 2, changed: { bidSize: 6 } }]);
    expect(bench.turn(quote({ bidSize: 6, askPrice: null })).updates).toMatchObject([
      { seq: 3, changed: { askPrice: null } },
    ]);
  });

  it('publishes nothing for values that are what they were, and keeps seq and time', () => {
    const bench = new Bench();
    bench.turn(quote({ exchangeTimeUs: 10 }));
    const still = bench.turn(quote({ bidPrice: 1, exchangeTimeUs: 11 }), quote({ exchangeTimeUs: 12 }));
    expect(still.updates).toEqual([]);
    expect(bench.turn(quote({ bidPrice: 99, exchangeTimeUs: 13 })).updates).toMatchObject([
      { seq: 2, timeUs: 13 },
    ]);
    expect(bench.images.publishedUs[bench.images.slot(1)]).toBe(13);
  });

  it('keeps every trade of a turn, in order, each with its own number', () => {
    const bench = new Bench();
    bench.turn(trade({ price: 100 }), trade({ sid: 2, price: 7 }), trade({ price: 103, size: null }));
    const { trades, updates } = bench.turn(trade({ price: 99 }), trade({ price: 98 }));
    expect(trades.map(({ seq, price }) => [seq, price])).toEqual([
      [3, 99],
      [4, 98],
    ]);
    expect(updates).toMatchObject([{ seq: 2, changed: { lastPrice: 98, lowPrice: 98, tradeCount: 4 } }]);
  });

  it('counts a trade of unknown size in count and last, not in volume and vwap', () => {
    const bench = new Bench();
    bench.turn(trade({ price: 100, size: 10 }), trade({ price: 200, size: 30 }), trade({ size: null }));
    expect(bench.image(1)).toMatchObject({
      ...{ volume: 40, vwapPrice: 175, tradeCount: 3, lastPrice: 101, lastSize: null },
      ...{ openPrice: 100, highPrice: 200, lowPrice: 100 },
    });
  });

  it('does not know a volume before the first trade of known size', () => {
    const bench = new Bench();
    bench.turn(trade({ size: null }));
    expect(bench.image(1)).toMatchObject({ volume: null, vwapPrice: null, tradeCount: 1 });
  });

  it('keeps the part of the volume that fills no unit yet', () => {
    const bench = new Bench();
    bench.turn(trade({ sid: 3, size: 600 }));
    expect(bench.image(3).volume).toBe(0);
    bench.turn(trade({ sid: 3, size: 600 }));
    expect(bench.image(3).volume).toBe(1);
    bench.turn(trade({ sid: 3, size: 2_800 }));
    expect(bench.image(3)).toMatchObject({ volume: 4, vwapPrice: 101 });
  });

  it('flags a crossed quote, not a locked one', () => {
    const bench = new Bench();
    bench.turn(quote({ bidPrice: 103 }));
    expect(bench.image(1).flags).toBe(1);
    bench.turn(quote({ bidPrice: 102 }));
    expect(bench.image(1).flags).toBe(0);
  });

  it('drops what the other line brought, and publishes a late trade without moving last', () => {
    const bench = new Bench();
    const line = { line: 'A', exchangeTimeUs: 9 };
    const seen = bench.turn(
      trade({ ...line, sequence: 1, price: 100 }),
      trade({ ...line, sequence: 1, price: 100 }),
      trade({ ...line, sequence: 3, price: 103 }),
      trade({ ...line, sequence: 2, price: 110 }),
      quote({ ...line, sequence: 5 }),
      quote({ ...line, sequence: 4, bidPrice: 1 }),
    );
    expect(seen.trades.map(({ price }) => price)).toEqual([100, 103, 110]);
    expect(bench.image(1)).toMatchObject({ lastPrice: 103, highPrice: 110, tradeCount: 3, bidPrice: 100 });
    expect(bench.counters).toMatchObject({ duplicateTicks: 1, lateTrades: 1, lateQuotes: 1 });
  });

  it('publishes what a line brings when the other is hundreds of numbers further, under the next owner too', () => {
    const bench = new Bench();
    const numbered = (sequence: number) => trade({ line: 'A', exchangeTimeUs: 9, sequence, price: sequence });
    const others = Array.from({ length: 300 }, (_, i) => numbered(4 + i));
    const checkpoint = bench.encoder.checkpoint(7, 0);
    const entries = [[numbered(1)], others, [numbered(2)]].map((ticks) => {
      bench.turn(...ticks);
      return { epoch: 7, number: bench.number, bytes: bench.bytes };
    });

    const next = new Bench();
    restoreImages({ epoch: 7, number: bench.number, checkpoint, entries }, next.images, next.lines);
    for (const owner of [bench, next]) {
      const { trades } = owner.turn(numbered(1), numbered(2), numbered(3), numbered(3), numbered(200));
      expect(trades).toMatchObject([{ seq: 303, price: 3 }]);
      expect(owner.image(1)).toMatchObject({ lastPrice: 303, tradeCount: 303, lowPrice: 1 });
    }
  });

  it('rolls the day on the first trade of a later UTC day', () => {
    const bench = new Bench(true);
    bench.turn(trade({ price: 100, exchangeTimeUs: DAY_US - 1 }), trade({ price: 120, exchangeTimeUs: 5 }));
    bench.turn(quote({ exchangeTimeUs: 2 * DAY_US }));
    expect(bench.image(1)).toMatchObject({ previousClosePrice: null, volume: 20 });
    bench.turn(trade({ price: 90, size: 3, exchangeTimeUs: 2 * DAY_US }));
    expect(bench.image(1)).toMatchObject({
      ...{ previousClosePrice: 120, openPrice: 90, highPrice: 90, lowPrice: 90, lastPrice: 90 },
      ...{ volume: 3, tradeCount: 1, vwapPrice: 90 },
    });
    const late = bench.turn(trade({ price: 500, exchangeTimeUs: DAY_US }));
    expect(late.trades).toMatchObject([{ seq: 4, price: 500 }]);
    expect(bench.image(1)).toMatchObject({ highPrice: 90, lastPrice: 90, tradeCount: 1 });
  });

  it('does not apply a tick whose instrument nobody knows', () => {
    const bench = new Bench();
    expect(bench.turn(quote({ sid: 99 }), trade({ sid: 99 }))).toEqual({ updates: [], trades: [] });
    expect(bench.counters.unknownTicks).toBe(2);
  });

  const price = fc.integer({ min: 95, max: 105 });
  const size = fc.option(fc.integer({ min: 0, max: 3_000 }));
  const named = {
    sid: fc.integer({ min: 1, max: 3 }),
    exchangeTimeUs: fc.option(fc.integer({ min: 0, max: 3 * DAY_US })),
    receiveTimeUs: fc.integer({ min: 0, max: 3 * DAY_US }),
    line: fc.option(fc.constantFrom('A', 'B')),
    sequence: fc.option(fc.integer({ min: 1, max: 100 })),
  };
  const tick: fc.Arbitrary<Tick> = fc.oneof(
    fc.record({
      ...{ kind: fc.constant(QUOTE), ...named, bidPrice: fc.option(price), bidSize: size },
      ...{ askPrice: fc.option(price), askSize: size },
    }),
    fc.record({
      ...{ kind: fc.constant(TRADE), ...named, price, size },
      ...{ tradeId: fc.option(fc.string({ maxLength: 5 })), conditions: fc.constant(null) },
    }),
  );

  it('leaves to a next owner, by checkpoint and tape, exactly what it would have gone on with', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(tick, { maxLength: 8 }), { minLength: 1, maxLength: 10 }),
        fc.array(tick, { maxLength: 8 }),
        fc.nat(10),
        fc.boolean(),
        (turns, further, checkpointAt, dayRoll) => {
          const bench = new Bench(dayRoll);
          let checkpoint = bench.encoder.checkpoint(7, 0);
          let entries: TapeEntry[] = [];
          for (const ticks of turns) {
            bench.turn(...ticks);
            entries.push({ epoch: 7, number: bench.number, bytes: bench.bytes });
            if (bench.number !== checkpointAt) continue;
            checkpoint = bench.encoder.checkpoint(7, bench.number);
            entries = [];
          }
          const next = new Bench(dayRoll);
          const state = { epoch: 7, number: bench.number, checkpoint, entries };
          expect(restoreImages(state, next.images, next.lines)).toBe(true);
          next.number = bench.number;
          expect(next.turn(...further)).toEqual(bench.turn(...further));
          // Slots are given in another order after a restore.
          const whole = (b: Bench) =>
            [1, 2, 3].map((sid) => [b.image(sid), b.images.seqs[b.images.slot(sid)]]);
          expect(whole(next)).toEqual(whole(bench));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never loses or doubles a trade or a size, whatever the turns', () => {
    fc.assert(
      fc.property(fc.array(fc.array(tick, { maxLength: 10 }), { maxLength: 8 }), (turns) => {
        const bench = new Bench();
        const trades: SeenTrade[] = [];
        const shown = new Map<number, Record<string, unknown>>();
        for (const ticks of turns) {
          const unnumbered = ticks.map((one) => ({ ...one, line: null }));
          const seen = bench.turn(...unnumbered);
          trades.push(...seen.trades);
          for (const { sid, changed } of seen.updates) shown.set(sid, { ...shown.get(sid), ...changed });
        }
        const sent = turns.flat().filter((one) => one.kind === TRADE);
        for (const sid of [1, 2, 3]) {
          const mine = sent.filter((one) => one.sid === sid);
          const got = trades.filter((one) => one.sid === sid);
          expect(got.map(({ price: p, size: s }) => [p, s])).toEqual(mine.map((t) => [t.price, t.size]));
          expect(got.map(({ seq }) => seq)).toEqual(mine.map((_, i) => i + 1));
          const total = mine.reduce((sum, t) => sum + (t.size ?? 0), 0);
          const { volume, tradeCount } = bench.image(sid);
          expect(volume ?? 0).toBe(sid === 3 ? Math.floor(total / 1_000) : total);
          expect(tradeCount ?? 0).toBe(mine.length);
          if (shown.has(sid)) expect({ ...bench.image(sid), ...shown.get(sid) }).toEqual(bench.image(sid));
        }
      }),
      { numRuns: 300 },
    );
  });
});

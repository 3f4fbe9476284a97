import fc from 'fast-check';
import { QUOTE, type Tick, type TickGroup, TRADE } from '#market-data';
import { decodeMsgpack } from '#wire';
import { GroupEncoder, joinGroups, LogEntryDecoder, type LogEntryVisitor } from './log-entry.js';

const encoder = new GroupEncoder();
const encode = (groups: readonly TickGroup[]) =>
  joinGroups(groups.map((group) => encoder.encode(group, group.ticks)));

const orNull = (value: number) => (Number.isNaN(value) ? null : value);

/** What the owner sees of a tick: one time, exchange before receive. */
type Seen = Record<string, unknown>;

class Collector implements LogEntryVisitor {
  readonly groups: { name: readonly unknown[]; ticks: Seen[] }[] = [];

  constructor(private readonly wanted: (sequence: number) => boolean = () => true) {}

  group(source: string, session: string, sequence: number, part: number): boolean {
    this.groups.push({ name: [source, session, sequence, part], ticks: [] });
    return this.wanted(sequence);
  }

  quote(
    ...[sid, timeUs, bidPrice, bidSize, askPrice, askSize, line, sequence]: Parameters<
      LogEntryVisitor['quote']
    >
  ): void {
    this.groups.at(-1)?.ticks.push({
      ...{ kind: QUOTE, sid, timeUs, bidPrice: orNull(bidPrice), bidSize: orNull(bidSize) },
      ...{ askPrice: orNull(askPrice), askSize: orNull(askSize), line, sequence: orNull(sequence) },
    });
  }

  trade(
    ...[sid, timeUs, price, size, tradeId, conditions, line, sequence]: Parameters<LogEntryVisitor['trade']>
  ): void {
    this.groups.at(-1)?.ticks.push({
      ...{ kind: TRADE, sid, timeUs, price, size: orNull(size), tradeId, conditions, line },
      ...{ sequence: orNull(sequence) },
    });
  }
}

function seen(tick: Tick): Seen {
  const { exchangeTimeUs, receiveTimeUs, ...rest } = tick;
  return { ...rest, timeUs: exchangeTimeUs ?? receiveTimeUs };
}

const scaled = fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const size = fc.nat(Number.MAX_SAFE_INTEGER);
const timeUs = fc.integer({ min: 0, max: 4_000_000_000_000_000 });
const common = {
  sid: fc.integer({ min: 1, max: 100_000 }),
  exchangeTimeUs: fc.option(timeUs),
  receiveTimeUs: timeUs,
  line: fc.option(fc.string({ maxLength: 8 })),
  sequence: fc.option(size),
};
const tick: fc.Arbitrary<Tick> = fc.oneof(
  fc.record({
    ...{ kind: fc.constant(QUOTE), ...common, bidPrice: fc.option(scaled), bidSize: fc.option(size) },
    ...{ askPrice: fc.option(scaled), askSize: fc.option(size) },
  }),
  fc.record({
    ...{ kind: fc.constant(TRADE), ...common, price: scaled, size: fc.option(size) },
    ...{
      tradeId: fc.option(fc.string({ maxLength: 64 })),
      conditions: fc.option(fc.string({ maxLength: 32 })),
    },
  }),
);
const group: fc.Arbitrary<TickGroup> = fc.record({
  ...{ source: fc.string(), session: fc.string(), sequence: size, part: fc.nat(1_000) },
  ticks: fc.array(tick, { minLength: 1, maxLength: 20 }),
});

describe('log entry', () => {
  it('gives every tick back as it was', () => {
    const decoder = new LogEntryDecoder();
    fc.assert(
      fc.property(fc.array(group, { maxLength: 20 }), (groups) => {
        const collector = new Collector();
        decoder.decode(encode(groups), collector);
        expect(collector.groups).toEqual(
          groups.map(({ source, session, sequence, part, ticks }) => ({
            name: [source, session, sequence, part],
            ticks: ticks.map(seen),
          })),
        );
      }),
    );
  });

  it('steps over the ticks of groups that are not wanted', () => {
    fc.assert(
      fc.property(fc.array(group, { maxLength: 10 }), (groups) => {
        const collector = new Collector((sequence) => sequence % 2 === 0);
        new LogEntryDecoder().decode(encode(groups), collector);
        const ticks = groups.map((g) => (g.sequence % 2 === 0 ? g.ticks.map(seen) : []));
        expect(collector.groups.map((g) => g.ticks)).toEqual(ticks);
      }),
    );
  });

  it('knows the highest sid without reading ticks', () => {
    fc.assert(
      fc.property(fc.array(group, { maxLength: 10 }), (groups) => {
        const sids = groups.flatMap((g) => g.ticks.map((t) => t.sid));
        expect(new LogEntryDecoder().sidMax(encode(groups))).toBe(Math.max(0, ...sids));
      }),
    );
  });

  it('is plain msgpack on the outside', () => {
    const groups: TickGroup[] = [
      {
        source: 'nyse',
        session: 's1',
        sequence: 3,
        part: 0,
        ticks: fc.sample(tick, { numRuns: 2, seed: 1 }),
      },
    ];
    const rest = Array.from({ length: 5 }, () => expect.anything());
    expect(decodeMsgpack(encode(groups))).toEqual([['nyse', 's1', 3, 0, ...rest]]);
  });

  it('spends about 20 bytes on a quote', () => {
    const receiveTimeUs = 1_700_000_000_000_000;
    const ticks = Array.from(
      { length: 100 },
      (_, i): Tick => ({
        ...{
          kind: QUOTE,
          sid: 300 + i,
          bidPrice: 1_012_300 + i,
          bidSize: 200,
          askPrice: 1_012_400,
          askSize: 300,
        },
        ...{
          exchangeTimeUs: receiveTimeUs - 400 + i,
          receiveTimeUs: receiveTimeUs + i,
          line: null,
          sequence: null,
        },
      }),
    );
    const bytes = encode([{ source: 'nyse', session: 's1', sequence: 3, part: 0, ticks }]);
    expect(bytes.length / ticks.length).toBeLessThan(24);
  });
});

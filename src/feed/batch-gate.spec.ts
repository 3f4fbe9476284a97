import { GROUP_TICKS_MAX, type Tick } from '#market-data';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import type { OfferAnswer, TickLogWriter } from '../fanout/tick-log-writer.js';
import { Metrics } from '../ops/metrics.js';
import type { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { MemorySymbolStore } from '../symbols/memory-symbol-store.js';
import type { FeedBatch } from './batch-door.js';
import { BatchGate, OFFER_TICKS_MAX, WAITING_TICKS_MAX } from './batch-gate.js';
import {
  AppliedLog,
  type Fate,
  FeedLog,
  quote,
  SEED,
  silentLog,
  startRegistry,
  stillClock,
  switchSymbol,
  trade,
} from './feed.fixture.js';
import { FeedCounters } from './feed-counters.js';

const CONFIG = { crossedQuotes: 'reject', tickAgeMsMax: 0, symbolsAutoRegister: false } as const;

function batch(sequence: number, ticks: readonly unknown[], given: Partial<FeedBatch> = {}): FeedBatch {
  return { source: 'nyse', session: 's1', sequence, ticks, ...given };
}

describe('BatchGate', () => {
  let registry: LiveSymbolRegistry;
  let counters: FeedCounters;
  beforeEach(async () => {
    registry = await startRegistry();
    counters = new FeedCounters();
  });
  afterEach(() => registry.stop());

  const gateOn = (writer: TickLogWriter, config: Partial<Record<keyof typeof CONFIG, unknown>> = {}) =>
    new BatchGate({
      registry,
      writer,
      clock: stillClock,
      config: { ...CONFIG, ...config } as typeof CONFIG,
      counters,
      log: silentLog,
    });
  const logOf = (...fates: (Fate | undefined)[]) =>
    new FeedLog(registry, new AppliedLog(() => fates.shift()));

  it('stores the good ticks and answers each bad one with its place and reason', async () => {
    const log = logOf();
    const answer = await gateOn(log).accept(
      batch(1, [
        quote(),
        trade({ price: null }),
        trade(),
        quote({ symbol: 'NOPE' }),
        quote({ bidPrice: 200 }),
      ]),
    );
    expect(answer).toEqual({
      outcome: 'stored',
      accepted: 2,
      rejected: [
        { index: 1, reason: 'malformed', message: expect.stringContaining('price') },
        { index: 3, reason: 'unknown_symbol', message: expect.stringContaining('NOPE') },
        { index: 4, reason: 'crossed', message: expect.stringContaining('200 > 190.13') },
      ],
    });
    expect(log.offers).toEqual([[expect.objectContaining({ sequence: 1, part: 0 })]]);
    expect(log.applied).toHaveLength(2);
    expect(counters).toMatchObject({ quotes: 1, trades: 1, batches: 1 });
    expect(counters.rejected).toMatchObject({ malformed: 1, unknown_symbol: 1, crossed: 1 });
  });

  it('cuts by the place in the input, so that a repeat cuts alike whatever is rejected', async () => {
    const log = logOf();
    const ticks = Array.from({ length: GROUP_TICKS_MAX * 3 }, (_, i) =>
      // The second part has not one good tick.
      i >= GROUP_TICKS_MAX && i < GROUP_TICKS_MAX * 2 ? null : quote(),
    );
    await gateOn(log).accept(batch(1, [undefined, ...ticks]));
    const cut = log.offers[0]!.map(({ part, ticks: { length } }) => [part, length]);
    expect(cut).toEqual([
      [0, GROUP_TICKS_MAX - 1],
      [1, 1],
      [2, GROUP_TICKS_MAX - 1],
      [3, 1],
    ]);
  });

  it('numbers the parts of a piece from where the piece begins', async () => {
    const log = logOf();
    await gateOn(log).accept(batch(9, Array(GROUP_TICKS_MAX + 1).fill(quote()), { firstPart: 4 }));
    expect(log.offers[0]!.map(({ part }) => part)).toEqual([4, 5]);
  });

  it('answers a batch without a good tick without asking the log', async () => {
    const log = logOf();
    const gate = gateOn(log);
    expect(await gate.accept(batch(1, []))).toEqual({ outcome: 'stored', accepted: 0, rejected: [] });
    expect(await gate.accept(batch(2, [null]))).toMatchObject({ accepted: 0, rejected: [{ index: 0 }] });
    expect(log.offers).toEqual([]);
  });

  it('counts crossed quotes that are accepted', async () => {
    await gateOn(logOf(), { crossedQuotes: 'accept' }).accept(batch(1, [quote({ bidPrice: 191 }), quote()]));
    expect(counters).toMatchObject({ crossedQuotes: 1, quotes: 2 });
  });

  it('refuses with the failed batch everything of the session that came behind it', async () => {
    const log = logOf('full');
    const gate = gateOn(log);
    log.hold();
    const first = gate.accept(batch(1, [quote()]));
    await new Promise(setImmediate);
    const second = gate.accept(batch(2, [quote()]));
    const empty = gate.accept(batch(3, []));
    await new Promise(setImmediate);
    log.release();
    const busy = { outcome: 'busy', why: 'log_full', retryAfterMs: expect.any(Number) };
    expect(await Promise.all([first, second, empty])).toEqual([busy, busy, busy]);
    expect(log.applied).toEqual([]);
    expect(counters.busy.log_full).toBe(3);
    expect(counters.quotes).toBe(0);
    expect(await gate.accept(batch(1, [quote()], { session: 's2' }))).toMatchObject({ accepted: 1 });

    const again = [1, 2, 3].map((sequence) => gate.accept(batch(sequence, [trade({ price: sequence })])));
    expect(await Promise.all(again)).toEqual(Array(3).fill(expect.objectContaining({ outcome: 'stored' })));
    // What comes in one turn goes out together.
    expect(log.offers.at(-1)!.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('does not wait for an answer before it offers the next', async () => {
    const log = logOf();
    const gate = gateOn(log);
    log.hold();
    const answers = [];
    for (let sequence = 1; sequence <= 3; sequence++) {
      answers.push(gate.accept(batch(sequence, [trade()])));
      await new Promise(setImmediate);
    }
    expect(log.offers).toHaveLength(3);
    log.release();
    for (const { outcome } of await Promise.all(answers)) expect(outcome).toBe('stored');
  });

  it('bounds what waits, and never lets a later batch pass one that had no room', async () => {
    const log = logOf();
    const gate = gateOn(log);
    log.hold();
    const big = Array(OFFER_TICKS_MAX).fill(quote());
    const waiting = [];
    for (let sequence = 1; sequence <= WAITING_TICKS_MAX / OFFER_TICKS_MAX; sequence++)
      waiting.push(gate.accept(batch(sequence, big)));
    const tooMuch = gate.accept(batch(50, big, { session: 's2' }));
    const behind = gate.accept(batch(51, [], { session: 's2' }));
    expect(await tooMuch).toEqual({ outcome: 'busy', why: 'queue_full', retryAfterMs: 50 });
    expect(await behind).toMatchObject({ outcome: 'busy', why: 'queue_full' });
    log.release();
    for (const answer of await Promise.all(waiting)) expect(answer.outcome).toBe('stored');
    expect(
      log.offers.every(
        (groups) => groups.reduce((sum, { ticks }) => sum + ticks.length, 0) <= OFFER_TICKS_MAX,
      ),
    ).toBe(true);
    expect(await gate.accept(batch(50, big, { session: 's2' }))).toMatchObject({ outcome: 'stored' });
  });

  it('tells listeners what was stored, and goes on when one of them fails', async () => {
    const gate = gateOn(logOf('full'));
    const told: (readonly [number, number])[] = [];
    gate.onStored(() => {
      throw new Error('A listener with a fault');
    });
    const stop = gate.onStored(({ sequence }, ticks: readonly Tick[]) => told.push([sequence, ticks.length]));
    await gate.accept(batch(1, [quote(), null]));
    await new Promise(setImmediate);
    await gate.accept(batch(1, [quote(), null]));
    stop();
    await gate.accept(batch(2, [quote()]));
    expect(told).toEqual([[1, 1]]);
  });

  it('gates again what is stored and forgotten, without offering or counting it', async () => {
    const log = logOf();
    const answer = gateOn(log).answerAgain(batch(1, [quote(), null]));
    expect(answer).toMatchObject({ outcome: 'stored', accepted: 1, rejected: [{ index: 1 }] });
    expect(log.offers).toEqual([]);
    expect(counters).toMatchObject({ quotes: 0, batches: 0, repeatedBatches: 1 });
  });

  describe('while operators switch symbols', () => {
    const store = new MemorySymbolStore();
    const set = (symbol: string, enabled: boolean) => switchSymbol(store, registry, symbol, enabled);
    beforeEach(async () => {
      await registry.stop();
      registry = await startRegistry(SEED, 1_000, store);
      await set('AAPL', true);
      await set('GONE', false);
    });

    it('answers a repeat as the batch was answered, also one of an upload', async () => {
      const gate = gateOn(logOf());
      for (const given of [{}, { firstPart: 3 }]) {
        const repeated = batch(1, [trade({ symbol: 'GONE' }), trade(), undefined], given);
        const first = await gate.accept(repeated);
        expect(first).toMatchObject({
          accepted: 1,
          rejected: [{ index: 0, reason: 'symbol_disabled', message: expect.stringContaining('GONE') }],
        });
        await set('GONE', true);
        await set('AAPL', false);
        expect(gate.answerAgain(repeated)).toEqual(first);
        await set('GONE', false);
        await set('AAPL', true);
      }
    });

    it('keeps rejecting what it rejected before a batch was busy: a part of that batch may be stored', async () => {
      const partitionOf = (symbol: string) => registry.partition(registry.bySymbol(symbol)!.sid);
      const other = ['AAPL', 'MSFT', 'HALT', 'BTC-USD'].find(
        (symbol) => partitionOf(symbol) !== partitionOf('AAPL'),
      )!;
      // Appends go out in the order of the partitions: AAPL's stores its part, the other is full once.
      const fates: Fate[] =
        partitionOf('AAPL') < partitionOf(other) ? ['stored', 'full'] : ['full', 'stored'];
      const log = logOf(...fates);
      const gate = gateOn(log);
      const again = batch(1, [
        trade({ price: 1 }),
        trade({ symbol: other, price: 2 }),
        trade({ symbol: 'GONE' }),
      ]);
      expect(await gate.accept(again)).toMatchObject({ outcome: 'busy' });
      while (log.applied.length === 0) await new Promise(setImmediate);
      await set('GONE', true);
      const answer = await gate.accept(again);
      expect(answer).toMatchObject({ accepted: 2, rejected: [{ index: 2, reason: 'symbol_disabled' }] });
      expect(log.applied).toHaveLength(2);
      expect(gate.answerAgain(again)).toEqual(answer);
      // What comes under a name of its own is judged by today's registry.
      expect(await gate.accept({ ...again, sequence: 2 })).toMatchObject({ accepted: 3, rejected: [] });
    });
  });

  it('shows its counters', async () => {
    const metrics = new Metrics();
    counters.register(metrics);
    await gateOn(logOf()).accept(batch(1, [quote(), trade(), trade(), null]));
    const text = await metrics.text();
    expect(text).toContain('tickcast_feed_ticks_accepted_total{kind="trade"} 2');
    expect(text).toContain('tickcast_feed_ticks_rejected_total{reason="malformed"} 1');
    expect(text).toContain('tickcast_feed_busy_total{reason="queue_full"} 0');
  });

  describe('where the first tick registers its symbol', () => {
    const registering = (writer: TickLogWriter) => gateOn(writer, { symbolsAutoRegister: true });

    it('registers all unknown symbols of a batch in one call, before anything is appended', async () => {
      const calls: (readonly string[])[] = [];
      const known: boolean[] = [];
      const register = registry.register.bind(registry);
      registry.register = (symbols) => {
        calls.push(symbols);
        return register(symbols);
      };
      const log = logOf();
      const watched: TickLogWriter = {
        offer: (groups): Promise<OfferAnswer> => {
          known.push(registry.bySymbol('NEW1') !== undefined);
          return log.offer(groups);
        },
      };
      const ticks = [
        trade({ symbol: 'NEW1', price: 1.123456 }),
        quote(),
        trade({ symbol: 'NEW2' }),
        trade({ symbol: 'NEW1', price: 2 }),
        trade({ symbol: 'BAD1', price: null }),
        trade({ symbol: 'BAD2', price: 0.0000001 }),
        trade({ symbol: 'no symbol' }),
      ];
      const answer = await registering(watched).accept(batch(1, ticks));
      expect(calls).toEqual([['NEW1', 'NEW2']]);
      expect(known).toEqual([true]);
      expect(answer).toMatchObject({
        accepted: 4,
        rejected: [
          { index: 4, reason: 'malformed' },
          { index: 5, reason: 'off_scale' },
          { index: 6, reason: 'malformed' },
        ],
      });
      expect(registry.bySymbol('BAD1')).toBeUndefined();
      const { sid } = registry.bySymbol('NEW1')!;
      const prices = log.applied.flatMap((tick) => (tick.sid === sid && 'price' in tick ? [tick.price] : []));
      expect(prices).toEqual([1_123_456, 2_000_000]);
    });

    it('rejects what the registry has no room for, in the order of the input', async () => {
      await registry.stop();
      registry = await startRegistry(SEED, SEED.length + 1);
      const answer = await registering(logOf()).accept(
        batch(1, [trade({ symbol: 'NEW1' }), trade({ symbol: 'NEW2' }), null, trade()]),
      );
      expect(answer).toMatchObject({
        outcome: 'stored',
        accepted: 2,
        rejected: [
          { index: 1, reason: 'registry_full' },
          { index: 2, reason: 'malformed' },
        ],
      });
      expect(counters.rejected.registry_full).toBe(1);
    });

    it('rejects symbols whose binding is refused', async () => {
      registry.register = async (symbols) => new Map(symbols.map((symbol) => [symbol, 'registry_conflict']));
      const answer = await registering(logOf()).accept(batch(1, [trade({ symbol: 'NEW1' })]));
      expect(answer).toMatchObject({ accepted: 0, rejected: [{ index: 0, reason: 'registry_conflict' }] });
    });

    it('is busy while the registry does not answer, for the session alone and in order', async () => {
      const register = registry.register.bind(registry);
      registry.register = async () => {
        throw new StoreUnavailable('The store did not answer');
      };
      const log = logOf();
      const gate = registering(log);
      const answers = [
        gate.accept(batch(1, [trade({ symbol: 'NEW1' })])),
        gate.accept(batch(2, [trade()])),
        gate.accept(batch(1, [trade()], { session: 's2' })),
      ];
      const busy = { outcome: 'busy', why: 'store_unavailable', retryAfterMs: 500 };
      expect(await Promise.all(answers)).toEqual([busy, busy, expect.objectContaining({ accepted: 1 })]);
      expect(log.offers).toHaveLength(1);
      registry.register = register;
      expect(await gate.accept(batch(1, [trade({ symbol: 'NEW1' })]))).toMatchObject({ accepted: 1 });
    });
  });
});

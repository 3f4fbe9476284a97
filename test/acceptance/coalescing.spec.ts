/** One busy symbol at the default interval of 50 ms: what Redis sees, what a ticker and a trade subscriber get. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler, type RawTick } from '../support/feed-handler.js';
import { Installation } from '../support/installation.js';
import { StreamPeer } from '../support/stream-peer.js';
import { type LiveBatch, LiveTap } from './support/live-tap.js';

const INTERVAL_MS = 50;
/** Ticks of one push, every 5 ms: 100 quotes and 10 trades per interval. */
const QUOTES_PER_PUSH = 10;
const PUSHES = 600;

describe('a busy symbol', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.begin({ BUSY: [2, 0, 0], CALM: [2, 0, 0] });
  }, 60_000);
  afterAll(() => installation?.end(), 60_000);

  /** The n-th tick of the stream: mostly quotes; bid, sizes and ask of one quote all say which it is. */
  function tick(n: number): RawTick {
    const isTrade = n % (QUOTES_PER_PUSH + 1) === 4;
    return isTrade
      ? { type: 'trade', symbol: 'BUSY', price: n / 100, size: 1, tradeId: String(n) }
      : {
          ...{ type: 'quote', symbol: 'BUSY' },
          ...{ bidPrice: n / 100, bidSize: n, askPrice: (n + 1) / 100, askSize: n + 2 },
        };
  }

  /** How many intervals a span of time can touch at most. */
  const intervalsIn = (ms: number, intervalMs: number) => Math.floor(ms / intervalMs) + 2;

  it('publishes once per partition and interval, and tells subscribers the last values and every trade', async () => {
    const tickcast = await installation.start();
    const tap = await LiveTap.on(installation.redis);
    const ticker = await StreamPeer.open(tickcast.url);
    const seen: { seq: number; bid: number }[] = [];
    ticker.state.onState = (state, { seq, values }) => {
      if (state.images === 0) return;
      const bid = values.bidPrice!;
      seen.push({ seq, bid });
      // A state is that of one quote, never a mix of two.
      expect([values.bidSize, values.askPrice, values.askSize]).toEqual([
        Math.round(bid * 100),
        (Math.round(bid * 100) + 1) / 100,
        Math.round(bid * 100) + 2,
      ]);
    };
    const trades = await StreamPeer.open(tickcast.url, { codec: 'json' });
    const slower = await StreamPeer.open(tickcast.url, { codec: 'json' });
    await ticker.subscribe(['ticker:BUSY']);
    await trades.subscribe(['trade:BUSY']);
    const granted = await slower.subscribe(['ticker:BUSY'], { hz: 5 });
    expect(granted[0]).toMatchObject({ hz: 5 });

    const handler = new FeedHandler('busy', 'one', 'msgpack');
    await handler.connect(tickcast.url);
    const startMs = await tap.timeMs();
    let n = 0;
    const next = () => tick(++n);
    for (let push = 0; push < PUSHES; push++) {
      handler.push(Array.from({ length: QUOTES_PER_PUSH + 1 }, next));
      await sleep(5);
    }
    await handler.allAcknowledged();
    const lastQuote = n;
    const lastState = () => ticker.state.of('BUSY').image?.values.bidSize === lastQuote;
    await ticker.until('the last quote', lastState);
    await slower.until('the last quote', () => slower.state.of('BUSY').image?.values.bidSize === lastQuote);
    await tap.settle();
    const endMs = await tap.timeMs();

    const intervals = intervalsIn(endMs - startMs, INTERVAL_MS);
    const busy = tap.batches.find(({ symbols }) => symbols.length > 0)!.partition;
    for (const [partition, numbers] of numbersByPartition(tap.batches)) {
      expect([partition, numbers]).toEqual([partition, numbers.map((_, i) => numbers[0]! + i)]);
      // The others have nothing to say but that they begin.
      expect(numbers.length).toBeLessThanOrEqual(partition === busy ? intervals : 1);
    }
    const batches = tap.batches.filter(({ symbols }) => symbols.length > 0);
    // Coalesced indeed: so many quotes, and each batch has one state of the one symbol.
    expect(n).toBeGreaterThan(20 * batches.length);
    for (const { symbols } of batches) expect(symbols).toHaveLength(1);

    expectLastOfTurn(batches.map(({ symbols }) => symbols[0]!));

    const state = ticker.state.of('BUSY');
    expect(state.images + state.updates).toBeLessThanOrEqual(batches.length);
    const bySeq = new Map(batches.map(({ symbols: [symbol] }) => [symbol!.seq, symbol!.values[0]]));
    for (const { seq, bid } of seen) expect([seq, bid]).toEqual([seq, bySeq.get(seq)! / 100]);
    expect(slower.state.of('BUSY').updates).toBeLessThanOrEqual(intervalsIn(endMs - startMs, 200));

    const ids = Array.from({ length: n }, (_, i) => i + 1)
      .filter((i) => tick(i)['type'] === 'trade')
      .map(String);
    await trades.until('the last trade', () => trades.state.of('BUSY').trades.at(-1)?.id === ids.at(-1));
    expect(trades.state.of('BUSY').trades.map(({ id }) => id)).toEqual(ids);
    for (const peer of [ticker, trades, slower]) expect(peer.state.faults).toEqual([]);
    tap.close();
    await tickcast.stop();
  }, 90_000);

  function numbersByPartition(batches: readonly LiveBatch[]): Map<number, number[]> {
    const numbers = new Map<number, number[]>();
    for (const { partition, number } of batches)
      numbers.set(partition, [...(numbers.get(partition) ?? []), number]);
    return numbers;
  }

  /**
   * A turn takes the stream up to some place: behind its last trade, before the first one of the next turn. Its quote
   * must be the last one up to there, not any earlier one of the turn.
   */
  function expectLastOfTurn(
    turns: readonly { values: readonly (number | null)[]; trades: readonly unknown[] }[],
  ) {
    const tradeOf = (trade: unknown) => (trade as readonly [number, number, number])[2];
    turns.forEach(({ values, trades }, i) => {
      const bid = values[0]!;
      const lastTrade = trades.length === 0 ? 0 : tradeOf(trades.at(-1));
      const nextTrade = turns.slice(i + 1).find((turn) => turn.trades.length > 0)?.trades[0];
      // A push is stored as a whole, and ends in a quote behind its trade.
      expect(bid % (QUOTES_PER_PUSH + 1)).toBe(0);
      expect(bid).toBeGreaterThan(lastTrade);
      if (nextTrade !== undefined) expect(bid).toBeLessThan(tradeOf(nextTrade));
    });
  }

  it('sends Redis nothing beside one publish per batch and heartbeat', async () => {
    const tickcast = await installation.start();
    const tap = await LiveTap.on(installation.redis);
    const handler = new FeedHandler('busy', 'two');
    await handler.connect(tickcast.url);
    await tap.settle();
    const messagesBefore = tap.messages;
    const before = await tap.publishes();
    let n = 0;
    const next = () => tick(++n);
    for (let push = 0; push < PUSHES / 4; push++) {
      handler.push(Array.from({ length: 40 }, next));
      await sleep(10);
    }
    await handler.allAcknowledged();
    const published = (await tap.publishes()) - before;
    await tap.settle();
    // What was counted by the server is what was heard: nothing was published where nobody would look for it.
    expect(published).toBeLessThanOrEqual(tap.messages - messagesBefore);
    expect(published).toBeGreaterThan(0);
    tap.close();
    await tickcast.stop();
  }, 60_000);
});

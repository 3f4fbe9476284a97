/**
 * 20,000 ticks, half by HTTP and half by feed sockets, one in a hundred bad in one of ten ways: each good one is in
 * the images and trades, each bad one is answered with its place and reason, and the service's own figures agree.
 */

import { type Ack, FeedHandler } from '../support/feed-handler.js';
import { FEED_KEY, http, Installation, metrics, switchSymbol } from '../support/installation.js';
import { Seeded } from '../support/seeded.js';
import { type Codec, StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';
import { ExactImage } from './support/exact-image.js';

/** A stock, a share of many decimals, a coin whose volume keeps less decimals than its sizes, and one switched off. */
const SEED = {
  'AC-STOCK': [2, 0, 0],
  'AC-FOUR': [4, 2, 2],
  'AC-COIN': [8, 8, 2],
  'AC-OFF': [2, 0, 0],
} as const;
const GOOD = ['AC-STOCK', 'AC-FOUR', 'AC-COIN'] as const;
const TICKS = 10_000;
const BAD_EVERY = 100;
const AGE_MS_MAX = 3_600_000;

/** A line of NDJSON that is no JSON; a socket cannot carry such a tick, there it is of no type. */
const NO_TICK = Symbol('no tick');

type Bad = readonly [reason: string, tick: (nowUs: number) => unknown];
const stockTrade = { type: 'trade', symbol: 'AC-STOCK', price: '10.25', size: 1 };
const stockQuote = { type: 'quote', symbol: 'AC-STOCK', bidPrice: 10, bidSize: 1, askPrice: 11, askSize: 1 };
const BAD: readonly Bad[] = [
  ['malformed', () => NO_TICK],
  ['unknown_symbol', () => ({ ...stockTrade, symbol: 'AC-NOWHERE' })],
  ['symbol_disabled', () => ({ ...stockTrade, symbol: 'AC-OFF' })],
  ['crossed', () => ({ ...stockQuote, bidPrice: '11.01' })],
  ['off_scale', () => ({ ...stockTrade, price: '10.255' })],
  ['off_scale', () => ({ ...stockTrade, symbol: 'AC-COIN', size: '90071992.54740992' })],
  ['malformed', () => ({ type: 'quote', symbol: 'AC-STOCK', bidPrice: 10, bidSize: 1, askSize: 1 })],
  ['malformed', () => ({ ...stockTrade, size: -1 })],
  ['malformed', () => ({ ...stockTrade, symbol: 'ac stock' })],
  ['stale', (nowUs) => ({ ...stockTrade, exchangeTimeUs: nowUs - 2 * AGE_MS_MAX * 1_000 })],
  // Seconds where µs belong.
  ['malformed', (nowUs) => ({ ...stockTrade, exchangeTimeUs: Math.floor(nowUs / 1_000_000) })],
];

describe('20,000 ticks', () => {
  let installation: Installation;
  let tickcast: Tickcast;
  let peers: StreamPeer[];
  const images = new Map(GOOD.map((symbol) => [symbol, new ExactImage(symbol, scalesOf(symbol))]));
  const rejectedByReason = new Map<string, number>();
  let made = 0;
  let bad = 0;

  beforeAll(async () => {
    installation = await Installation.begin(SEED, { TICKCAST_TICK_AGE_MS_MAX: String(AGE_MS_MAX) });
    tickcast = await installation.start();
    await switchSymbol(tickcast, 'AC-OFF', 'disable');
    peers = await Promise.all((['json', 'msgpack'] as const).map((codec) => follow(codec)));
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  async function follow(codec: Codec): Promise<StreamPeer> {
    const peer = await StreamPeer.open(tickcast.url, { codec });
    await peer.subscribe(GOOD.flatMap((symbol) => [`ticker:${symbol}`, `trade:${symbol}`]));
    return peer;
  }

  function scalesOf(symbol: keyof typeof SEED) {
    const [priceScale, sizeScale, volumeScale] = SEED[symbol];
    return { priceScale, sizeScale, volumeScale };
  }

  interface Rejection {
    readonly index?: number;
    readonly line?: number;
    readonly reason: string;
    readonly message: string;
  }

  /** The next ticks, and what must be answered: the places and reasons of the bad ones. */
  function ticks(seeded: Seeded, count: number) {
    const nowUs = Date.now() * 1_000;
    const rejected: { readonly place: number; readonly reason: string }[] = [];
    const places = Array.from({ length: count }, (_, place) => {
      made++;
      if (made % BAD_EVERY !== 41) {
        const image = images.get(seeded.pick(GOOD))!;
        return image.random(seeded, `t${made}`, nowUs - seeded.integer(0, 900_000_000));
      }
      const [reason, tick] = BAD[bad++ % BAD.length]!;
      rejected.push({ place, reason });
      rejectedByReason.set(reason, (rejectedByReason.get(reason) ?? 0) + 1);
      return tick(nowUs);
    });
    return { places, rejected };
  }

  function expectRejected(
    found: readonly Rejection[],
    expected: readonly { place: number; reason: string }[],
  ): void {
    expect(found.map(({ index, line, reason }) => ({ place: index ?? line! - 1, reason }))).toEqual(expected);
    for (const { message } of found) expect(message).toMatch(/^Expected .+/);
  }

  async function pushByHttp(): Promise<void> {
    const { places, rejected } = ticks(new Seeded(1), TICKS);
    const lines = places.map((tick) => (tick === NO_TICK ? '{"type":"trade",' : JSON.stringify(tick)));
    const { status, body } = await http(`${tickcast.url}/v1/ticks`, {
      ...{ key: FEED_KEY, headers: { 'content-type': 'application/x-ndjson' } },
      body: lines.join('\n'),
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: TICKS - rejected.length, rejectedTotal: rejected.length });
    expect(body.storedLines).toBe(TICKS);
    expectRejected(body.rejected, rejected);
  }

  async function pushBySocket(codec: Codec, seed: number): Promise<void> {
    const seeded = new Seeded(seed);
    const handler = new FeedHandler('socket', `of-${codec}`, codec);
    await handler.connect(tickcast.url);
    const answers: { readonly ack: Promise<Ack>; readonly count: number; readonly rejected: never[] }[] = [];
    for (let left = TICKS / 2; left > 0; ) {
      const count = Math.min(left, seeded.integer(1, 700));
      left -= count;
      const { places, rejected } = ticks(seeded, count);
      const seq = handler.push(places.map((tick) => (tick === NO_TICK ? [1, 'bar'] : tick)));
      answers.push({ ack: handler.acknowledged(seq), count, rejected: rejected as never[] });
    }
    for (const { ack, count, rejected } of answers) {
      const answer = await ack;
      expect(answer.accepted).toBe(count - rejected.length);
      expectRejected(answer.rejected, rejected);
    }
    expect(handler.faults).toEqual([]);
    await handler.close();
  }

  it('answers every bad tick with its place and reason, and accounts for every good one', async () => {
    await pushByHttp();
    await pushBySocket('json', 2);
    await pushBySocket('msgpack', 3);
    expect(bad).toBe(200);
    expect(bad).toBeGreaterThanOrEqual(10 * BAD.length);

    for (const peer of peers) {
      for (const [symbol, exact] of images) {
        const state = peer.state.of(symbol);
        await peer.until(`all trades of ${symbol}`, () => state.trades.length >= exact.trades.length);
        expect(state.trades.map(({ seq: _seq, ...trade }) => trade)).toEqual(exact.trades);
        expect(state.trades.map(({ seq }) => seq)).toEqual(exact.trades.map((_, i) => i + 1));
        await peer.until('the last state', () => state.image?.timeUs === exact.timeUs);
        expect([symbol, state.image?.values]).toEqual([symbol, exact.values()]);
      }
      const late = await follow(peer.codec);
      await late.untilImages(GOOD);
      for (const [symbol, exact] of images)
        expect(late.state.of(symbol).image?.values).toEqual(exact.values());
      expect([...peer.state.faults, ...late.state.faults]).toEqual([]);
    }
  }, 90_000);

  it('shows the same totals to operators', async () => {
    const shown = await metrics(tickcast);
    const quotes = [...images.values()].reduce((sum, image) => sum + image.quotes, 0);
    const trades = [...images.values()].reduce((sum, image) => sum + image.trades.length, 0);
    expect(quotes + trades).toBe(2 * TICKS - bad);
    expect(shown.get('tickcast_feed_ticks_accepted_total{kind="quote"}')).toBe(quotes);
    expect(shown.get('tickcast_feed_ticks_accepted_total{kind="trade"}')).toBe(trades);
    expect(shown.get('tickcast_owner_quotes_total')).toBe(quotes);
    expect(shown.get('tickcast_owner_trades_total')).toBe(trades);
    const reasons = [...rejectedByReason].map(([reason, count]) => [
      `tickcast_feed_ticks_rejected_total{reason="${reason}"}`,
      count,
    ]);
    expect(reasons.map(([name]) => [name, shown.get(String(name))])).toEqual(reasons);
  });
});

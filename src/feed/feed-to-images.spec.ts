import {
  ASK_PRICE,
  BID_PRICE,
  HIGH_PRICE,
  IMAGE_FIELD_COUNT,
  LAST_PRICE,
  LOW_PRICE,
  TRADE_COUNT,
  VOLUME,
} from '#market-data';
import type { ImageSink } from '../fanout/image-sink.js';
import { quote, trade } from './feed.fixture.js';
import { FeedApplication } from './feed-application.fixture.js';

const ignored = (): void => undefined;

/** Keeps the images, and every trade in the order in which it came. */
class Images implements ImageSink {
  readonly valuesBySid = new Map<number, Float64Array>();
  readonly trades: { sid: number; seq: number; price: number }[] = [];

  update(sid: number, _seq: number, mask: number, _timeUs: number, values: Float64Array): void {
    const image = this.valuesBySid.get(sid) ?? new Float64Array(IMAGE_FIELD_COUNT).fill(Number.NaN);
    this.valuesBySid.set(sid, image);
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++)
      if ((mask & (1 << field)) !== 0) image[field] = values[field]!;
  }
  trade(sid: number, seq: number, _timeUs: number, price: number): void {
    this.trades.push({ sid, seq, price });
  }
  image(sid: number, _seq: number, _tradeSeq: number, _timeUs: number, values: Float64Array): void {
    this.valuesBySid.set(sid, values.slice());
  }
  readonly beginBatch = ignored;
  readonly endBatch = ignored;
  readonly beginReload = ignored;
  readonly endReload = ignored;
  readonly beginHistory = ignored;
  readonly pastTrade = ignored;
  readonly endHistory = ignored;
  readonly historyComplete = ignored;
  readonly silent = ignored;
  readonly heard = ignored;
}

/** Ten kinds of bad; MSFT is switched off. */
const BAD: readonly unknown[] = [
  trade({ symbol: 'NOPE' }),
  trade({ symbol: 'MSFT' }),
  quote({ bidPrice: 191 }),
  trade({ price: '190.123456789' }),
  trade({ price: null }),
  { type: 'quote', symbol: 'AAPL', bidPrice: 1 },
  trade({ size: -1 }),
  trade({ exchangeTimeUs: 1 }),
  'AAPL',
  trade({ symbol: 'aapl' }),
];

describe('from the feed to the images', () => {
  let app: FeedApplication;
  let images: Images;
  beforeEach(async () => {
    app = await FeedApplication.start({ TICKCAST_COALESCE_INTERVAL_MS: '5' }, true);
    images = new Images();
    await app.follower.start(images);
  });
  afterEach(() => app.stop());

  const untilTrades = async (count: number) => {
    while (images.trades.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it('accounts for every good tick of 10,000 by NDJSON and 10,000 by socket in images and trades', async () => {
    await app.disable('MSFT');
    const symbols = ['AAPL', 'NVDA', 'AMZN', 'GOOGL'];
    const tradesBySymbol = new Map<string, number[]>(symbols.map((symbol) => [symbol, []]));
    const lastBids = new Map<string, number>();
    const tick = (i: number) => {
      if (i % 100 === 37) return BAD[Math.floor(i / 100) % BAD.length];
      const symbol = symbols[i % 4]!;
      if (i % 8 < 4) {
        lastBids.set(symbol, i + 1);
        return quote({ symbol, bidPrice: i + 1, askPrice: `${i + 1}.25`, bidSize: null });
      }
      tradesBySymbol.get(symbol)!.push(i + 1);
      return trade({ symbol, price: i + 1, size: 10 });
    };
    const ticks = Array.from({ length: 20_000 }, (_, i) => tick(i));

    const body = ticks.slice(0, 10_000).map((one) => JSON.stringify(one));
    const posted = await app.post(body.join('\n'), 'application/x-ndjson');
    expect(posted.body).toMatchObject({ accepted: 9_900, rejectedTotal: 100, storedLines: 10_000 });

    const socket = await app.socket().opened();
    socket.send({ op: 'hello', source: 'nyse', session: 's1' });
    await socket.next();
    for (let seq = 1; seq <= 40; seq++)
      socket.send({ op: 'ticks', seq, ticks: ticks.slice(9_750 + seq * 250, 10_000 + seq * 250) });
    let accepted = 0;
    for (let seq = 1; seq <= 40; seq++) {
      const reply = await socket.next();
      expect(reply).toMatchObject({ op: 'ack', seq });
      accepted += reply['accepted'] as number;
    }
    socket.socket.close();
    expect(accepted).toBe(9_900);

    const total = [...tradesBySymbol.values()].reduce((sum, { length }) => sum + length, 0);
    await untilTrades(total);
    for (const [symbol, prices] of tradesBySymbol) {
      const { sid, priceScale, volumeScale } = app.registry.bySymbol(symbol)!;
      const scaled = prices.map((price) => price * 10 ** priceScale);
      const own = images.trades.filter((one) => one.sid === sid);
      expect(own.map(({ price }) => price)).toEqual(scaled);
      expect(own.map(({ seq }) => seq)).toEqual(own.map((_, i) => own[0]!.seq + i));
      const image = images.valuesBySid.get(sid)!;
      expect(image[TRADE_COUNT]).toBe(prices.length);
      expect(image[VOLUME]).toBe(prices.length * 10 * 10 ** volumeScale);
      expect([image[LAST_PRICE], image[HIGH_PRICE], image[LOW_PRICE]]).toEqual([
        scaled.at(-1),
        scaled.at(-1),
        scaled[0],
      ]);
      const bidPrice = lastBids.get(symbol)!;
      expect([image[BID_PRICE], image[ASK_PRICE]]).toEqual([
        bidPrice * 10 ** priceScale,
        (bidPrice + 0.25) * 10 ** priceScale,
      ]);
    }
    expect(images.valuesBySid.has(app.registry.bySymbol('MSFT')!.sid)).toBe(false);
  });

  it('shows a trade once that was sent again on another connection, and those of a restarted handler', async () => {
    const send = async (session: string, seqs: readonly number[]) => {
      const socket = await app.socket().opened();
      socket.send({ op: 'hello', source: 'nyse', session });
      await socket.next();
      for (const seq of seqs) {
        socket.send({ op: 'ticks', seq, ticks: [trade({ price: seq })] });
        expect(await socket.next()).toMatchObject({ op: 'ack', seq, accepted: 1 });
      }
      socket.socket.terminate();
    };
    await send('monday', [1, 2]);
    await send('monday', [2, 3]);
    await send('tuesday', [1]);
    await untilTrades(4);
    const scale = 10 ** app.registry.bySymbol('AAPL')!.priceScale;
    expect(images.trades.map(({ price }) => price / scale)).toEqual([1, 2, 3, 1]);
  });

  it('brings the ticks of the built-in feeds the same way, and ends them in order', async () => {
    const own = await FeedApplication.start(
      { TICKCAST_SIMULATOR: 'on', TICKCAST_SIMULATOR_RATE: '5000' },
      true,
    );
    const shown = new Images();
    await own.follower.start(shown);
    while (shown.valuesBySid.size < 20 || shown.trades.length < 20)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await own.stop();
    const metrics = await own.metrics();
    expect(metrics).toMatch(/tickcast_feed_ticks_accepted_total{kind="quote"} [1-9]/);
    expect(metrics).toMatch(/tickcast_feed_ticks_rejected_total{reason="malformed"} 0/);
    expect(metrics).toMatch(/tickcast_feed_ticks_rejected_total{reason="off_scale"} 0/);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { powerOfTen } from '#market-data';
import { definition } from '../../feed.fixture.js';
import type { SimulatedQuote, SimulatedTick, SimulatedTrade } from './book.js';
import { DailyBars } from './daily-bars.js';
import { type ListedInstrument, SimulatedMarket } from './ticks.js';

const HEADER = 'symbol,date,open,high,low,close,volume';
const ORIGIN_US = 1_760_000_000_000_000;
const DAY_US = 86_400_000_000;
const SHARE = definition('AAPL', { priceScale: 4 });
const INDEX = definition('SPX', { group: 'index', priceScale: 2 });
const COIN = definition('BTC-USD', { group: 'crypto', priceScale: 2, sizeScale: 8 });
const INSTRUMENTS = new Map([SHARE, INDEX, COIN].map((instrument) => [instrument.symbol, instrument]));

/** Realistic bars: a panic in March, with a gap, a wide range and heavy volume. */
const FIXTURE = [
  HEADER,
  'AAPL,2020-03-12,63.985,67.5,62,62.0575,418474000',
  'AAPL,2020-03-13,66.2225,69.98,63.2375,69.4925,370732000',
  'AAPL,2020-03-16,60.4875,64.77,60,60.5525,322423600',
  'SPX,2020-03-13,2569.99,2711.33,2492.37,2711.02,8258670000',
  'SPX,2020-03-16,2508.59,2562.98,2380.94,2386.13,7781540000',
].join('\n');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-bars-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function barsOf(content: string | Buffer, ending = 'csv'): Promise<DailyBars> {
  const path = join(folder, `${++files}.${ending}`);
  await writeFile(path, content);
  return DailyBars.read(path, (symbol) => INSTRUMENTS.get(symbol));
}

function play(
  bars: DailyBars,
  days: number,
  given: { rate?: number; daySeconds?: number; seed?: number } = {},
) {
  const { rate = 200, daySeconds = 30, seed = 1 } = given;
  const market = new SimulatedMarket({ seed, ticksPerSecond: rate, bars, daySeconds });
  market.list([...bars.bySymbol.keys()].map((symbol): ListedInstrument => INSTRUMENTS.get(symbol)!));
  return market.advance(days * daySeconds * 1_000_000, ORIGIN_US);
}

const isTrade = (tick: SimulatedTick): tick is SimulatedTrade => tick.type === 'trade';
const isQuote = (tick: SimulatedTick): tick is SimulatedQuote => tick.type === 'quote';
const dateOf = (tick: SimulatedTick) => new Date(tick.exchangeTimeUs / 1000).toISOString().slice(0, 10);

/** The bar that the trades of a symbol make, in the form of its line. */
function barOf(ticks: readonly SimulatedTick[], symbol: string, date: string): string {
  const trades = ticks.filter((tick) => tick.symbol === symbol && dateOf(tick) === date).filter(isTrade);
  const prices = trades.map(({ price }) => price);
  const power = powerOfTen(INSTRUMENTS.get(symbol)!.sizeScale);
  const volume = trades.reduce((sum, { size = 0 }) => sum + Math.round(size * power), 0) / power;
  return [
    symbol,
    date,
    prices[0],
    prices.reduce((a, b) => Math.max(a, b)),
    prices.reduce((a, b) => Math.min(a, b)),
    prices.at(-1),
    volume,
  ].join(',');
}

describe('bridged days', () => {
  it('hit open, high, low, close and volume of realistic bars exactly, day after day', async () => {
    const ticks = play(await barsOf(FIXTURE), 3);
    for (const line of FIXTURE.split('\n').slice(1)) {
      const [symbol = '', date = ''] = line.split(',');
      expect(barOf(ticks, symbol, date)).toBe(line);
    }
    expect(ticks.filter(isTrade).length).toBeGreaterThan(1_000);
  });

  it('carry the dates of their bars, from 14:30 to 21:00 UTC, in order', async () => {
    const ticks = play(await barsOf(FIXTURE), 3);
    const bridged = ticks.filter((tick) => tick.symbol === 'AAPL' && tick.exchangeTimeUs < ORIGIN_US);
    const times = bridged.map(({ exchangeTimeUs }) => exchangeTimeUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const us of times) {
      const hour = ((us % DAY_US) / DAY_US) * 24;
      if (hour < 14.5 || hour >= 21) throw new Error(`${us} is at hour ${hour}`);
    }
  });

  it('leave a symbol without a bar of that date silent, and go on freely after the last bar', async () => {
    const ticks = play(await barsOf(FIXTURE), 4);
    const spx = ticks.filter(({ symbol }) => symbol === 'SPX');
    expect(spx.some((tick) => dateOf(tick) === '2020-03-12')).toBe(false);
    const free = spx.filter((tick) => tick.exchangeTimeUs >= ORIGIN_US);
    expect(free.length).toBeGreaterThan(10);
    const [first] = free.filter(isTrade);
    expect(first!.price / 2386.13).toBeCloseTo(1, 1);
  });

  it('hold for any valid bar, at any rate', async () => {
    const bar = fc
      .record({
        low: fc.integer({ min: 1, max: 50_000_000 }),
        range: fc.oneof(
          fc.constant(0),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 9_000_000 }),
        ),
        open: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
        close: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
        volume: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 2_000_000_000 })),
        grid: fc.constantFrom(1, 1, 100),
      })
      .map(({ low, range, open, close, volume, grid }) => {
        const at = (share: number) => (low + Math.round(range * share)) * grid;
        return { open: at(open), high: at(1), low: at(0), close: at(close), volume };
      });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(SHARE, INDEX, COIN),
        fc.array(bar, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 20, 400),
        fc.nat(),
        async (instrument, bars, rate, seed) => {
          const { symbol, priceScale, sizeScale } = instrument;
          const plain = (units: number, scale: number) => (units / powerOfTen(scale)).toFixed(scale);
          const price = (units: number) => Number(plain(units, priceScale));
          const lines = bars.map(({ open, high, low, close, volume }, i) => {
            const prices = [open, high, low, close].map((units) => plain(units, priceScale));
            return [symbol, `2021-02-0${i + 1}`, ...prices, plain(volume, sizeScale)].join(',');
          });
          const ticks = play(await barsOf(lines.join('\n')), bars.length, { rate, daySeconds: 5, seed });
          for (const [i, { open, high, low, close, volume }] of bars.entries()) {
            const volumeText = String(Number(plain(volume, sizeScale)));
            const expected = [open, high, low, close].map(price).join(',');
            expect(barOf(ticks, symbol, `2021-02-0${i + 1}`)).toBe(
              `${symbol},2021-02-0${i + 1},${expected},${volumeText}`,
            );
          }
          expect(ticks.filter(isQuote).every((q) => q.bidPrice <= q.askPrice && q.bidPrice > 0)).toBe(true);
          expect(ticks.filter(isTrade).every(({ size }) => size === undefined || size > 0)).toBe(true);
        },
      ),
      { numRuns: 250, seed: 20 },
    );
  });
});

describe('DailyBars', () => {
  it('reads a header in another order, quotes, CRLF and gzip', async () => {
    const text = 'date,symbol,close,open,low,high,volume\r\n"2020-01-02",AAPL,"2","1.5",1.25,2.5,10\r\n';
    const bars = await barsOf(gzipSync(text), 'csv.gz');
    expect(bars.bySymbol.get('AAPL')).toEqual([
      { dateUs: 1_577_923_200_000_000, open: 15_000, high: 25_000, low: 12_500, close: 20_000, volume: 10 },
    ]);
  });

  it('sorts dates, and leaves out and counts symbols that are not in the registry', async () => {
    const bars = await barsOf(
      'AAPL,2020-01-03,1,1,1,1,1\nNOPE,2020-01-02,1,1,1,1,1\n\nAAPL,2020-01-02,2,2,2,2,2\n',
    );
    expect(bars.unknownSymbolLines).toBe(1);
    expect(bars.bySymbol.get('AAPL')!.map(({ open }) => open)).toEqual([20_000, 10_000]);
    expect(bars.datesUs).toHaveLength(2);
  });

  it.each([
    ['AAPL,2020-01-02,1,1,1,1', 'volume'],
    ['AAPL,2020-13-02,1,1,1,1,1', 'date'],
    ['AAPL,2020-02-30,1,1,1,1,1', 'date'],
    ['AAPL,02.01.2020,1,1,1,1,1', 'date'],
    ['AAPL,1969-01-02,1,1,1,1,1', 'date'],
    ['AAPL,2020-01-02,1,0.9,1,1,1', 'low <= open, close <= high'],
    ['AAPL,2020-01-02,1.00001,2,1,1,1', 'at most 4 decimals'],
    ['AAPL,2020-01-02,0,2,0,1,1', 'above 0'],
    ['AAPL,2020-01-02,1,2,1,1,-5', 'volume'],
    ['AAPL,2020-01-02,1,2,1,1,1.5', 'at most 0 decimals'],
    ['AAPL,"2020-01-02,1,2,1,1,1', 'closed quotes'],
  ])('refuses %s', async (line, words) => {
    const read = barsOf(`${HEADER}\n${line}\n`);
    await expect(read).rejects.toMatchObject({ name: 'ConfigError', code: 'bars_invalid' });
    await expect(read).rejects.toThrow(words);
    await expect(read).rejects.toThrow('line 2');
  });

  it('refuses a second bar of the same day, and a header without all columns', async () => {
    await expect(barsOf('AAPL,2020-01-02,1,1,1,1,1\nAAPL,2020-01-02,1,1,1,1,1')).rejects.toThrow('line 2');
    await expect(barsOf('symbol,date,open,high,low,close\n')).rejects.toThrow('no volume');
  });

  it('refuses a line that is too long to be one', async () => {
    const read = barsOf(`${HEADER}\nAAPL,2020-01-02,1,1,1,1,1${'0'.repeat(20_000)}\n`);
    await expect(read).rejects.toThrow('line 2');
  });

  it('names a file that is not there', async () => {
    const read = DailyBars.read('/nonexistent/bars.csv', () => SHARE);
    await expect(read).rejects.toMatchObject({ code: 'bars_file_unreadable' });
    await expect(read).rejects.toThrow('/nonexistent/bars.csv');
  });
});

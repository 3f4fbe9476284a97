import { powerOfTen, scaleDecimal } from '#market-data';
import { INSTRUMENTS } from '../adapters.fixture.js';
import type { SimulatedQuote, SimulatedTick, SimulatedTrade } from './book.js';
import { type MarketPlan, SimulatedMarket } from './ticks.js';

const LISTED = INSTRUMENTS.filter(({ group }) => group !== 'test' && group !== 'fx');
const ORIGIN_US = 1_700_000_000_000_000;

function market(given: Partial<MarketPlan> = {}, instruments: readonly (typeof LISTED)[number][] = LISTED) {
  const simulated = new SimulatedMarket({
    seed: 7,
    ticksPerSecond: 700,
    bars: null,
    daySeconds: 60,
    ...given,
  });
  simulated.list(instruments);
  return simulated;
}

/** Advances in steps of the given lengths, over and over, up to `untilUs`. */
function ticksOf(simulated: SimulatedMarket, untilUs: number, stepsUs: readonly number[] = [50_000]) {
  const ticks: SimulatedTick[] = [];
  for (let timeUs = 0, step = 0; timeUs < untilUs; step++) {
    timeUs = Math.min(untilUs, timeUs + stepsUs[step % stepsUs.length]!);
    for (const tick of simulated.advance(timeUs, ORIGIN_US)) ticks.push(tick);
  }
  return ticks;
}

const isQuote = (tick: SimulatedTick): tick is SimulatedQuote => tick.type === 'quote';
const isTrade = (tick: SimulatedTick): tick is SimulatedTrade => tick.type === 'trade';
const seconds = (count: number) => count * 1_000_000;

describe('SimulatedMarket', () => {
  it('makes the same ticks of the same seed, byte for byte, however time is advanced', () => {
    const once = JSON.stringify(ticksOf(market(), seconds(60), [60_000_000]));
    const inSteps = JSON.stringify(ticksOf(market(), seconds(60), [20_000, 50_000, 1, 33_333, 400_000]));
    expect(inSteps).toBe(once);
    expect(once.length).toBeGreaterThan(1_000_000);
  });

  it('makes other ticks of another seed', () => {
    const a = JSON.stringify(ticksOf(market({ seed: 1 }), seconds(2)));
    const b = JSON.stringify(ticksOf(market({ seed: 2 }), seconds(2)));
    expect(a).not.toBe(b);
  });

  it('leaves the prices of a symbol alone when another one is listed', () => {
    const quotesOf = (ticks: readonly SimulatedTick[]) =>
      ticks.filter((tick) => tick.symbol === 'AAPL').slice(0, 2);
    const few = market({}, LISTED.slice(0, 2));
    const all = market({}, LISTED);
    const withoutTime = (ticks: readonly SimulatedTick[]) =>
      quotesOf(ticks).map((tick) => ({ ...tick, exchangeTimeUs: 0 }));
    expect(withoutTime(ticksOf(few, seconds(20)))).toEqual(withoutTime(ticksOf(all, seconds(20))));
  });

  it('keeps the asked rate on average', () => {
    const simulated = market({ ticksPerSecond: 500 });
    ticksOf(simulated, seconds(5));
    let count = 0;
    for (let s = 5; s < 305; s++) count += simulated.advance(seconds(s + 1), ORIGIN_US).length;
    expect(count / 300).toBeGreaterThan(470);
    expect(count / 300).toBeLessThan(530);
  });

  it('opens every symbol with a quote and a trade, spread over the opening', () => {
    const ticks = ticksOf(market(), seconds(2));
    for (const { symbol } of LISTED) {
      const own = ticks.filter((tick) => tick.symbol === symbol);
      expect(own.slice(0, 2).map(({ type }) => type)).toEqual(['quote', 'trade']);
    }
  });

  it('stamps ticks in order, with the exchange time of their simulated time', () => {
    const ticks = ticksOf(market(), seconds(10));
    for (let i = 1; i < ticks.length; i++) {
      expect(ticks[i]!.exchangeTimeUs).toBeGreaterThanOrEqual(ticks[i - 1]!.exchangeTimeUs);
    }
    expect(ticks[0]!.exchangeTimeUs).toBeGreaterThan(ORIGIN_US);
    expect(ticks.at(-1)!.exchangeTimeUs).toBeLessThanOrEqual(ORIGIN_US + seconds(10));
  });
});

describe('a simulated book', () => {
  const ticks = ticksOf(market({ ticksPerSecond: 1_000 }), seconds(60));
  const bySymbol = new Map(
    LISTED.map(({ symbol }) => [symbol, ticks.filter((tick) => tick.symbol === symbol)] as const),
  );

  it('fits the scales of its instrument exactly', () => {
    for (const { symbol, priceScale, sizeScale } of LISTED) {
      const fits = (value: number | undefined, scale: number) => {
        const scaled = scaleDecimal(value, scale);
        return typeof scaled === 'number' && scaled > 0;
      };
      const own = bySymbol.get(symbol)!;
      const misfits = own.filter((tick) =>
        isQuote(tick)
          ? ![tick.bidPrice, tick.askPrice].every((price) => fits(price, priceScale)) ||
            ![tick.bidSize, tick.askSize].every((size) => fits(size, sizeScale))
          : !fits(tick.price, priceScale) || !fits(tick.size, sizeScale),
      );
      expect(misfits).toEqual([]);
    }
  });

  it('moves on its grid: a cent for shares, near a hundred-thousandth of its price for a coin', () => {
    const units = (tick: SimulatedQuote, scale: number) => Math.round(tick.bidPrice * powerOfTen(scale));
    for (const symbol of ['AAPL', 'MSFT', 'SPY']) {
      expect(bySymbol.get(symbol)!.filter((tick) => isQuote(tick) && units(tick, 4) % 100 !== 0)).toEqual([]);
    }
    const coins = bySymbol.get('BTC-USD')!.filter(isQuote);
    expect(coins.filter((tick) => units(tick, 2) % 10 !== 0)).toEqual([]);
  });

  it('locks now and then, and never crosses', () => {
    const quotes = ticks.filter(isQuote);
    const locked = quotes.filter(({ bidPrice, askPrice }) => bidPrice === askPrice);
    expect(quotes.every(({ bidPrice, askPrice }) => bidPrice <= askPrice)).toBe(true);
    expect(locked.length / quotes.length).toBeGreaterThan(0.0005);
    expect(locked.length / quotes.length).toBeLessThan(0.01);
  });

  it('trades at the bid or the ask that stands, and numbers its trades', () => {
    for (const own of bySymbol.values()) {
      let book: SimulatedQuote | undefined;
      let trades = 0;
      for (const tick of own) {
        if (isQuote(tick)) book = tick;
        else if (tick.price === book?.bidPrice || tick.price === book?.askPrice) {
          if (tick.tradeId === `S${trades + 1}`) trades++;
        }
      }
      expect(trades).toBe(own.filter(isTrade).length);
      expect(trades).toBeGreaterThan(50);
    }
  });

  it('marks odd lots of shares, and leaves coins without conditions', () => {
    for (const tick of bySymbol.get('AAPL')!.filter(isTrade)) {
      expect(tick.conditions === '@ I').toBe((tick.size ?? 0) < 100);
    }
    expect(
      bySymbol
        .get('BTC-USD')!
        .filter(isTrade)
        .every(({ conditions }) => conditions === undefined),
    ).toBe(true);
  });

  it('has spreads that change', () => {
    const spreads = new Set(
      bySymbol
        .get('BTC-USD')!
        .filter(isQuote)
        .map((q) => Math.round((q.askPrice - q.bidPrice) * 100)),
    );
    expect(spreads.size).toBeGreaterThan(5);
  });

  it('bounces between bid and ask: changes of the trade price tend to turn back', () => {
    const prices = bySymbol
      .get('BTC-USD')!
      .filter(isTrade)
      .map(({ price }) => price);
    const changes = prices.slice(1).map((price, i) => price - prices[i]!);
    expect(correlation(changes.slice(1), changes.slice(0, -1))).toBeLessThan(-0.1);
  });

  it('is uneven in popularity', () => {
    const counts = [...bySymbol.values()].map((own) => own.length).sort((a, b) => b - a);
    expect(counts[0]! / counts.at(-1)!).toBeGreaterThan(2);
  });
});

describe('the simulated crowd', () => {
  it('moves shares of one sector together, more than those of different sectors, and all in one direction', () => {
    const simulated = market({ seed: 11, ticksPerSecond: 70 });
    const returns = returnsOf(simulated, ['XOM', 'CVX', 'MSFT'], 20, seconds(5_400));
    const [xom, cvx, msft] = [returns.get('XOM')!, returns.get('CVX')!, returns.get('MSFT')!];
    expect(correlation(xom, cvx)).toBeGreaterThan(0.45);
    expect(correlation(xom, msft)).toBeGreaterThan(0.15);
    expect(correlation(xom, cvx)).toBeGreaterThan(correlation(xom, msft));
  });

  it('arrives in clusters: counts per second vary far more than independent arrivals would', () => {
    const simulated = market({ seed: 3, ticksPerSecond: 70 });
    ticksOf(simulated, seconds(10));
    const counts: number[] = [];
    for (let s = 10; s < 1_210; s++) {
      const own = simulated.advance(seconds(s + 1), ORIGIN_US).filter(({ symbol }) => symbol === 'AAPL');
      // The quote that answers a trade came with it: one arrival.
      counts.push(new Set(own.map(({ exchangeTimeUs }) => exchangeTimeUs)).size);
    }
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
    expect(variance / mean).toBeGreaterThan(2.5);
  });

  it('halts a symbol now and then for 5 to 20 seconds, and resumes', () => {
    const simulated = market({ seed: 5, ticksPerSecond: 20 }, LISTED.slice(0, 2));
    const lastUs = new Map<string, number>();
    const pausesS: number[] = [];
    for (let s = 0; s < 40_000; s += 10) {
      for (const { symbol, exchangeTimeUs } of simulated.advance(seconds(s + 10), ORIGIN_US)) {
        const pause = (exchangeTimeUs - (lastUs.get(symbol) ?? exchangeTimeUs)) / 1e6;
        if (pause > 4) pausesS.push(pause);
        lastUs.set(symbol, exchangeTimeUs);
      }
    }
    expect(pausesS.length).toBeGreaterThan(2);
    expect(pausesS.length).toBeLessThan(20);
    expect(Math.max(...pausesS)).toBeLessThan(22);
  });

  it('stays plausible however long it runs', () => {
    const simulated = market({ ticksPerSecond: 1 });
    const first = ticksOf(simulated, seconds(20), [seconds(20)]);
    const last = simulated.advance(seconds(100_000), ORIGIN_US);
    for (const { symbol } of LISTED) {
      const begin = first.find((tick) => tick.symbol === symbol && isQuote(tick)) as SimulatedQuote;
      const end = last.findLast((tick) => tick.symbol === symbol && isQuote(tick)) as SimulatedQuote;
      expect(end.bidPrice / begin.bidPrice).toBeGreaterThan(0.5);
      expect(end.bidPrice / begin.bidPrice).toBeLessThan(2);
    }
  });
});

/** Log returns of the mid over each interval. */
function returnsOf(
  simulated: SimulatedMarket,
  symbols: readonly string[],
  intervalS: number,
  untilUs: number,
): Map<string, number[]> {
  const last = new Map<string, number>();
  const mids = new Map(symbols.map((symbol) => [symbol, [] as number[]]));
  for (let timeUs = 0; timeUs < untilUs; timeUs += seconds(intervalS)) {
    for (const tick of simulated.advance(timeUs + seconds(intervalS), ORIGIN_US)) {
      if (isQuote(tick)) last.set(tick.symbol, (tick.bidPrice + tick.askPrice) / 2);
    }
    for (const symbol of symbols) mids.get(symbol)!.push(last.get(symbol)!);
  }
  return new Map(
    [...mids].map(([symbol, own]) => [symbol, own.slice(1).map((mid, i) => Math.log(mid / own[i]!))]),
  );
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [covariance, varianceA, varianceB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    covariance += (a[i]! - meanA) * (b[i]! - meanB);
    varianceA += (a[i]! - meanA) ** 2;
    varianceB += (b[i]! - meanB) ** 2;
  }
  return covariance / Math.sqrt(varianceA * varianceB);
}

/**
 * The top of one synthetic book: bid and ask on the instrument's tick grid, and the ticks that show it. Prices and
 * sizes are kept as scaled integers and leave as the nearest double of the decimal, which the door scales back
 * exactly: nothing is ever off scale.
 */
import { type Instrument, powerOfTen } from '#market-data';
import type { RandomStream } from './random-stream.js';

/** A tick as feed handlers send it. */
export interface SimulatedQuote {
  readonly type: 'quote';
  readonly symbol: string;
  readonly bidPrice: number;
  readonly bidSize: number;
  readonly askPrice: number;
  readonly askSize: number;
  readonly exchangeTimeUs: number;
}

export interface SimulatedTrade {
  readonly type: 'trade';
  readonly symbol: string;
  readonly price: number;
  /** Left out where the day's volume is too small to go round. */
  readonly size?: number;
  readonly tradeId: string;
  readonly conditions?: string;
  readonly exchangeTimeUs: number;
}

export type SimulatedTick = SimulatedQuote | SimulatedTrade;

export type BookInstrument = Pick<Instrument, 'symbol' | 'group' | 'priceScale' | 'sizeScale'>;

/** Dollars in one quote or trade of a coin, in the middle of the distribution. */
const COIN_NOTIONAL = 800;
/** Sizes stay far below 2^53 units, whatever the scales and prices are. */
const SIZE_UNITS_MAX = 1e15;

export class Book {
  /** Scaled prices; 0 until the first quote. */
  bid = 0;
  ask = 0;
  /** One step of the price grid, scaled. */
  readonly gridUnits: number;
  private readonly pricePower: number;
  private readonly sizePower: number;
  private readonly shares: boolean;
  private trades = 0;

  /**
   * @param price a typical price, in plain decimals: the grid of a coin depends on its magnitude
   * @param dollars what one whole coin or share is worth: coins trade in dollars' worth, not in numbers
   */
  constructor(
    readonly instrument: BookInstrument,
    price: number,
    private readonly dollars: number,
    private readonly random: RandomStream,
  ) {
    this.pricePower = powerOfTen(instrument.priceScale);
    this.sizePower = powerOfTen(instrument.sizeScale);
    this.shares = instrument.group !== 'crypto';
    this.gridUnits = this.shares
      ? shareGrid(price, instrument.priceScale)
      : coinGrid(price * this.pricePower);
  }

  /** Scaled price of a plain one, not rounded. */
  units(price: number): number {
    return price * this.pricePower;
  }

  /** Sets both sides, `spread` steps apart (0 = locked) around a scaled mid, never below one step. */
  place(mid: number, spread: number): void {
    const steps = Math.max(1, Math.round(mid / this.gridUnits - spread / 2));
    this.set(steps * this.gridUnits, (steps + spread) * this.gridUnits);
  }

  /** Sets both sides to scaled prices. */
  set(bid: number, ask: number): void {
    if (bid > ask) throw new RangeError(`Expected bid <= ask, was ${bid} > ${ask}`);
    this.bid = bid;
    this.ask = ask;
  }

  quote(exchangeTimeUs: number): SimulatedQuote {
    return {
      type: 'quote',
      symbol: this.instrument.symbol,
      bidPrice: this.bid / this.pricePower,
      bidSize: this.quoteSize() / this.sizePower,
      askPrice: this.ask / this.pricePower,
      askSize: this.quoteSize() / this.sizePower,
      exchangeTimeUs,
    };
  }

  /**
   * A trade at a scaled price.
   * @param size scaled; undefined draws one, null is unknown
   */
  trade(price: number, exchangeTimeUs: number, size: number | null | undefined = undefined): SimulatedTrade {
    const units = size === undefined ? this.tradeSize() : size;
    const conditions = this.shares && units !== null ? this.conditions(units) : undefined;
    return {
      type: 'trade',
      symbol: this.instrument.symbol,
      price: price / this.pricePower,
      ...(units === null ? {} : { size: units / this.sizePower }),
      tradeId: `S${++this.trades}`,
      ...(conditions === undefined ? {} : { conditions }),
      exchangeTimeUs,
    };
  }

  /** Shares stand in round lots; coins in any fraction that the scale has. */
  private quoteSize(): number {
    if (!this.shares) return this.coinUnits(1);
    return this.bounded(100 * Math.ceil(3 * this.random.logNormal(0.9)) * this.sizePower);
  }

  /** Nearly half of the trades in shares are odd lots. */
  private tradeSize(): number {
    if (!this.shares) return this.coinUnits(0.4);
    if (this.random.chance(0.45)) return this.bounded((1 + this.random.below(99)) * this.sizePower);
    return this.bounded(100 * Math.ceil(1.2 * this.random.logNormal(0.8)) * this.sizePower);
  }

  private coinUnits(share: number): number {
    return this.bounded(
      ((share * COIN_NOTIONAL) / this.dollars) * this.random.logNormal(1.1) * this.sizePower,
    );
  }

  private bounded(units: number): number {
    return Math.min(SIZE_UNITS_MAX, Math.max(1, Math.round(units)));
  }

  /** Sale conditions as the US tape writes them: regular, odd lot, intermarket sweep. */
  private conditions(units: number): string {
    if (units < 100 * this.sizePower) return '@ I';
    return this.random.chance(0.12) ? '@ F' : '@';
  }
}

/** US shares move by a cent, below a dollar by a hundredth of one, as far as the scale goes. */
function shareGrid(price: number, priceScale: number): number {
  const decimals = price >= 1 ? 2 : 4;
  return priceScale > decimals ? powerOfTen(priceScale - decimals) : 1;
}

/** A coin moves by a power of ten near a hundred-thousandth of its price. */
function coinGrid(units: number): number {
  return 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, units) * 1e-5)));
}

/** The market of the benches, as ticks and as images: 30 % trades, 63 % quotes that move one side, 7 % both. */
import {
  ASK_PRICE,
  ASK_SIZE,
  BID_PRICE,
  BID_SIZE,
  IMAGE_FIELD_COUNT,
  LAST_PRICE,
  LAST_SIZE,
  QUOTE,
  type QuoteTick,
  type Tick,
  TRADE,
  TRADE_COUNT,
  type TradeTick,
  VOLUME,
} from '#market-data';
import { generator } from '../../src/gateway/generator.fixture.js';

const TRADES_BELOW = 0.3;
const ASK_SIZE_BELOW = 0.62;
const BID_BELOW = 0.93;
const START_US = 1_700_000_000_000_000;
const INTERVAL_US = 50_000;
/** Decimals of all prices; sizes have none. */
export const PRICE_SCALE = 2;

/** What a tick made of the image of its symbol. */
export interface Change {
  readonly sid: number;
  readonly seq: number;
  readonly mask: number;
  readonly timeUs: number;
  readonly previousTimeUs: number;
  /** Images of all symbols after the turn, as tables hold them; this one begins at `offset`. */
  readonly values: Float64Array;
  readonly offset: number;
  readonly tick: Tick;
}

export class Market {
  private readonly random = generator(7);
  private readonly images: Float64Array;
  private seq = 1;

  /** Sids go from 1 to `symbols`. */
  constructor(readonly symbols: number) {
    this.images = new Float64Array(symbols * IMAGE_FIELD_COUNT);
    for (let index = 0; index < symbols; index++)
      this.images.set(this.firstImage(), index * IMAGE_FIELD_COUNT);
  }

  /** One tick per symbol, and what it changed. */
  turn(): Change[] {
    this.seq++;
    const timeUs = START_US + this.seq * INTERVAL_US;
    const previousTimeUs = timeUs - INTERVAL_US;
    const before = this.images.slice();
    const ticks = Array.from({ length: this.symbols }, (_, index) =>
      this.tick(index, timeUs - Math.floor(this.random() * 2000)),
    );
    const values = this.images.slice();
    return ticks.map((tick, index) => {
      const offset = index * IMAGE_FIELD_COUNT;
      const mask = differences(before, values, offset);
      return { sid: tick.sid, seq: this.seq, mask, timeUs, previousTimeUs, values, offset, tick };
    });
  }

  private firstImage(): number[] {
    const bid = 1000 + Math.floor(this.random() * 40_000);
    const book = [bid, 100, bid + 100, 100];
    const day = [bid, 100, 1_000_000, 10_000, bid, bid + 300, bid - 300, bid, bid];
    return [...book, ...day, 0];
  }

  private tick(index: number, exchangeTimeUs: number): Tick {
    const sid = index + 1;
    const image = this.images.subarray(index * IMAGE_FIELD_COUNT, (index + 1) * IMAGE_FIELD_COUNT);
    const times = { exchangeTimeUs, receiveTimeUs: exchangeTimeUs + 400, line: null, sequence: null };
    const roll = this.random();
    if (roll < TRADES_BELOW) {
      const size = 1 + Math.floor(this.random() * 300);
      const price = image[BID_PRICE]!;
      image[LAST_PRICE] = price;
      image[LAST_SIZE] = size;
      image[VOLUME]! += size;
      image[TRADE_COUNT]!++;
      return { kind: TRADE, sid, price, size, tradeId: null, conditions: null, ...times };
    }
    const moves = this.random() < 0.5 ? -1 : 1;
    if (roll < ASK_SIZE_BELOW || roll >= BID_BELOW) image[ASK_SIZE] = this.other(image[ASK_SIZE]!);
    if (roll >= ASK_SIZE_BELOW) {
      image[BID_PRICE]! += moves;
      image[BID_SIZE] = this.other(image[BID_SIZE]!);
    }
    if (roll >= BID_BELOW) image[ASK_PRICE]! += moves;
    // Never crossed.
    if (image[BID_PRICE]! >= image[ASK_PRICE]!) image[BID_PRICE] = image[ASK_PRICE]! - 100;
    const [bidPrice, bidSize, askPrice, askSize] = image as unknown as [number, number, number, number];
    return { kind: QUOTE, sid, bidPrice, bidSize, askPrice, askSize, ...times };
  }

  private other(size: number): number {
    const next = 1 + Math.floor(this.random() * 900);
    return next === size ? next + 1 : next;
  }
}

function differences(before: Float64Array, after: Float64Array, offset: number): number {
  let mask = 0;
  for (let field = 0; field < IMAGE_FIELD_COUNT; field++)
    if (before[offset + field] !== after[offset + field]) mask |= 1 << field;
  return mask;
}

/** A tick as a feed handler sends it: decimals, the symbol's name. */
export function asFed(tick: Tick, symbol: string): Record<string, unknown> {
  return tick.kind === TRADE ? tradeAsFed(tick, symbol) : quoteAsFed(tick, symbol);
}

function tradeAsFed({ price, size, exchangeTimeUs }: TradeTick, symbol: string): Record<string, unknown> {
  return { type: 'trade', symbol, price: decimal(price), size, exchangeTimeUs };
}

function quoteAsFed(quote: QuoteTick, symbol: string): Record<string, unknown> {
  const { bidSize, askSize, exchangeTimeUs } = quote;
  const prices = { bidPrice: decimal(quote.bidPrice!), askPrice: decimal(quote.askPrice!) };
  return { type: 'quote', symbol, ...prices, bidSize, askSize, exchangeTimeUs };
}

const decimal = (scaled: number) => scaled / 10 ** PRICE_SCALE;

/** Hands out one of several recorded turns after the other, over and over. */
export function inTurn<T>(recorded: readonly T[]): () => T {
  let next = 0;
  return () => recorded[next++ % recorded.length]!;
}

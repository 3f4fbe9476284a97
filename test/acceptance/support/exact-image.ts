/** What a symbol's image must be, computed apart from the service: in whole numbers without bound, tick by tick. */
import type { RawTick } from '../../support/feed-handler.js';
import type { Scales, Trade, Values } from '../../support/records.js';
import type { Seeded } from '../../support/seeded.js';

/** A decimal as it is sent: digits × 10^-scale. */
export function decimal(digits: bigint, scale: number): string {
  const sign = digits < 0n ? '-' : '';
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + text : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

interface QuoteDigits {
  readonly bidPrice: bigint | null;
  readonly bidSize: bigint | null;
  readonly askPrice: bigint | null;
  readonly askSize: bigint | null;
}

export class ExactImage {
  quotes = 0;
  readonly trades: Omit<Trade, 'seq'>[] = [];
  timeUs = 0;
  private quote: QuoteDigits | null = null;
  private last: { readonly price: bigint; readonly size: bigint | null } | null = null;
  private open: bigint | null = null;
  private high: bigint | null = null;
  private low: bigint | null = null;
  private size: bigint | null = null;
  private turnover = 0n;

  constructor(
    readonly symbol: string,
    readonly scales: Scales,
  ) {}

  applyQuote(quote: QuoteDigits, timeUs: number): RawTick {
    this.quotes++;
    this.quote = quote;
    this.timeUs = timeUs;
    const { priceScale, sizeScale } = this.scales;
    const text = (digits: bigint | null, scale: number) => (digits === null ? null : decimal(digits, scale));
    return {
      ...{ type: 'quote', symbol: this.symbol, exchangeTimeUs: timeUs },
      bidPrice: text(quote.bidPrice, priceScale),
      bidSize: text(quote.bidSize, sizeScale),
      askPrice: text(quote.askPrice, priceScale),
      askSize: text(quote.askSize, sizeScale),
    };
  }

  applyTrade(price: bigint, size: bigint | null, tradeId: string, timeUs: number): RawTick {
    this.timeUs = timeUs;
    this.last = { price, size };
    this.open ??= price;
    if (this.high === null || price > this.high) this.high = price;
    if (this.low === null || price < this.low) this.low = price;
    if (size !== null) {
      this.size = (this.size ?? 0n) + size;
      this.turnover += price * size;
    }
    const { priceScale, sizeScale } = this.scales;
    const [shownPrice, shownSize] = [
      this.price(price),
      size === null ? null : Number(size) / 10 ** sizeScale,
    ];
    this.trades.push({ timeUs, price: shownPrice!, size: shownSize, id: tradeId, conditions: null });
    return {
      ...{ type: 'trade', symbol: this.symbol, exchangeTimeUs: timeUs, tradeId },
      price: decimal(price, priceScale),
      size: size === null ? null : decimal(size, sizeScale),
    };
  }

  /** A random tick that is applied, some of its decimals as numbers instead of text. */
  random(seeded: Seeded, tradeId: string, timeUs: number): RawTick {
    const price = BigInt(seeded.integer(1_000, 9_999_999));
    const size = () => (seeded.chance(0.05) ? null : BigInt(seeded.integer(1, 100_000)));
    const tick = seeded.chance(0.4)
      ? this.applyTrade(price, size(), tradeId, timeUs)
      : this.applyQuote(
          {
            bidPrice: seeded.chance(0.02) ? null : price,
            bidSize: size(),
            // Now and then locked, which is legal.
            askPrice: seeded.chance(0.02) ? null : price + BigInt(seeded.integer(0, 500)),
            askSize: size(),
          },
          timeUs,
        );
    return seeded.chance(0.5) ? tick : asNumbers(tick);
  }

  /** The fields of the image, as both codecs show them. */
  values(): Values {
    const { sizeScale, volumeScale } = this.scales;
    const quoted = (size: bigint | null | undefined) =>
      size === null || size === undefined ? null : Number(size) / 10 ** sizeScale;
    const volume = this.size === null ? null : this.size / 10n ** BigInt(sizeScale - volumeScale);
    const { quote, last, size, turnover } = this;
    // Half up: prices here are positive.
    const vwap = size === null || size === 0n ? null : (2n * turnover + size) / (2n * size);
    return {
      bidPrice: this.price(quote?.bidPrice),
      bidSize: quoted(quote?.bidSize),
      askPrice: this.price(quote?.askPrice),
      askSize: quoted(quote?.askSize),
      lastPrice: this.price(last?.price),
      lastSize: quoted(last?.size),
      volume: volume === null ? null : Number(volume) / 10 ** volumeScale,
      tradeCount: this.trades.length === 0 ? null : this.trades.length,
      vwapPrice: this.price(vwap),
      highPrice: this.price(this.high),
      lowPrice: this.price(this.low),
      openPrice: this.price(this.open),
      previousClosePrice: null,
      flags: quote === null ? null : 0,
    };
  }

  private price(digits: bigint | null | undefined): number | null {
    return digits === null || digits === undefined ? null : Number(digits) / 10 ** this.scales.priceScale;
  }
}

function asNumbers(tick: RawTick): RawTick {
  const numbers: Record<string, unknown> = { ...tick };
  for (const key of ['bidPrice', 'bidSize', 'askPrice', 'askSize', 'price', 'size'])
    if (typeof tick[key] === 'string') numbers[key] = Number(tick[key]);
  return numbers;
}

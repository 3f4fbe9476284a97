/** Symbols, who watches which, and the ticks of one interval after another: the same in every run. */

/** Length of the coalescing interval, ms; turns begin at multiples of it by the wall clock. */
export const INTERVAL_MS = 50;
/** Share of ticks that are trades, and up to where a roll moves the ask's size, the bid, else both sides. */
const TRADES_BELOW = 0.3;
const ASK_SIZE_BELOW = 0.62;
const BID_BELOW = 0.93;
/** Cents between bid and ask at first. */
const SPREAD_START = 100;

/** mulberry32: the same choice in every run. @returns numbers in [0, 1) */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** W000 to W999, then longer: the names of the usual works all have four letters. */
export function symbolName(index) {
  return `W${String(index).padStart(3, '0')}`;
}

/** The seed file of the registry for this many symbols. */
export function symbolsFile(symbols) {
  return Array.from({ length: symbols }, (_, index) => ({
    symbol: symbolName(index),
    name: `Work ${index}`,
    exchange: 'XBEN',
    group: 'bench',
    priceScale: 2,
    sizeScale: 0,
    volumeScale: 0,
  }));
}

/**
 * `count` different indices below `symbols`.
 * @param pick (random number) → index; evenly when left out
 */
export function watchlist(seed, symbols, count, pick = (roll) => Math.floor(roll * symbols)) {
  const random = generator(seed + 1);
  const chosen = new Set();
  while (chosen.size < count) chosen.add(pick(random()));
  return [...chosen];
}

/** Quotes that move one side, a few that move both, and trades: every tick changes its symbol's image. */
export class Market {
  constructor(symbols, seed = 7) {
    this.random = generator(seed);
    this.bids = Array.from({ length: symbols }, () => 1000 + Math.floor(this.random() * 40_000));
    this.asks = this.bids.map((bid) => bid + SPREAD_START);
    this.bidSizes = new Array(symbols).fill(100);
    this.askSizes = new Array(symbols).fill(100);
  }

  /**
   * One tick per symbol, as a feed handler would send it.
   * @param share of the symbols that have one
   */
  interval(share = 1) {
    const ticks = [];
    for (let index = 0; index < this.bids.length; index++) {
      if (share === 1 || this.random() < share) ticks.push(this.tick(index));
    }
    return ticks;
  }

  tick(index) {
    const symbol = symbolName(index);
    const roll = this.random();
    if (roll < TRADES_BELOW)
      return {
        type: 'trade',
        symbol,
        price: this.bids[index] / 100,
        size: 1 + Math.floor(this.random() * 300),
      };
    const moves = this.random() < 0.5 ? -1 : 1;
    if (roll < ASK_SIZE_BELOW || roll >= BID_BELOW) this.askSizes[index] = this.other(this.askSizes[index]);
    if (roll >= ASK_SIZE_BELOW) {
      this.bids[index] += moves;
      this.bidSizes[index] = this.other(this.bidSizes[index]);
    }
    if (roll >= BID_BELOW) this.asks[index] += moves;
    // Never crossed, and never a quote that leaves everything as it was.
    if (this.bids[index] >= this.asks[index]) this.bids[index] = this.asks[index] - SPREAD_START;
    return this.quote(index);
  }

  quote(index) {
    return {
      type: 'quote',
      symbol: symbolName(index),
      bidPrice: this.bids[index] / 100,
      bidSize: this.bidSizes[index],
      askPrice: this.asks[index] / 100,
      askSize: this.askSizes[index],
    };
  }

  other(size) {
    const next = 1 + Math.floor(this.random() * 900);
    return next === size ? next + 1 : next;
  }
}

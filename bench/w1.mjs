/**
 * W1, the work: 500 symbols, every one of them changes every 50 ms; C clients, each with 50 symbols that a small
 * generator chooses, so C = 1000 asks for 1,000,000 deliveries per second.
 */
export const SYMBOLS = 500;
export const INTERVAL_MS = 50;
export const SYMBOLS_PER_CLIENT = 50;
/** Share of ticks that are trades; the others move one side of the quote. */
const TRADE_SHARE = 0.3;

/** mulberry32: the same choice in every run. */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function symbolName(index) {
  return `W${String(index).padStart(3, '0')}`;
}

/** The seed file of the registry for this work. */
export function symbolsFile() {
  return Array.from({ length: SYMBOLS }, (_, index) => ({
    symbol: symbolName(index),
    name: `Work ${index}`,
    exchange: 'XBEN',
    group: 'bench',
    priceScale: 2,
    sizeScale: 0,
    volumeScale: 0,
  }));
}

/** Indices of the symbols of one client. */
export function watchlist(client) {
  const random = generator(client + 1);
  const chosen = new Set();
  while (chosen.size < SYMBOLS_PER_CLIENT) chosen.add(Math.floor(random() * SYMBOLS));
  return [...chosen];
}

/** Ticks of one interval after another: one per symbol, each of which changes the symbol's image. */
export class Market {
  constructor(seed = 7) {
    this.random = generator(seed);
    this.bids = Array.from({ length: SYMBOLS }, () => 1000 + Math.floor(this.random() * 40_000));
    this.bidSizes = new Array(SYMBOLS).fill(100);
    this.askSizes = new Array(SYMBOLS).fill(100);
  }

  /** One tick per symbol, as a feed handler would send it. */
  interval() {
    return this.bids.map((_, index) => this.tick(index));
  }

  tick(index) {
    const symbol = symbolName(index);
    const roll = this.random();
    if (roll < TRADE_SHARE)
      return {
        type: 'trade',
        symbol,
        price: this.bids[index] / 100,
        size: 1 + Math.floor(this.random() * 300),
      };
    // One side: the ask's size, or the bid with its size.
    if (roll < 0.65) this.askSizes[index] = other(this.askSizes[index], this.random);
    else {
      this.bids[index] += this.random() < 0.5 && this.bids[index] > 500 ? -1 : 1;
      this.bidSizes[index] = other(this.bidSizes[index], this.random);
    }
    return {
      type: 'quote',
      symbol,
      bidPrice: this.bids[index] / 100,
      bidSize: this.bidSizes[index],
      askPrice: (this.bids[index] + 100) / 100,
      askSize: this.askSizes[index],
    };
  }
}

function other(size, random) {
  const next = 1 + Math.floor(random() * 900);
  return next === size ? next + 1 : next;
}

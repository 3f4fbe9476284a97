/** A burst: 20,000 trades per second on ten symbols; every trade goes to each of its subscribers, once and in order. */
import { INTERVAL_MS, symbolName } from '../market.mjs';
import { plain, w1 } from './w1.mjs';

const SYMBOLS = 10;
const TRADES_PER_INTERVAL = (20_000 * INTERVAL_MS) / 1000;
/** Sizes of one symbol count up to here and begin anew: a missing, doubled or swapped trade is seen by its size. */
export const SIZES = 4_000;

class Tape {
  constructor() {
    this.count = 0;
  }

  interval() {
    return Array.from({ length: TRADES_PER_INTERVAL }, () => this.trade());
  }

  trade() {
    const index = this.count % SYMBOLS;
    const number = Math.floor(this.count++ / SYMBOLS);
    return {
      type: 'trade',
      symbol: symbolName(index),
      price: (10_000 + index * 500 + (number % 50)) / 100,
      size: 1 + (number % SIZES),
    };
  }
}

export const trades = {
  ...w1,
  key: 'trades',
  title: 'trades: 20,000 a second on ten symbols, all to every client',
  symbols: SYMBOLS,
  clients: [50],
  sample: [0, 1],
  contenders: () => plain('tickcast', 'floor'),
  watch: () => ({
    symbols: Array.from({ length: SYMBOLS }, (_, index) => index),
    kind: 'trade',
    codec: 'msgpack',
  }),
  market: () => new Tape(),
  floor: { every: 1, updates: TRADES_PER_INTERVAL },
};

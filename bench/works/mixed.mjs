/** W1 with half of the clients on JSON, and a third each at 20, 5 and 1 updates a second. */
import { watchlist } from '../market.mjs';
import { plain, SYMBOLS, SYMBOLS_PER_CLIENT, w1 } from './w1.mjs';

const RATES = [undefined, 5, 1];

export const mixed = {
  ...w1,
  key: 'mixed',
  title: 'mixed: half JSON; a third each at 20, 5 and 1 a second',
  clients: [1000],
  isUneven: true,
  // Every pair of codec and rate.
  sample: [0, 1, 2, 3, 4, 5],
  contenders: () => plain('tickcast'),
  watch: (index) => ({
    symbols: watchlist(index, SYMBOLS, SYMBOLS_PER_CLIENT),
    kind: 'ticker',
    codec: index % 2 === 0 ? 'msgpack' : 'json',
    hz: RATES[index % RATES.length],
  }),
};

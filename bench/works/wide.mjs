/** A whole exchange: 10,000 symbols that change 20 times a second, 200,000 ticks a second in. */
import { Market, watchlist } from '../market.mjs';
import { plain, SYMBOLS_PER_CLIENT, w1 } from './w1.mjs';

const SYMBOLS = 10_000;

export const wide = {
  ...w1,
  key: 'wide',
  title: 'wide: 50 of 10,000 symbols each, 200,000 ticks a second in',
  symbols: SYMBOLS,
  clients: [1000],
  isFeedApart: true,
  contenders: () => plain('tickcast', 'floor'),
  watch: (index) => ({
    symbols: watchlist(index, SYMBOLS, SYMBOLS_PER_CLIENT),
    kind: 'ticker',
    codec: 'msgpack',
  }),
  market: () => new Market(SYMBOLS),
};

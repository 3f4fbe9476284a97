/** W1 where four of five sessions share ten watchlists: their frames can be shared, too. */
import { watchlist } from '../market.mjs';
import { plain, SYMBOLS, SYMBOLS_PER_CLIENT, w1 } from './w1.mjs';

const LISTS = 10;

export const cohorts = {
  ...w1,
  key: 'cohorts',
  title: 'W1 where 80 % of the clients share ten watchlists',
  clients: [1000],
  contenders: () => plain('tickcast', 'floor'),
  watch: (index) => ({
    symbols: watchlist(index % 5 === 0 ? index : 100_000 + (index % LISTS), SYMBOLS, SYMBOLS_PER_CLIENT),
    kind: 'ticker',
    codec: 'msgpack',
  }),
};

/** W1, but watchlists choose by popularity (Zipf, exponent 1): a few symbols are on nearly every list. */
import { watchlist } from '../market.mjs';
import { plain, SYMBOLS, SYMBOLS_PER_CLIENT, w1 } from './w1.mjs';

const shares = Array.from({ length: SYMBOLS }, (_, rank) => 1 / (rank + 1));
const total = shares.reduce((sum, share) => sum + share, 0);
/** cumulative[rank]: probability of this rank or a more popular one. */
const cumulative = [];
shares.reduce((sum, share) => {
  cumulative.push((sum + share) / total);
  return sum + share;
}, 0);

function byPopularity(roll) {
  const rank = cumulative.findIndex((upTo) => roll < upTo);
  return rank < 0 ? SYMBOLS - 1 : rank;
}

export const zipf = {
  ...w1,
  key: 'zipf',
  title: 'W1 with Zipf popularity of symbols',
  clients: [1000],
  contenders: () => plain('tickcast', 'floor'),
  watch: (index) => ({
    symbols: watchlist(index, SYMBOLS, SYMBOLS_PER_CLIENT, byPopularity),
    kind: 'ticker',
    codec: 'msgpack',
  }),
};

/** One symbol per client, and each symbol changes four times a second: nothing to batch, the send is the cost. */
import { Market } from '../market.mjs';
import { plain, SYMBOLS, w1 } from './w1.mjs';

const SHARE = 0.2;

export const sparse = {
  ...w1,
  key: 'sparse',
  title: 'sparse: one symbol per client, 4 changes a second, three gateways',
  clients: [10_000],
  gateways: 3,
  sample: Array.from({ length: 30 }, (_, index) => index),
  contenders: () => plain('tickcast', 'floor'),
  watch: (index) => ({ symbols: [index % SYMBOLS], kind: 'ticker', codec: 'msgpack' }),
  market: () => {
    const market = new Market(SYMBOLS);
    return { interval: () => market.interval(SHARE) };
  },
  floor: { every: 1 / SHARE, updates: 1 },
};

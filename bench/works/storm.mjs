/** After an outage: 1000 connected clients subscribe to 500 symbols each at once, in a market that hardly moves. */
import { Market } from '../market.mjs';
import { plain, SYMBOLS, w1 } from './w1.mjs';

const SHARE = 0.02;

export const storm = {
  ...w1,
  key: 'storm',
  title: 'storm: 500,000 subscriptions at once',
  clients: [1000],
  sample: [0],
  measure: 'storm',
  contenders: () => plain('tickcast'),
  watch: () => ({
    symbols: Array.from({ length: SYMBOLS }, (_, index) => index),
    kind: 'ticker',
    codec: 'msgpack',
    hold: true,
    imagesWanted: SYMBOLS,
  }),
  market: () => {
    const market = new Market(SYMBOLS);
    let intervals = 0;
    // All once: without an image of every symbol there is nothing to wait for.
    return { interval: () => market.interval(intervals++ === 0 ? 1 : SHARE) };
  },
};

/** Every symbol to each of 200 clients, by one wildcard channel. */
import { plain, SYMBOLS, w1 } from './w1.mjs';

export const wildcard = {
  ...w1,
  key: 'wildcard',
  title: 'wildcard: all 500 symbols to every client',
  clients: [200],
  sample: [0, 1],
  contenders: () => plain('tickcast', 'floor'),
  watch: () => ({ symbols: '*', kind: 'ticker', codec: 'msgpack' }),
  floor: { every: 1, updates: SYMBOLS },
};

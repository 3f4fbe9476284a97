/** W1: 500 symbols, every one changes every 50 ms; C clients, each with 50 symbols that a small generator chooses. */
import { Market, watchlist } from '../market.mjs';

export const SYMBOLS = 500;
export const SYMBOLS_PER_CLIENT = 50;
const PEERS = ['naive', 'uws', 'nats', 'socketio', 'centrifuge'];

/** Systems by name, each with its usual options. */
export function plain(...systems) {
  return systems.map((system) => ({ key: system, system }));
}

export const w1 = {
  key: 'w1',
  title: 'W1: 50 of 500 symbols each, all change 20 times a second',
  symbols: SYMBOLS,
  clients: [100, 1000, 4000],
  sample: [0, 1, 2, 3, 4],
  contenders(clients, quick) {
    if (quick) return plain('tickcast', 'floor', ...PEERS.filter((peer) => peer !== 'centrifuge'));
    // nchan is saturated by 100 clients; at 4000 the others are left out that are saturated by 1000.
    if (clients <= 100) return plain('tickcast', 'floor', ...PEERS, 'nchan');
    return clients > 1000 ? plain('tickcast', 'floor', 'uws', 'nats') : plain('tickcast', 'floor', ...PEERS);
  },
  watch: (index) => ({
    symbols: watchlist(index, SYMBOLS, SYMBOLS_PER_CLIENT),
    kind: 'ticker',
    codec: 'msgpack',
  }),
  market: () => new Market(SYMBOLS),
  floor: { every: 1, updates: SYMBOLS_PER_CLIENT },
};

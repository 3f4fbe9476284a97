/** node nchan-publisher.mjs <port>: a publishing WebSocket per channel; each has one message of 68 bytes per interval. */
import { once } from 'node:events';
import WebSocket from 'ws';
import { INTERVAL_MS, symbolName } from '../market.mjs';
import { encode, interval, stamp } from '../peer-update.mjs';
import { SYMBOLS } from '../works/w1.mjs';

const sockets = new Map();
for (let index = 0; index < SYMBOLS; index++) {
  const symbol = symbolName(index);
  const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/pub/${symbol}`);
  await once(socket, 'open');
  sockets.set(symbol, socket);
}
process.stdout.write('ready\n');

setInterval(() => {
  const updates = interval().map(({ symbol, values }) => [symbol, encode(values)]);
  const nowUs = Date.now() * 1000;
  for (const [symbol, update] of updates) {
    const socket = sockets.get(symbol);
    // Saturated, it would only grow: what is not read yet is not added to.
    if (socket.bufferedAmount > 0) continue;
    stamp(update, nowUs);
    socket.send(update);
  }
}, INTERVAL_MS);

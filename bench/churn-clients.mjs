/**
 * Sessions that come and go: each subscribes to a watchlist of W1 and unsubscribes from it a moment later.
 *   node churn-clients.mjs <port> <subscribes per second>
 * Says `ready` and begins; answers a line with what was answered.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { channels } from './systems/tickcast.mjs';
import { w1 } from './works/w1.mjs';

const SESSIONS = 100;
/** How long a watchlist is kept. */
const KEPT_MS = 100;

const [, , port, perSecond] = process.argv;
const told = { subscribes: 0, answered: 0, errors: 0 };
const sockets = [];
for (let i = 0; i < SESSIONS; i++) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'tickcast.v1.json');
  await once(socket, 'open');
  socket.on('message', (message) => {
    const text = message.toString();
    if (!text.startsWith('[{"type":"subscribed"') && !text.startsWith('[{"type":"error"')) return;
    const [record] = JSON.parse(text);
    if (record.type === 'error' || record.errors.length > 0) told.errors++;
    if (record.more !== true) told.answered++;
  });
  sockets.push(socket);
}
process.stdout.write('ready\n');

function subscribe() {
  const socket = sockets[told.subscribes % SESSIONS];
  const list = channels(w1.watch(1_000_000 + told.subscribes));
  told.subscribes++;
  socket.send(JSON.stringify({ op: 'subscribe', channels: list }));
  setTimeout(() => socket.send(JSON.stringify({ op: 'unsubscribe', channels: list })), KEPT_MS);
}

const startedAt = performance.now();
const timer = setInterval(() => {
  const due = ((performance.now() - startedAt) / 1000) * Number(perSecond);
  while (told.subscribes < due) subscribe();
}, 5);

createInterface({ input: process.stdin }).on('line', () => {
  clearInterval(timer);
  process.stdout.write(`${JSON.stringify(told)}\n`);
});

/** node nats-publisher.mjs <port>: 500 messages of 68 bytes per interval over the plain protocol. */
import { createConnection } from 'node:net';
import { INTERVAL_MS } from '../market.mjs';
import { encode, interval, stamp, UPDATE_BYTES } from '../peer-update.mjs';

const socket = createConnection(Number(process.argv[2]), '127.0.0.1');
socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
socket.on('data', (data) => {
  if (data.includes('PING')) socket.write('PONG\r\n');
});
socket.on('connect', () => process.stdout.write('ready\n'));
/** Encoded ahead, so that the stamp is the moment of sending. */
function prepare() {
  const updates = interval().map(({ symbol, values }) => {
    return [Buffer.from(`PUB ${symbol} ${UPDATE_BYTES}\r\n`), encode(values), Buffer.from('\r\n')];
  });
  return { payloads: updates.map(([, payload]) => payload), parts: updates.flat() };
}

let next = prepare();
setInterval(() => {
  const nowUs = Date.now() * 1000;
  for (const payload of next.payloads) stamp(payload, nowUs);
  socket.write(Buffer.concat(next.parts));
  next = prepare();
}, INTERVAL_MS);

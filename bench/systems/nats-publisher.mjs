/** node nats-publisher.mjs <port>: 500 messages of 68 bytes per interval over the plain protocol. */
import { createConnection } from 'node:net';
import { encode, interval } from '../peer-update.mjs';
import { INTERVAL_MS } from '../w1.mjs';
import { PAYLOAD_BYTES } from './nats.mjs';

const socket = createConnection(Number(process.argv[2]), '127.0.0.1');
socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
socket.on('data', (data) => {
  if (data.includes('PING')) socket.write('PONG\r\n');
});
socket.on('connect', () => process.stdout.write('ready\n'));
setInterval(() => {
  const parts = [];
  for (const { symbol, values } of interval()) {
    const payload = Buffer.alloc(PAYLOAD_BYTES);
    encode(values).copy(payload);
    parts.push(Buffer.from(`PUB ${symbol} ${PAYLOAD_BYTES}\r\n`), payload, Buffer.from('\r\n'));
  }
  socket.write(Buffer.concat(parts));
}, INTERVAL_MS);

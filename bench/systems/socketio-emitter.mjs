/** node socketio-emitter.mjs <redis port> */
import { createRequire } from 'node:module';
import { INTERVAL_MS } from '../market.mjs';
import { interval } from '../peer-update.mjs';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
const { Emitter } = require('@socket.io/redis-emitter');
const Redis = require('ioredis');

const emitter = new Emitter(new Redis(Number(process.argv[2]), '127.0.0.1'));
process.stdout.write('ready\n');
setInterval(() => {
  for (const { symbol, values } of interval()) emitter.to(symbol).emit('u', values);
}, INTERVAL_MS);

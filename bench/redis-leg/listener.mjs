/**
 * One subscriber of a PUBLISH per symbol, measured: ioredis, one channel per symbol, messages counted and dropped.
 *   node listener.mjs <redis port> <symbols>
 */
import { Redis } from 'ioredis';
import { answerLines } from './lines.mjs';
import { symbolName } from './work.mjs';

const [, , port, symbols] = process.argv.map(Number);
const redis = new Redis({ port, host: '127.0.0.1' });
let updates = 0;
redis.on('messageBuffer', () => {
  updates++;
});
await redis.subscribe(...Array.from({ length: symbols }, (_, index) => `t:${symbolName(index)}`));
answerLines({ count: () => ({ updates }), finish: () => ({ updates }) });
process.stdout.write('ready\n');

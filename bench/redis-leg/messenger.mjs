/**
 * What the service is compared with: one PUBLISH per symbol and interval, 68 bytes each.
 *   node messenger.mjs <redis port> <symbols> pipeline|bare|ping <intervals to warm up>
 * `pipeline`: ioredis, one pipeline per interval. `bare`: RESP by hand in one write, its answers counted and dropped.
 * `ping`: one PING per interval and nothing else, counted as if it had told of every symbol: what it costs to wake up.
 */
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { answerLines } from './lines.mjs';
import { INTERVAL_MS, symbolName } from './work.mjs';

const [, , port, symbolCount, mode, warmIntervals] = process.argv;
const symbols = Number(symbolCount);
const UPDATE_BYTES = 68;
const channels = Array.from({ length: symbols }, (_, index) => `t:${symbolName(index)}`);
let published = 0;
let round = 0;

/** The update of PERFORMANCE's baselines: a filled-in template, the cheapest encoding there is. */
function fill(view, at, index) {
  view.setFloat64(at + 12, 100 + index + round / 100);
  view.setFloat64(at + 21, 101 + index + round / 100);
  view.setUint32(at + 30, round);
  view.setFloat64(at + 44, Date.now());
  view.setFloat64(at + 56, round);
}

async function pipelined() {
  const redis = new Redis({ port: Number(port), host: '127.0.0.1' });
  await redis.ping();
  const updates = channels.map(() => Buffer.alloc(UPDATE_BYTES, 0x41));
  const views = updates.map((update) => new DataView(update.buffer, update.byteOffset, update.length));
  return async () => {
    const pipeline = redis.pipeline();
    for (let index = 0; index < symbols; index++) {
      fill(views[index], 0, index);
      pipeline.publish(channels[index], updates[index]);
    }
    for (const [error] of await pipeline.exec()) if (error !== null) throw error;
    published += symbols;
  };
}

async function bare() {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  await new Promise((resolve) => socket.once('connect', resolve));
  const commands = channels.map((channel) =>
    Buffer.from(`*3\r\n$7\r\nPUBLISH\r\n$${channel.length}\r\n${channel}\r\n$${UPDATE_BYTES}\r\n`),
  );
  const size = commands.reduce((sum, { length }) => sum + length + UPDATE_BYTES + 2, 0);
  const all = Buffer.alloc(size, 0x41);
  const view = new DataView(all.buffer, all.byteOffset, all.length);
  const places = [];
  let at = 0;
  for (const command of commands) {
    all.set(command, at);
    places.push((at += command.length));
    at += UPDATE_BYTES;
    all.write('\r\n', at);
    at += 2;
  }
  let answers = 0;
  let answered = () => undefined;
  socket.on('data', (data) => {
    for (let i = 0; i < data.length; i++) if (data[i] === 0x0a) answers++;
    if (answers === symbols) answered();
  });
  return async () => {
    answers = 0;
    for (let index = 0; index < symbols; index++) fill(view, places[index], index);
    await new Promise((resolve) => {
      answered = resolve;
      socket.write(all);
    });
    published += symbols;
  };
}

async function pinging() {
  const redis = new Redis({ port: Number(port), host: '127.0.0.1' });
  return async () => {
    await redis.ping();
    published += symbols;
  };
}

const publish = await { pipeline: pipelined, bare, ping: pinging }[mode]();
let busy = false;
let timer;
/** Whoever cannot keep up publishes less often; the figures are per update. */
async function interval() {
  if (busy) return;
  busy = true;
  round++;
  await publish();
  busy = false;
}
answerLines({
  warm: async () => {
    for (let interval = 0; interval < Number(warmIntervals); interval++) await publish();
  },
  go: () => {
    timer = setInterval(interval, INTERVAL_MS);
  },
  count: () => ({ updates: published }),
  finish: async () => {
    clearInterval(timer);
    while (busy) await new Promise((resolve) => setTimeout(resolve, 5));
    return { updates: published };
  },
});
process.stdout.write('ready\n');

/**
 * The feed handler of a work: the ticks of one interval in one batch over the feed socket.
 *   node feed.mjs <port> <key> <work>
 * Begins with a line `go`, ends with `stop`; then says how many ticks were acknowledged, how long that took, and what
 * the last values of the symbols were that the first checked client watches.
 *
 * Batches are encoded beforehand, one cycle of them, and sent over and over with new numbers and times: the service is
 * to be the limit, not its feed. Each tick carries, as its exchange time, the moment at which the owner's next turn
 * begins: clients then see how long after that they read it.
 */
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { MsgpackReader } from '#wire';
import { TickBatch } from './feed-batch.mjs';
import { INTERVAL_MS, symbolName } from './market.mjs';
import { WORKS } from './works/works.mjs';

/** Intervals that are encoded; `trades` counts on this many. */
const CYCLE = 40;
/**
 * After the start of a turn: late enough that taking these ticks in does not hold up the load client, which shares the
 * core and reads what the turn before has sent; early enough that they are stored before the next turn.
 */
const SEND_AT_MS = 20;
/** The service takes 64; beyond this an interval is left out, and counted. */
const UNANSWERED_MAX = 48;

const [, , port, key, workKey] = process.argv;
const work = WORKS[workKey];
const market = work.market();
const watched = work.watch(work.sample[0], {}).symbols;
const followed = new Set((watched === '*' ? [] : watched).map(symbolName));
const batches = Array.from({ length: CYCLE }, () => new TickBatch(market.interval(), followed));

const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/feed`, 'tickcast.v1.msgpack', {
  headers: { authorization: `Bearer ${key}` },
});
/** seq → {timeUs, sentMs} of what is not acknowledged. */
const unanswered = new Map();
const ackMs = [];
const told = { batches: 0, accepted: 0, rejected: 0, resent: 0, leftOut: 0 };
let stopped = false;

function send(seq, timeUs) {
  socket.send(batches[(seq - 1) % CYCLE].stamped(seq, timeUs));
}

function resendFrom(first) {
  for (const [seq, { timeUs }] of unanswered) {
    if (seq < first) continue;
    told.resent++;
    send(seq, timeUs);
  }
}

socket.on('message', (message) => {
  const answer = new MsgpackReader(message).value();
  if (answer.op === 'ready') process.stdout.write('ready\n');
  if (answer.op === 'ack') {
    ackMs.push(performance.now() - unanswered.get(answer.seq).sentMs);
    unanswered.delete(answer.seq);
    told.accepted += answer.accepted;
    told.rejected += answer.rejected.length;
  }
  if (answer.op === 'busy' && answer.seq === answer.resendFrom)
    setTimeout(() => resendFrom(answer.resendFrom), answer.retryAfterMs);
  if (answer.op === 'error') throw new Error(JSON.stringify(answer));
});
socket.on('open', () =>
  socket.send(TickBatch.encode({ op: 'hello', source: 'bench', session: String(process.pid) })),
);
socket.on('error', (error) => {
  throw error;
});

function interval() {
  if (stopped) return;
  const nextTurnMs = (Math.floor(Date.now() / INTERVAL_MS) + 1) * INTERVAL_MS;
  if (unanswered.size >= UNANSWERED_MAX) told.leftOut++;
  else {
    const seq = ++told.batches;
    unanswered.set(seq, { timeUs: nextTurnMs * 1000, sentMs: performance.now() });
    send(seq, nextTurnMs * 1000);
  }
  setTimeout(interval, nextTurnMs + SEND_AT_MS - Date.now());
}

function quantile(share) {
  const sorted = [...ackMs].sort((a, b) => a - b);
  return Number((sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1));
}

/** symbol → the values that its image must end with. */
function lastValues() {
  const values = {};
  for (let seq = Math.max(1, told.batches - CYCLE + 1); seq <= told.batches; seq++) {
    for (const { type, symbol, ...fields } of batches[(seq - 1) % CYCLE].followed) {
      const { price, size, ...quote } = fields;
      values[symbol] = {
        ...values[symbol],
        ...(type === 'trade' ? { lastPrice: price, lastSize: size } : quote),
      };
    }
  }
  return values;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') interval();
  if (line !== 'stop') return;
  stopped = true;
  const wait = setInterval(() => {
    if (unanswered.size > 0) return;
    clearInterval(wait);
    const stored = { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
    process.stdout.write(`${JSON.stringify({ ...told, stored, last: lastValues() })}\n`);
  }, 20);
});

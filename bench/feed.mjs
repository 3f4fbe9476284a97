/**
 * The feed handler of W1: one batch of 500 ticks per interval over the feed socket.
 *   node feed.mjs <port> <key>
 * Begins with a line `go`, ends with `stop`; then says how many ticks were acknowledged.
 */
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { MsgpackReader, MsgpackWriter } from '#wire';
import { INTERVAL_MS, Market } from './w1.mjs';

const [, , port, key] = process.argv;
const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/feed`, 'tickcast.v1.msgpack', {
  headers: { authorization: `Bearer ${key}` },
});
const writer = new MsgpackWriter(1 << 20);
const market = new Market();
const unanswered = new Map();
let seq = 0;
let accepted = 0;
let rejected = 0;
let resent = 0;

function send(message) {
  writer.at = 0;
  writer.value(message);
  socket.send(writer.bytes());
}

socket.on('message', (message) => {
  const answer = new MsgpackReader(message).value();
  if (answer.op === 'ready') process.stdout.write('ready\n');
  if (answer.op === 'ack') {
    unanswered.delete(answer.seq);
    accepted += answer.accepted;
    rejected += answer.rejected.length;
  }
  if (answer.op === 'busy' && answer.seq === answer.resendFrom) {
    setTimeout(() => {
      for (const [number, ticks] of unanswered) {
        if (number < answer.resendFrom) continue;
        resent++;
        send({ op: 'ticks', seq: number, ticks });
      }
    }, answer.retryAfterMs);
  }
  if (answer.op === 'error') throw new Error(JSON.stringify(answer));
});
socket.on('open', () => send({ op: 'hello', source: 'bench', session: String(process.pid) }));
socket.on('error', (error) => {
  throw error;
});

function interval() {
  const ticks = market.interval();
  seq++;
  unanswered.set(seq, ticks);
  send({ op: 'ticks', seq, ticks });
}

let timer;
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') timer = setInterval(interval, INTERVAL_MS);
  if (line === 'stop') {
    clearInterval(timer);
    const wait = setInterval(() => {
      if (unanswered.size > 0) return;
      clearInterval(wait);
      process.stdout.write(`${JSON.stringify({ batches: seq, accepted, rejected, resent })}\n`);
    }, 20);
  }
});

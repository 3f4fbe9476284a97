/**
 * Clients of W1 that stop reading for a while and then read on: what comes before the first image that catches them up
 * is old news that lay behind them.
 *   node stalled-run.mjs <clients>
 * Prints one line of JSON.
 */
import WebSocket from 'ws';
import { MsgpackStreamDecoder } from '#wire';
import { msgpackSubscribe } from './frames.mjs';
import { pause } from './measure.mjs';
import { endAll } from './processes.mjs';
import * as tickcast from './systems/tickcast.mjs';
import { stalled as work } from './works/stalled.mjs';

/** Below the time after which the gateway sends such a client away. */
const STALL_MS = 8_000;
/** Stops are spread over this time: probes come once a second. */
const SPREAD_MS = 1_000;
const CATCH_UP_MS_MAX = 10_000;

class Stalling {
  constructor(port, index) {
    this.decoder = new MsgpackStreamDecoder();
    this.bytes = 0;
    this.stoppedUs = undefined;
    this.newestUs = 0;
    this.isCaughtUp = false;
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'tickcast.v1.msgpack');
    this.socket.on('open', () => this.socket.send(msgpackSubscribe(tickcast.channels(work.watch(index)))));
    this.caughtUp = new Promise((resolve, reject) => {
      this.socket.on('error', reject);
      this.socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
      this.socket.on('message', (message) => this.read(message, resolve));
    });
  }

  read(message, caughtUp) {
    const records = this.decoder.decode(message);
    if (this.stoppedUs === undefined || this.isCaughtUp) return;
    if (records.some(({ type }) => type === 'image')) {
      this.isCaughtUp = true;
      caughtUp();
      return;
    }
    this.bytes += message.length;
    for (const { type, timeUs } of records) if (type === 'update') this.newestUs = timeUs;
  }

  async stall() {
    this.stoppedUs = Date.now() * 1000;
    this.socket.pause();
    await pause(STALL_MS);
    this.bytes = 0;
    this.socket.resume();
    await Promise.race([
      this.caughtUp,
      pause(CATCH_UP_MS_MAX).then(() => {
        throw new Error('A client that read on was not caught up');
      }),
    ]);
    this.staleBytes = this.bytes;
    this.staleSeconds = Math.max(0, this.newestUs - this.stoppedUs) / 1e6;
  }
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) };
}

const count = Number(process.argv[2]);
try {
  const opened = await tickcast.open({ serverCore: 0, otherCore: 1, work, options: {} });
  await opened.go();
  const clients = Array.from({ length: count }, (_, index) => new Stalling(opened.ports[0], index));
  await pause(3_000);
  await Promise.all(
    clients.map(async (client, i) => {
      await pause((i * SPREAD_MS) / count);
      await client.stall();
    }),
  );
  for (const { socket } of clients) socket.terminate();
  const check = await opened.check();
  await opened.close();
  const seconds = spread(clients.map(({ staleSeconds }) => staleSeconds));
  const bytes = spread(clients.map(({ staleBytes }) => staleBytes));
  process.stdout.write(`${JSON.stringify({ clients: count, seconds, bytes, check })}\n`);
} finally {
  await endAll();
}

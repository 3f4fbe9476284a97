/**
 * The load client where there is no C compiler; the same clients file and answers as native/load.c, but it takes no
 * latencies, reads as fast as it can, and holds nothing back. It is the slower one, so servers look worse: compare only
 * runs with the same client.
 *   node load-client.mjs <clients file>
 */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { clientFrame } from './frames.mjs';

const HEAD_BYTES = 16;
const SPEAKS_SERVICE = 2;

const [, , file] = process.argv;
const counters = { updates: 0, frames: 0, bytes: 0, controls: 0, reconnects: 0, latency: null };

class Connection {
  constructor(port, flags, first) {
    this.speaksService = (flags & SPEAKS_SERVICE) !== 0;
    this.rest = null;
    this.isUpgraded = false;
    this.socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    const request = first.indexOf('\r\n\r\n') + 4;
    this.first = first.subarray(request);
    this.socket.write(first.subarray(0, request));
    this.upgraded = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.on('error', (error) => fail(error.message));
    this.socket.on('close', () => fail('connection ended'));
  }

  read(chunk) {
    let data = this.rest === null ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = null;
    if (!this.isUpgraded) {
      const end = data.indexOf('\r\n\r\n');
      if (end < 0) {
        this.rest = data;
        return;
      }
      if (data.toString('latin1', 9, 12) !== '101') fail(`upgrade: ${data.subarray(0, 60)}`);
      this.isUpgraded = true;
      this.socket.write(this.first);
      data = data.subarray(end + 4);
      this.resolve();
    }
    this.frames(data);
  }

  frames(data) {
    let at = 0;
    while (data.length - at >= 2) {
      let size = data[at + 1] & 0x7f;
      let start = at + 2;
      if (size === 126 && data.length - at >= 4) [size, start] = [data.readUInt16BE(at + 2), at + 4];
      else if (size === 127 && data.length - at >= 10)
        [size, start] = [Number(data.readBigUInt64BE(at + 2)), at + 10];
      else if (size > 125) break;
      if (start + size > data.length) break;
      this.frame(data[at] & 0x0f, data, start, size);
      at = start + size;
    }
    if (at < data.length) this.rest = at === 0 ? data : data.subarray(at);
  }

  frame(opcode, data, start, size) {
    if (opcode === 9) {
      const pong = clientFrame(data.subarray(start, start + size), true);
      pong[0] = 0x8a;
      this.socket.write(pong);
    }
    if (opcode > 2) return;
    counters.frames++;
    counters.bytes += size;
    const ours = this.speaksService;
    if (!ours) counters.updates++;
    else if (opcode === 2 && data[start] === 0xdc) counters.updates += data.readUInt16BE(start + 1);
    else if (opcode === 2) counters.controls++;
    else {
      const text = data.toString('latin1', start, start + size);
      if (/^\[\{"type":"(image|update|trade)/.test(text))
        counters.updates += text.split('"type":').length - 1;
      else counters.controls++;
    }
  }
}

function fail(message) {
  process.stdout.write(`failed ${message}\n`);
  process.exit(1);
}

const clients = readFileSync(file);
const all = [];
for (let at = 4; all.length < clients.readUInt32LE(0); ) {
  const length = clients.readUInt32LE(at + 12);
  const first = clients.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
  all.push(new Connection(clients.readUInt16LE(at), clients.readUInt16LE(at + 2), first));
  at += HEAD_BYTES + length;
  if (all.length % 100 === 0) await Promise.all(all.map((connection) => connection.upgraded));
}
await Promise.all(all.map((connection) => connection.upgraded));
process.stdout.write('subscribed\n');

// Spins instead of sleeping: a sleeping client makes the server pay its wake-ups.
const spin = () => setImmediate(spin);
spin();
createInterface({ input: process.stdin }).on('line', () =>
  process.stdout.write(`${JSON.stringify(counters)}\n`),
);

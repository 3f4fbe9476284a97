/**
 * The load client where there is no C compiler; the same arguments and answers as native/load.c. It is the slower one,
 * so servers look worse: compare only runs with the same client.
 *   node load-client.mjs <port> <clients file> <connections>
 */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { clientFrame } from './frames.mjs';

const [, , port, file, connections] = process.argv;
const counters = { updates: 0, frames: 0, bytes: 0, controls: 0 };

class Connection {
  constructor(first) {
    this.rest = null;
    this.isUpgraded = false;
    this.socket = createConnection({ port: Number(port), host: '127.0.0.1', noDelay: true });
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
    if (opcode === 2 && data[start] === 0xdc) counters.updates += data.readUInt16BE(start + 1);
    else if (opcode === 2 && data[start] === 0x91) counters.controls++;
    else counters.updates++;
  }
}

function fail(message) {
  process.stdout.write(`failed ${message}\n`);
  process.exit(1);
}

const firsts = readFileSync(file);
const all = [];
for (let at = 0; all.length < Number(connections); ) {
  const length = firsts.readUInt32LE(at);
  all.push(new Connection(firsts.subarray(at + 4, at + 4 + length)));
  at += 4 + length;
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

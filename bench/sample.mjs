/**
 * A few clients that decode everything: computed images must equal those of a fresh subscriber, sequences must rise.
 *   node sample.mjs <port> <clients>
 * Says `subscribed`; answers a line on standard input, when the feed stands still, with what it found.
 */
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { MsgpackStreamDecoder } from '#wire';
import { msgpackSubscribe } from './frames.mjs';
import { symbolName, watchlist } from './w1.mjs';

const [, , port, clients] = process.argv;

class Checked {
  constructor(index) {
    this.size = watchlist(index).length;
    this.images = new Map();
    this.faults = [];
    this.records = 0;
    this.states = 0;
    this.leftOut = 0;
    this.decoder = new MsgpackStreamDecoder();
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'tickcast.v1.msgpack');
    this.socket.on('open', () =>
      this.socket.send(msgpackSubscribe(watchlist(index).map((i) => `ticker:${symbolName(i)}`))),
    );
    this.subscribed = new Promise((resolve, reject) => {
      this.socket.on('error', reject);
      this.socket.on('message', (message) => this.read(message, resolve));
    });
  }

  read(message, subscribed) {
    for (const record of this.decoder.decode(message)) {
      if (record.type === 'subscribed' && !record.more) subscribed();
      if (record.type === 'image') this.image(record);
      if (record.type === 'update') this.update(record);
    }
  }

  image(record) {
    this.records++;
    this.images.set(record.symbol, { ...record });
  }

  update(record) {
    this.records++;
    const image = this.images.get(record.symbol);
    if (image === undefined) {
      this.faults.push(`update of ${record.symbol} without an image`);
      return;
    }
    if (record.seq <= image.seq) this.faults.push(`${record.symbol} goes from ${image.seq} to ${record.seq}`);
    this.states += record.seq - image.seq;
    this.leftOut += record.seq - image.seq - 1;
    Object.assign(image, record, { type: 'image' });
  }
}

const sample = Array.from({ length: Number(clients) }, (_, index) => new Checked(index));
await Promise.all(sample.map((checked) => checked.subscribed));
process.stdout.write('subscribed\n');

createInterface({ input: process.stdin }).on('line', async () => {
  const faults = sample.flatMap((checked) => checked.faults);
  let compared = 0;
  for (const [index, checked] of sample.entries()) {
    const fresh = new Checked(index);
    await fresh.subscribed;
    for (let waited = 0; fresh.images.size < fresh.size && waited < 10_000; waited += 20) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const [symbol, image] of fresh.images) {
      compared++;
      for (const [name, value] of Object.entries(image)) {
        const computed = checked.images.get(symbol)?.[name];
        if (computed !== value) faults.push(`${symbol} ${name}: computed ${computed}, image ${value}`);
      }
    }
    fresh.socket.close();
  }
  const sum = (name) => sample.reduce((total, checked) => total + checked[name], 0);
  const found = {
    clients: sample.length,
    compared,
    records: sum('records'),
    states: sum('states'),
    leftOut: sum('leftOut'),
  };
  process.stdout.write(`${JSON.stringify({ ...found, faults: faults.slice(0, 5) })}\n`);
});

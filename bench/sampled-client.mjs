/** One client that decodes and checks every record it is sent. */
import WebSocket from 'ws';
import { JsonStreamDecoder, MsgpackStreamDecoder, MsgpackWriter } from '#wire';
import { channels } from './systems/tickcast.mjs';
import { countJson, countMsgpack, newByteCounts } from './update-bytes.mjs';
import { SIZES } from './works/trades.mjs';

const writer = new MsgpackWriter();

export class SampledClient {
  /** @param watch what it subscribes to, see works/works.mjs */
  constructor(port, watch) {
    this.images = new Map();
    this.lastTrades = new Map();
    this.faults = [];
    this.records = 0;
    this.states = 0;
    this.leftOut = 0;
    this.byteCounts = newByteCounts();
    this.isJson = watch.codec === 'json';
    this.decoder = this.isJson ? new JsonStreamDecoder() : new MsgpackStreamDecoder();
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, `tickcast.v1.${watch.codec}`);
    this.socket.on('open', () => this.subscribe(watch));
    this.subscribed = new Promise((resolve, reject) => {
      this.socket.on('error', reject);
      this.socket.on('message', (message, isBinary) => this.read(message, isBinary, resolve));
    });
  }

  subscribe(watch) {
    const command = { op: 'subscribe', channels: channels(watch), hz: watch.hz };
    this.socket.send(this.isJson ? JSON.stringify(command) : encodeCommand(command));
  }

  close() {
    this.socket.close();
  }

  read(message, isBinary, subscribed) {
    const records = this.decoder.decode(isBinary ? message : message.toString());
    for (const record of records) {
      if (record.type === 'subscribed') this.answered(record, subscribed);
      else if (record.type === 'image') this.image(record);
      else if (record.type === 'update') this.update(record);
      else if (record.type === 'trade') this.trade(record);
      else if (record.type === 'gap')
        this.faults.push(`trades ${record.from} to ${record.to} of ${record.sid} are a gap`);
    }
    if (this.isJson) countJson(this.byteCounts, records, message.length);
    else countMsgpack(this.byteCounts, message);
  }

  answered(record, subscribed) {
    if (record.errors.length > 0) this.faults.push(`subscribe: ${JSON.stringify(record.errors[0])}`);
    if (!record.more) subscribed();
  }

  image(record) {
    this.records++;
    const before = this.images.get(record.symbol);
    if (before !== undefined && before.seq > record.seq)
      this.faults.push(`image of ${record.symbol} goes from ${before.seq} to ${record.seq}`);
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

  /** Sizes count up, so a trade that is missing, doubled or another one is seen even if its number is right. */
  trade({ symbol, sid, seq, size }) {
    this.records++;
    this.states++;
    const before = this.lastTrades.get(sid);
    this.lastTrades.set(sid, { seq, size });
    if (before === undefined) return;
    if (seq !== before.seq + 1) this.faults.push(`trades of ${symbol} go from ${before.seq} to ${seq}`);
    const expected = (before.size % SIZES) + 1;
    if (size !== expected) this.faults.push(`trade ${seq} of ${symbol}: size ${size}, fed ${expected}`);
  }
}

function encodeCommand(command) {
  writer.at = 0;
  writer.value(command);
  return writer.bytes();
}

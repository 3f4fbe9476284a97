/**
 * The update that peers send, 68 bytes: a msgpack array of symbol, time of publishing (µs), and eight numbers, filled
 * up with zeros. The time stands at a fixed place, so that a publisher may encode first and stamp when it sends.
 */
import { Packr } from 'msgpackr';
import { Market, symbolName } from './market.mjs';
import { SYMBOLS } from './works/w1.mjs';

export const UPDATE_BYTES = 68;
const packr = new Packr({ useRecords: false });
const market = new Market(SYMBOLS);
/** Behind the array's byte, the symbol and the byte that says uint64. */
const STAMP_AT = 1 + 5 + 1;
const UINT64 = 0xcf;
let seq = 0;

/** One interval: per symbol its name and the values of its update, with the time of now. */
export function interval() {
  seq++;
  const nowUs = Date.now() * 1000;
  return market.interval().map((tick, index) => {
    const bid = tick.bidPrice ?? tick.price;
    const ask = tick.askPrice ?? tick.price;
    const symbol = symbolName(index);
    const sizes = [tick.bidSize ?? 100, tick.askSize ?? 100];
    const values = [symbol, nowUs, bid + 0.001, ask + 0.001, ...sizes, bid + 0.002];
    return { symbol, values: [...values, tick.size ?? 100, seq * 100_000, seq] };
  });
}

/** @returns a buffer of its own */
export function encode([symbol, nowUs, ...values]) {
  const update = Buffer.alloc(UPDATE_BYTES);
  packr.pack([symbol, BigInt(nowUs), ...values]).copy(update);
  // msgpackr says int64; the load client looks for uint64, which the service sends, too. The eight bytes are the same.
  update[STAMP_AT - 1] = UINT64;
  return update;
}

export function stamp(update, nowUs) {
  update.writeBigUInt64BE(BigInt(nowUs), STAMP_AT);
}

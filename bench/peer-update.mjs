/** The update that peers send: a msgpack array of ten values, about 68 bytes. */
import { Packr } from 'msgpackr';
import { Market, symbolName } from './w1.mjs';

const packr = new Packr({ useRecords: false });
const market = new Market();
let seq = 0;

/** One interval: per symbol its name and the values of its update. */
export function interval() {
  seq++;
  return market.interval().map((tick, index) => {
    const bid = tick.bidPrice ?? tick.price;
    const ask = tick.askPrice ?? tick.price;
    const symbol = symbolName(index);
    return {
      symbol,
      values: [
        symbol,
        bid + 0.001,
        ask + 0.001,
        tick.bidSize ?? 100,
        tick.askSize ?? 100,
        bid + 0.002,
        tick.size ?? 100,
        seq * 100_000,
        Date.now() * 1000,
        seq,
      ],
    };
  });
}

export function encode(values) {
  return packr.pack(values);
}

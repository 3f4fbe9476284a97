/**
 * The work of the Redis leg: a universe of symbols, every one of which changes every 50 ms. Ticks are those of W1 (quotes
 * that move one side, 30 % trades), made from a seed, so that whoever checks knows what the images must be.
 */
import { partitionOf, QUOTE, TRADE } from '#market-data';

export const INTERVAL_MS = 50;
export const PARTITIONS = 16;
const TRADE_SHARE = 0.3;

/** mulberry32: the same choice in every run. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const WORKS = {
  w1: { name: 'W1', symbols: 500 },
  wide: { name: '10,000 symbols × 20/s', symbols: 10_000 },
};

export function symbolName(index) {
  return `L${String(index).padStart(5, '0')}`;
}

/** The seed file of the registry for this work. */
export function symbolsFile(symbols) {
  return Array.from({ length: symbols }, (_, index) => ({
    ...{ symbol: symbolName(index), name: `Leg ${index}`, exchange: 'XBEN', group: 'bench' },
    ...{ priceScale: 2, sizeScale: 0, volumeScale: 0 },
  }));
}

/** What the fan-out asks of a registry; sids count from 1 in the order of the symbols. */
export class BenchRegistry {
  constructor(symbols) {
    this.version = 1;
    this.sidMax = symbols;
    this.size = symbols;
    this.instruments = symbolsFile(symbols).map((entry, index) => ({
      ...entry,
      ...{ sid: index + 1, enabled: true, tradingStatus: 'open', coalesceIntervalMs: null, version: 1 },
    }));
    this.partitions = this.instruments.map(({ symbol }) => partitionOf(symbol, PARTITIONS));
  }

  bySid(sid) {
    return this.instruments[sid - 1];
  }

  partition(sid) {
    return this.partitions[sid - 1] ?? -1;
  }

  all() {
    return this.instruments;
  }

  watch() {
    return () => undefined;
  }

  async reconcile() {
    throw new Error('Expected no sid beyond those of the work');
  }
}

/** One tick per symbol and interval, each of which changes the image; remembers what the images must be. */
export class Ticks {
  constructor(symbols) {
    this.random = generator(7);
    this.bids = Int32Array.from({ length: symbols }, () => 1_000 + Math.floor(this.random() * 40_000));
    this.bidSizes = new Int32Array(symbols).fill(100);
    this.askSizes = new Int32Array(symbols).fill(100);
    this.volumes = new Float64Array(symbols);
    this.quoted = new Uint8Array(symbols);
  }

  /** @param timeUs receive and exchange time */
  next(index, timeUs) {
    const { random } = this;
    const common = {
      ...{ sid: index + 1, exchangeTimeUs: timeUs, receiveTimeUs: timeUs + 150, line: null, sequence: null },
    };
    const roll = random();
    if (roll < TRADE_SHARE && this.quoted[index] === 1) {
      const size = 1 + Math.floor(random() * 300);
      this.volumes[index] += size;
      return { kind: TRADE, price: this.bids[index], size, tradeId: null, conditions: null, ...common };
    }
    if (roll < 0.65) this.askSizes[index] = other(this.askSizes[index], random);
    else {
      this.bids[index] += random() < 0.5 && this.bids[index] > 500 ? -1 : 1;
      this.bidSizes[index] = other(this.bidSizes[index], random);
    }
    this.quoted[index] = 1;
    return {
      kind: QUOTE,
      ...{ bidPrice: this.bids[index], bidSize: this.bidSizes[index] },
      ...{ askPrice: this.bids[index] + 100, askSize: this.askSizes[index] },
      ...common,
    };
  }

  /** One number for all images, to compare with that of a subscriber. */
  digest() {
    let digest = 0;
    for (let index = 0; index < this.bids.length; index++)
      digest = imageDigest(
        digest,
        this.bids[index],
        this.bidSizes[index],
        this.askSizes[index],
        this.volumes[index],
      );
    return digest;
  }
}

export function imageDigest(digest, bid, bidSize, askSize, volume) {
  let mixed = Math.imul(digest ^ bid, 0x9e3779b1);
  mixed = Math.imul(mixed ^ bidSize ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ askSize ^ (mixed >>> 13), 0xc2b2ae35);
  return (Math.imul(mixed ^ volume, 0x27d4eb2f) ^ (mixed >>> 16)) >>> 0;
}

function other(size, random) {
  const next = 1 + Math.floor(random() * 900);
  return next === size ? next + 1 : next;
}

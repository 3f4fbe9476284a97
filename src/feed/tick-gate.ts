/**
 * The gate of one tick: whatever a feed handler sent becomes a valid, scaled Tick, or a TickFault with its reason.
 * Never throws, never waits, logs nothing: a bad tick costs its sender an answer and nobody else anything.
 */
import {
  AUTO_REGISTERED,
  formatScaled,
  type Instrument,
  isSymbol,
  QUOTE,
  type Tick,
  TRADE,
} from '#market-data';
import type { Config } from '../config.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { describe, TickFault } from './tick-fault.js';
import {
  conditions,
  exchangeTimeUs,
  line,
  lineSequence,
  malformed,
  nameOf,
  quotePrice,
  type RawTick,
  size,
  tradeId,
  tradePrice,
} from './tick-fields.js';

export type TickGateConfig = Pick<Config, 'crossedQuotes' | 'tickAgeMsMax'>;
type Scales = Pick<Instrument, 'sid' | 'priceScale' | 'sizeScale'>;

/** Stands for an instrument that is not registered yet: its ticks are checked by the scales that it will get. */
const UNREGISTERED: Scales = { sid: 0, ...AUTO_REGISTERED };

export class TickGate {
  private readonly takesCrossed: boolean;
  private readonly ageUsMax: number;

  constructor(
    private readonly registry: Pick<SymbolRegistry, 'bySymbol'>,
    config: TickGateConfig,
  ) {
    this.takesCrossed = config.crossedQuotes === 'accept';
    this.ageUsMax = config.tickAgeMsMax * 1000;
  }

  /**
   * @param raw one tick as it was decoded; a TickFault (a place whose text could not be decoded) is handed back
   * @param receiveTimeUs wall time, becomes part of the tick
   */
  gate(raw: unknown, receiveTimeUs: number): Tick | TickFault {
    if (raw instanceof TickFault) return raw;
    if (!isObject(raw))
      return new TickFault('malformed', `Expected a tick to be an object, was ${describe(raw)}`);
    const { symbol } = raw;
    if (typeof symbol !== 'string') return malformed(raw, 'symbol to be a string', symbol);
    const instrument = this.registry.bySymbol(symbol);
    if (instrument === undefined) return unknownSymbol(symbol);
    if (!instrument.enabled)
      return new TickFault('symbol_disabled', `Expected an enabled symbol, ${symbol} is switched off`);
    return this.gateFields(raw, instrument, receiveTimeUs);
  }

  /**
   * What is wrong with a tick of a symbol that no instrument has, apart from that; undefined when its first tick may
   * register it.
   */
  faultOfUnregistered(raw: unknown, receiveTimeUs: number): TickFault | undefined {
    if (!isObject(raw)) return undefined;
    const gated = this.gateFields(raw, UNREGISTERED, receiveTimeUs);
    return gated instanceof TickFault ? gated : undefined;
  }

  private gateFields(raw: RawTick, instrument: Scales, receiveTimeUs: number): Tick | TickFault {
    const { type } = raw;
    if (type === 'quote') return this.gateQuote(raw, instrument, receiveTimeUs);
    if (type === 'trade') return this.gateTrade(raw, instrument, receiveTimeUs);
    return malformed(raw, 'type to be quote or trade', type);
  }

  private gateQuote(raw: RawTick, instrument: Scales, receiveTimeUs: number): Tick | TickFault {
    const { sid, priceScale, sizeScale } = instrument;
    const bidPrice = quotePrice(raw, 'bidPrice', priceScale);
    if (bidPrice instanceof TickFault) return bidPrice;
    const bidSize = size(raw, 'bidSize', sizeScale);
    if (bidSize instanceof TickFault) return bidSize;
    const askPrice = quotePrice(raw, 'askPrice', priceScale);
    if (askPrice instanceof TickFault) return askPrice;
    const askSize = size(raw, 'askSize', sizeScale);
    if (askSize instanceof TickFault) return askSize;
    const time = this.time(raw, receiveTimeUs);
    if (time instanceof TickFault) return time;
    const lineName = line(raw);
    if (lineName instanceof TickFault) return lineName;
    const sequence = lineSequence(raw, lineName);
    if (sequence instanceof TickFault) return sequence;
    if (bidPrice !== null && askPrice !== null && bidPrice > askPrice && !this.takesCrossed)
      return crossed(raw, bidPrice, askPrice, priceScale);
    return {
      kind: QUOTE,
      sid,
      bidPrice,
      bidSize,
      askPrice,
      askSize,
      exchangeTimeUs: time,
      receiveTimeUs,
      line: lineName,
      sequence,
    };
  }

  private gateTrade(raw: RawTick, instrument: Scales, receiveTimeUs: number): Tick | TickFault {
    const price = tradePrice(raw, instrument.priceScale);
    if (price instanceof TickFault) return price;
    const tradeSize = size(raw, 'size', instrument.sizeScale);
    if (tradeSize instanceof TickFault) return tradeSize;
    const id = tradeId(raw);
    if (id instanceof TickFault) return id;
    const saleConditions = conditions(raw);
    if (saleConditions instanceof TickFault) return saleConditions;
    const time = this.time(raw, receiveTimeUs);
    if (time instanceof TickFault) return time;
    const lineName = line(raw);
    if (lineName instanceof TickFault) return lineName;
    const sequence = lineSequence(raw, lineName);
    if (sequence instanceof TickFault) return sequence;
    return {
      kind: TRADE,
      sid: instrument.sid,
      price,
      size: tradeSize,
      tradeId: id,
      conditions: saleConditions,
      exchangeTimeUs: time,
      receiveTimeUs,
      line: lineName,
      sequence,
    };
  }

  private time(raw: RawTick, receiveTimeUs: number): number | null | TickFault {
    const time = exchangeTimeUs(raw);
    if (this.ageUsMax === 0 || typeof time !== 'number') return time;
    const ageUs = receiveTimeUs - time;
    if (ageUs <= this.ageUsMax) return time;
    return new TickFault(
      'stale',
      `Expected an exchange time at most ${this.ageUsMax / 1000} ms old, was ${Math.floor(ageUs / 1000)} ms${nameOf(raw)}`,
    );
  }
}

function isObject(raw: unknown): raw is RawTick {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function unknownSymbol(symbol: string): TickFault {
  return isSymbol(symbol)
    ? new TickFault('unknown_symbol', `Expected a registered symbol, no instrument is called ${symbol}`)
    : new TickFault(
        'malformed',
        `Expected symbol to be 1 to 24 of A-Z 0-9 . _ / -, beginning with a letter or digit, was ${describe(symbol)}`,
      );
}

function crossed(raw: RawTick, bid: number, ask: number, scale: number): TickFault {
  return new TickFault(
    'crossed',
    `Expected bidPrice <= askPrice, was ${formatScaled(bid, scale)} > ${formatScaled(ask, scale)}${nameOf(raw)}`,
  );
}

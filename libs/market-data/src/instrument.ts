/**
 * An instrument is the thing behind a symbol: its reference data and its two switches. Clients say the symbol,
 * the wire and the tables say the sid. Scales are fixed for the life of a sid: an integer once stored must never
 * come to mean another price.
 */

/** What an operator or the venue says about trading; `enabled: false` overrides it for clients. */
export const TRADING_STATUSES = ['open', 'halted', 'closed'] as const;
export type TradingStatus = (typeof TRADING_STATUSES)[number];

/** What a subscriber is told: the trading status, or `disabled` while operators have switched the symbol off. */
export type InstrumentStatus = TradingStatus | 'disabled';

export interface Instrument {
  /** Positive integer, the same in every process, never given to another symbol. */
  readonly sid: number;
  /** Matches SYMBOL_PATTERN. */
  readonly symbol: string;
  readonly name: string;
  /** Venue code, e.g. `XNAS`; empty when unknown. */
  readonly exchange: string;
  /** Symbols are switched and entitled by group, e.g. `us-equity`, `crypto`. */
  readonly group: string;
  /** Decimals of a price: scaled = price × 10^priceScale. 0 to SCALE_MAX. */
  readonly priceScale: number;
  /** Decimals of a size. 0 to SCALE_MAX. */
  readonly sizeScale: number;
  /** Decimals of the volume, at most sizeScale: volume outgrows 2^53 first. */
  readonly volumeScale: number;
  readonly enabled: boolean;
  readonly tradingStatus: TradingStatus;
  /** Caps the rate of this symbol below the service's, in ms; null = the service's interval. */
  readonly coalesceIntervalMs: number | null;
  /** Why its status last changed, as operators gave it; subscribers are told. */
  readonly statusReason?: string | null;
  /** Registry version at which this instrument last changed. */
  readonly version: number;
}

/** Upper-case letters, digits and `. _ / -`, 1 to 24 characters, beginning with a letter or digit. */
export const SYMBOL_PATTERN = /^[A-Z0-9][A-Z0-9._/-]{0,23}$/;

/** More than 12 decimals leave too few digits of 2^53 in front of the point. */
export const SCALE_MAX = 12;

/** Reference data of a symbol that the first tick registers (TICKCAST_SYMBOLS_AUTO_REGISTER). */
export const AUTO_REGISTERED = { priceScale: 6, sizeScale: 4, volumeScale: 0, group: 'auto' } as const;

export function isSymbol(text: string): boolean {
  return SYMBOL_PATTERN.test(text);
}

/** What subscribers are told of this instrument. */
export function statusOf(instrument: Pick<Instrument, 'enabled' | 'tradingStatus'>): InstrumentStatus {
  return instrument.enabled ? instrument.tradingStatus : 'disabled';
}

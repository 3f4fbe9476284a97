/**
 * A tick is a quote or a trade as it is stored in the tick log: validated, its symbol resolved to a sid, its
 * prices and sizes scaled integers of the instrument. `null` means "no market on that side" for a price and
 * "unknown" for a size.
 */
export const QUOTE = 0;
export const TRADE = 1;

export interface QuoteTick {
  readonly kind: typeof QUOTE;
  readonly sid: number;
  /** Scaled by the instrument's priceScale. */
  readonly bidPrice: number | null;
  /** Scaled by the instrument's sizeScale. */
  readonly bidSize: number | null;
  readonly askPrice: number | null;
  readonly askSize: number | null;
  /** µs since the Unix epoch as the venue stamped it; null when the feed handler does not know. */
  readonly exchangeTimeUs: number | null;
  /** µs since the Unix epoch when this service received it. */
  readonly receiveTimeUs: number;
  /** Name of an A/B line pair, or null; `sequence` then counts per line and symbol. */
  readonly line: string | null;
  readonly sequence: number | null;
}

export interface TradeTick {
  readonly kind: typeof TRADE;
  readonly sid: number;
  readonly price: number;
  readonly size: number | null;
  /** The venue's id of the trade, at most 64 characters; null when it has none. */
  readonly tradeId: string | null;
  /** The venue's sale conditions, e.g. `@ F I`, at most 32 characters; null when none. */
  readonly conditions: string | null;
  readonly exchangeTimeUs: number | null;
  readonly receiveTimeUs: number;
  readonly line: string | null;
  readonly sequence: number | null;
}

export type Tick = QuoteTick | TradeTick;

/**
 * Ticks that stand or fall together in the tick log, and the name by which a repeat is known. A feed handler's
 * batch is cut every GROUP_TICKS_MAX places of its input, before gating, so that a repeat cuts alike.
 */
export interface TickGroup {
  readonly source: string;
  readonly session: string;
  /** The batch's number in its session, a positive integer that rises. */
  readonly sequence: number;
  /** Which cut of the batch this is, from 0. */
  readonly part: number;
  readonly ticks: readonly Tick[];
}

export const GROUP_TICKS_MAX = 500;

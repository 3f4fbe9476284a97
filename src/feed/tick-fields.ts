/**
 * The fields of a raw tick, one check each: what the documented form allows becomes the stored form, anything else a
 * TickFault that names the field, what is allowed and what was found. Hot: nothing is allocated for a good field.
 */
import { scaleDecimal } from '#market-data';
import { describe, TickFault } from './tick-fault.js';

/** A raw tick: any object; keys that are not documented are ignored. */
export type RawTick = { readonly [key: string]: unknown };

/**
 * Exchange times outside these years are another unit or garbage: seconds or ms taken for µs end in 1970, ns are far
 * beyond. 1980-01-01 and 2100-01-01.
 */
export const EXCHANGE_TIME_US_MIN = 315_532_800_000_000;
export const EXCHANGE_TIME_US_MAX = 4_102_444_800_000_000;

export const LINE_LENGTH_MAX = 32;
export const TRADE_ID_LENGTH_MAX = 64;
export const CONDITIONS_LENGTH_MAX = 32;

const NANOSECONDS = /^\d{4,20}$/;

/** ` (AAPL)`, or ` (AAPL #88)` where the tick has a sequence: which tick a message speaks of. */
export function nameOf(raw: RawTick): string {
  const { symbol, sequence } = raw;
  const name = typeof symbol === 'string' ? symbol.slice(0, 24) : describe(symbol);
  return typeof sequence === 'number' ? ` (${name} #${sequence})` : ` (${name})`;
}

export function malformed(raw: RawTick, expected: string, found: unknown): TickFault {
  return new TickFault('malformed', `Expected ${expected}, was ${describe(found)}${nameOf(raw)}`);
}

/** The key must be there; null is no market on that side. */
export function quotePrice(raw: RawTick, key: 'bidPrice' | 'askPrice', scale: number) {
  const value = raw[key];
  return value === null ? null : decimal(raw, key, value, scale, 'a number, a decimal string or null');
}

/** A trade always has a price. */
export function tradePrice(raw: RawTick, scale: number): number | TickFault {
  return decimal(raw, 'price', raw['price'], scale, 'a number or a decimal string');
}

/** Null or left out is unknown. */
export function size(raw: RawTick, key: 'bidSize' | 'askSize' | 'size', scale: number) {
  const value = raw[key];
  if (value === undefined || value === null) return null;
  const scaled = decimal(raw, key, value, scale, 'a number, a decimal string or null');
  return typeof scaled === 'number' && scaled < 0 ? malformed(raw, `${key} >= 0`, value) : scaled;
}

function decimal(raw: RawTick, key: string, value: unknown, scale: number, allowed: string) {
  const scaled = scaleDecimal(value, scale);
  if (typeof scaled === 'number') return scaled;
  if (scaled === 'malformed') return malformed(raw, `${key} to be ${allowed}`, value);
  return new TickFault(
    'off_scale',
    `Expected ${key} with at most ${scale} decimals and below 2^53 once scaled, was ${describe(value)}${nameOf(raw)}`,
  );
}

/** `exchangeTimeUs` (integer) or `exchangeTimeNs` (string or integer, cut to µs), or neither: null. */
export function exchangeTimeUs(raw: RawTick): number | null | TickFault {
  const { exchangeTimeUs: us, exchangeTimeNs: ns } = raw;
  if (ns === undefined || ns === null) {
    if (us === undefined || us === null) return null;
    return saneTime(raw, 'exchangeTimeUs to be an integer', us, us);
  }
  if (us !== undefined && us !== null)
    return malformed(raw, 'one of exchangeTimeUs and exchangeTimeNs', `both: ${describe(us)}`);
  return saneTime(raw, 'exchangeTimeNs to be an integer or a string of digits', microseconds(ns), ns);
}

function saneTime(raw: RawTick, allowed: string, us: unknown, found: unknown): number | TickFault {
  if (typeof us !== 'number' || !Number.isSafeInteger(us)) return malformed(raw, allowed, found);
  if (us >= EXCHANGE_TIME_US_MIN && us < EXCHANGE_TIME_US_MAX) return us;
  return malformed(raw, 'an exchange time from 1980 to 2099', found);
}

/** ns cut to µs; NaN when it is not an integer. */
function microseconds(ns: unknown): number {
  if (typeof ns === 'string') return NANOSECONDS.test(ns) ? Number(ns.slice(0, -3)) : Number.NaN;
  if (typeof ns === 'bigint') return Number(ns / 1000n);
  // Beyond 2^53 the sender's float has lost the last digits already; the µs are as near as it knew them.
  return typeof ns === 'number' && Number.isInteger(ns) ? Math.floor(ns / 1000) : Number.NaN;
}

/** Name of the A/B line, or null; `lineSequence` checks that it comes with a number. */
export function line(raw: RawTick): string | null | TickFault {
  const value = raw['line'];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length > 0 && value.length <= LINE_LENGTH_MAX) return value;
  return malformed(raw, `line to be a string of 1 to ${LINE_LENGTH_MAX} characters`, value);
}

/** The symbol's number on its line. Without a line it says nothing here, and is left aside, whatever it is. */
export function lineSequence(raw: RawTick, lineName: string | null): number | null | TickFault {
  if (lineName === null) return null;
  const value = raw['sequence'];
  if (value === undefined || value === null)
    return malformed(raw, `sequence beside line ${describe(lineName)}`, value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  return malformed(raw, 'sequence to be an integer from 1 to 2^53 - 1', value);
}

/** A string, or an integer that becomes text; null, left out and empty are none. */
export function tradeId(raw: RawTick): string | null | TickFault {
  const value = raw['tradeId'];
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string' && value.length <= TRADE_ID_LENGTH_MAX) return value;
  if ((typeof value === 'number' && Number.isSafeInteger(value)) || typeof value === 'bigint')
    return String(value);
  // A larger number in JSON has lost digits before it comes here: another trade's id could come out.
  return malformed(
    raw,
    `tradeId to be a string of at most ${TRADE_ID_LENGTH_MAX} characters or an integer below 2^53`,
    value,
  );
}

/** A string, or short strings that are joined by a space; null, left out and empty are none. */
export function conditions(raw: RawTick): string | null | TickFault {
  const value = raw['conditions'];
  if (value === undefined || value === null) return null;
  const text = Array.isArray(value) ? joined(value) : value;
  if (typeof text === 'string' && text.length <= CONDITIONS_LENGTH_MAX) return text === '' ? null : text;
  return malformed(
    raw,
    `conditions to be a string, or strings in an array, of at most ${CONDITIONS_LENGTH_MAX} characters in all`,
    value,
  );
}

function joined(values: readonly unknown[]): string | null {
  let text = '';
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'string' || text.length > CONDITIONS_LENGTH_MAX) return null;
    text += i === 0 ? value : ` ${value}`;
  }
  return text;
}

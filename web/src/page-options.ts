/** What the address of the page says: `?symbols=AAPL,BTC-USD&codec=json`. */
import { CODECS, type Codec } from '#client';
import { isSymbol } from '#market-data';
import { DEFAULT_SYMBOLS } from './default-symbols.js';

/** Rows that a browser shows at ease without drawing only those in sight. */
export const ROWS_MAX = 200;

export interface PageOptions {
  readonly symbols: readonly string[];
  readonly codec: Codec;
}

/** @param query such as `?symbols=A,B`; what is no symbol or codec is left out */
export function pageOptions(query: string): PageOptions {
  const parameters = new URLSearchParams(query);
  const named = parameters.get('symbols');
  const codec = CODECS.find((known) => known === parameters.get('codec')) ?? 'msgpack';
  return { symbols: named === null ? DEFAULT_SYMBOLS : symbolsOf(named).symbols, codec };
}

/** The same address with other symbols: to reload, to bookmark, to send to somebody. */
export function queryWith(query: string, symbols: readonly string[]): string {
  const parameters = new URLSearchParams(query);
  parameters.delete('symbols');
  const rest = parameters.toString();
  const list = symbols.map((symbol) => encodeURIComponent(symbol).replaceAll('%2F', '/')).join(',');
  return `?symbols=${list}${rest === '' ? '' : `&${rest}`}`;
}

/** Symbols in what somebody typed, in any case, divided by commas or spaces; and the words that are none. */
export function symbolsOf(text: string): { readonly symbols: string[]; readonly faults: string[] } {
  const words = text
    .toUpperCase()
    .split(/[\s,;]+/)
    .filter((word) => word !== '');
  const symbols = [...new Set(words.filter(isSymbol))].slice(0, ROWS_MAX);
  return { symbols, faults: words.filter((word) => !isSymbol(word)) };
}

/**
 * Which symbols a wildcard means, and which of a session's channels covers a symbol. The longest prefix is the most
 * specific, and its rate counts; a named channel beats every wildcard.
 */
import type { Instrument } from '#market-data';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { Session, Wildcard } from './session.js';

/** All instruments whose symbols have this prefix, in the order of their sids. */
export function expand(registry: SymbolRegistry, prefix: string): Instrument[] {
  const instruments: Instrument[] = [];
  for (const instrument of registry.all())
    if (instrument.symbol.startsWith(prefix)) instruments.push(instrument);
  return instruments;
}

/** The most specific wildcard that covers a symbol. */
export function coveringWildcard(wildcards: readonly Wildcard[], symbol: string): Wildcard | undefined {
  let best: Wildcard | undefined;
  for (const wildcard of wildcards) {
    if (!symbol.startsWith(wildcard.prefix)) continue;
    if (best === undefined || wildcard.prefix.length > best.prefix.length) best = wildcard;
  }
  return best;
}

/**
 * The rate that a session wishes for a ticker, by its named channel or else its most specific wildcard.
 * @returns null = the service's rate, undefined = no channel covers the symbol
 */
export function wishedHz(session: Session, instrument: Instrument): number | null | undefined {
  const named = session.tickers.get(instrument.sid);
  if (named !== undefined) return named;
  return coveringWildcard(session.tickerWildcards, instrument.symbol)?.hz;
}

/** A session's wildcards of one kind, with this one added or in place of the one with the same prefix. */
export function withWildcard(wildcards: readonly Wildcard[], added: Wildcard): readonly Wildcard[] {
  return [...wildcards.filter((wildcard) => wildcard.prefix !== added.prefix), added];
}

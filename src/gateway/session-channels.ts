/** A session's channels, kept as the client gave them: named ones by sid, wildcards by prefix. */
import type { Channel } from '#wire';
import { withWildcard } from './channel-index.js';
import type { Session, Wildcard } from './session.js';
import { hasSid, withoutSids, withSids } from './sid-list.js';

/** Channels of a session: a wildcard counts as one. */
export function channelCount(session: Session): number {
  return (
    session.tickers.size +
    session.namedTrades.length +
    session.statusSids.length +
    session.tickerWildcards.length +
    session.tradeWildcards.length +
    session.statusWildcards.length
  );
}

export function hasNamed(session: Session, { kind }: Channel, sid: number): boolean {
  if (kind === 'ticker') return session.tickers.has(sid);
  return hasSid(kind === 'trade' ? session.namedTrades : session.statusSids, sid);
}

/** @param hz wished rate of a ticker, null = the service's */
export function keepNamed(session: Session, { kind }: Channel, sid: number, hz: number | null): void {
  if (kind === 'ticker') session.tickers.set(sid, hz);
  else if (kind === 'status') session.statusSids = withSids(session.statusSids, [sid]);
  else session.namedTrades = withSids(session.namedTrades, [sid]);
}

/** Whether the session had it. */
export function dropNamed(session: Session, channel: Channel, sid: number): boolean {
  if (!hasNamed(session, channel, sid)) return false;
  const { kind } = channel;
  if (kind === 'ticker') session.tickers.delete(sid);
  else if (kind === 'status') session.statusSids = withoutSids(session.statusSids, new Set([sid]));
  else session.namedTrades = withoutSids(session.namedTrades, new Set([sid]));
  return true;
}

export function hasWildcard(session: Session, channel: Channel): boolean {
  return wildcardsOf(session, channel).some(({ prefix }) => prefix === channel.name);
}

export function keepWildcard(session: Session, channel: Channel, wildcard: Wildcard): void {
  setWildcards(session, channel, withWildcard(wildcardsOf(session, channel), wildcard));
}

/** Whether the session had it. */
export function dropWildcard(session: Session, channel: Channel): boolean {
  const before = wildcardsOf(session, channel);
  const after = before.filter(({ prefix }) => prefix !== channel.name);
  setWildcards(session, channel, after);
  return after.length < before.length;
}

function wildcardsOf(session: Session, { kind }: Channel): readonly Wildcard[] {
  if (kind === 'ticker') return session.tickerWildcards;
  return kind === 'trade' ? session.tradeWildcards : session.statusWildcards;
}

function setWildcards(session: Session, { kind }: Channel, wildcards: readonly Wildcard[]): void {
  if (kind === 'ticker') session.tickerWildcards = wildcards;
  else if (kind === 'trade') session.tradeWildcards = wildcards;
  else session.statusWildcards = wildcards;
}

/** What the subscribe, unsubscribe and list commands are answered: what was taken, as it stands now, and what was not. */
import { IMAGE_FIELDS, type Instrument, statusOf } from '#market-data';
import {
  type Channel,
  type ChannelError,
  type CommandId,
  ERROR_CODES,
  type ErrorCode,
  type ListedChannel,
  type SubscribedChannel,
  TRADE_FIELDS,
} from '#wire';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { answerPages, jsonBytes, subscribedBytes } from './answer-pages.js';
import type { Session } from './session.js';
import type { TickerFollow } from './ticker-follow.js';
import type { TradeFollow } from './trade-follow.js';

/** A channel that was taken, and the instruments that it names now. */
export interface Taken {
  readonly text: string;
  readonly channel: Channel;
  readonly instruments: readonly Instrument[];
}

const FIELDS = { ticker: IMAGE_FIELDS, trade: TRADE_FIELDS, status: [] } as const;

export class SubscriptionAnswers {
  constructor(
    private readonly registry: SymbolRegistry,
    private readonly tickers: TickerFollow,
    private readonly trades: TradeFollow,
  ) {}

  /** Goes out before any record of its symbols. */
  subscribed(
    session: Session,
    id: CommandId,
    taken: readonly Taken[],
    errors: readonly ChannelError[],
  ): void {
    const channels: SubscribedChannel[] = [];
    const listed = { ticker: new Set<number>(), trade: new Set<number>(), status: new Set<number>() };
    for (const { text, channel, instruments } of taken) {
      const seen = listed[channel.kind];
      // Overlapping wildcards would multiply an answer that can be long already.
      const news = channel.wildcard ? instruments.filter(({ sid }) => !seen.has(sid)) : instruments;
      if (news.length === 0) channels.push(emptyWildcard(text, channel));
      for (const instrument of news) {
        seen.add(instrument.sid);
        channels.push(this.describe(session, text, channel, instrument));
      }
    }
    for (const page of answerPages(channels, errors, subscribedBytes))
      session.answer({ type: 'subscribed', id, ...page });
  }

  unsubscribed(
    session: Session,
    id: CommandId,
    channels: readonly string[],
    errors: readonly ChannelError[],
  ): void {
    for (const page of answerPages(channels, errors, jsonBytes))
      session.answer({ type: 'unsubscribed', id, ...page });
  }

  list(session: Session, id: CommandId): void {
    for (const { channels, more } of answerPages(this.listed(session), [], jsonBytes))
      session.answer({ type: 'list', id, channels, more });
  }

  private describe(
    session: Session,
    text: string,
    { kind }: Channel,
    instrument: Instrument,
  ): SubscribedChannel {
    const { sid, symbol, priceScale, sizeScale, volumeScale } = instrument;
    return {
      channel: text,
      sid,
      symbol,
      priceScale,
      sizeScale,
      volumeScale,
      fields: FIELDS[kind],
      hz: kind === 'ticker' ? session.membershipOf(sid)!.lane.rung.hz : null,
      status: statusOf(instrument),
      position: kind === 'trade' ? this.trades.position(session, sid) : null,
    };
  }

  private listed(session: Session): ListedChannel[] {
    const named = (kind: string, sid: number) => `${kind}:${this.registry.bySid(sid)!.symbol}`;
    const channels: ListedChannel[] = [];
    for (const sid of session.tickers.keys())
      channels.push({ channel: named('ticker', sid), hz: session.membershipOf(sid)!.lane.rung.hz });
    for (const { channel, hz } of session.tickerWildcards)
      channels.push({ channel, hz: this.tickers.grantedHz(hz) });
    for (const sid of session.namedTrades) channels.push({ channel: named('trade', sid), hz: null });
    for (const { channel } of session.tradeWildcards) channels.push({ channel, hz: null });
    for (const sid of session.statusSids) channels.push({ channel: named('status', sid), hz: null });
    for (const { channel } of session.statusWildcards) channels.push({ channel, hz: null });
    return channels;
  }
}

export function channelError(channel: string, code: ErrorCode): ChannelError {
  return { channel: channel.slice(0, 64), code, message: ERROR_CODES[code] };
}

/** A wildcard that matches no symbol yet. */
function emptyWildcard(text: string, { kind }: Channel): SubscribedChannel {
  return {
    channel: text,
    sid: null,
    symbol: null,
    priceScale: null,
    sizeScale: null,
    volumeScale: null,
    fields: FIELDS[kind],
    hz: null,
    status: null,
    position: null,
  };
}

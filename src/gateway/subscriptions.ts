/**
 * The subscribe, unsubscribe and list commands. Each channel is taken or refused for itself; `subscribed` goes out
 * before any record of its symbols, then images, as many as fit at once.
 */
import type { Instrument } from '#market-data';
import {
  type Channel,
  type ChannelError,
  type Command,
  type ErrorCode,
  parseChannel,
  type ResumePoint,
} from '#wire';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { coveringWildcard, expand } from './channel-index.js';
import type { Server } from './serve.js';
import type { Session } from './session.js';
import {
  channelCount,
  dropNamed,
  dropWildcard,
  hasNamed,
  hasWildcard,
  keepNamed,
  keepWildcard,
} from './session-channels.js';
import { hasSid } from './sid-list.js';
import type { Staleness } from './staleness.js';
import { channelError, SubscriptionAnswers, type Taken } from './subscription-answers.js';
import { SymbolBudget } from './symbol-budget.js';
import type { TickerFollow, WantedImage } from './ticker-follow.js';
import type { TradeFollow } from './trade-follow.js';

export interface SubscriptionLimits {
  readonly channelsPerSessionMax: number;
  readonly symbolsPerSessionMax: number;
}

type Subscribe = Extract<Command, { op: 'subscribe' }>;
type Unsubscribe = Extract<Command, { op: 'unsubscribe' }>;

export class Subscriptions {
  private readonly answers: SubscriptionAnswers;

  constructor(
    private readonly registry: SymbolRegistry,
    private readonly tickers: TickerFollow,
    private readonly trades: TradeFollow,
    private readonly server: Server,
    private readonly staleness: Staleness,
    private readonly limits: SubscriptionLimits,
    /** Something was left behind: a flush must come. */
    private readonly cause: () => void,
  ) {
    this.answers = new SubscriptionAnswers(registry, tickers, trades);
  }

  /** Carries out a subscribe. The caller has served the session its share of a running flush. */
  subscribe(session: Session, command: Subscribe): void {
    const errors: ChannelError[] = [];
    const taken: Taken[] = [];
    const budget = new SymbolBudget(session, this.limits.symbolsPerSessionMax);
    for (const text of new Set(command.channels)) {
      const outcome = this.take(session, text, command, budget);
      if (typeof outcome === 'object') taken.push(outcome);
      else errors.push(channelError(text, outcome));
    }
    this.checkFrom(command, taken, errors);
    const wanted = this.followTickers(session, taken);
    this.followTrades(session, taken, command.from);
    this.answers.subscribed(session, command.id, taken, errors);
    this.staleness.tellJoined(session, instrumentsOf(taken));
    const sent = this.server.sendImages(session, wanted);
    this.tickers.imagesSent(wanted.slice(0, sent));
    if (session.isBehind) this.cause();
  }

  /** Checks one channel and keeps it as given, or says why not. */
  private take(session: Session, text: string, { hz }: Subscribe, budget: SymbolBudget): Taken | ErrorCode {
    const channel = parseChannel(text);
    if (channel === undefined) return 'bad_channel';
    if (hz !== null && channel.kind !== 'ticker') return 'hz_not_allowed';
    const instruments = this.instrumentsOf(channel);
    if (instruments === undefined) return 'unknown_symbol';
    const sids = instruments.map(({ sid }) => sid);
    const isKnown = channel.wildcard ? hasWildcard(session, channel) : hasNamed(session, channel, sids[0]!);
    if (!isKnown && channelCount(session) >= this.limits.channelsPerSessionMax) return 'too_many_channels';
    if (!budget.take(channel, sids)) return 'too_many_symbols';
    if (channel.wildcard) keepWildcard(session, channel, { channel: text, prefix: channel.name, hz });
    else keepNamed(session, channel, sids[0]!, hz);
    return { text, channel, instruments };
  }

  /** Those that a channel names now; undefined when it names a symbol that does not exist. */
  private instrumentsOf(channel: Channel): readonly Instrument[] | undefined {
    if (channel.wildcard) return expand(this.registry, channel.name);
    const instrument = this.registry.bySymbol(channel.name);
    return instrument === undefined ? undefined : [instrument];
  }

  /** `from` goes with named trade channels that this command subscribes to, and nothing else. */
  private checkFrom(command: Subscribe, taken: readonly Taken[], errors: ChannelError[]): void {
    if (command.from.size === 0) return;
    const resumable = new Set<string>();
    for (const { text, channel } of taken)
      if (channel.kind === 'trade' && !channel.wildcard) resumable.add(text);
    for (const key of command.from.keys())
      if (!resumable.has(key)) errors.push(channelError(key, 'from_not_allowed'));
  }

  private followTickers(session: Session, taken: readonly Taken[]): WantedImage[] {
    const instruments = instrumentsOf(taken.filter(({ channel }) => channel.kind === 'ticker'));
    return instruments.size === 0 ? [] : this.tickers.follow(session, [...instruments]);
  }

  private followTrades(
    session: Session,
    taken: readonly Taken[],
    from: ReadonlyMap<string, ResumePoint>,
  ): void {
    const trades = taken.filter(({ channel }) => channel.kind === 'trade');
    if (trades.length === 0) return;
    const sids = [...instrumentsOf(trades)].map(({ sid }) => sid);
    this.trades.follow(session, sids);
    for (const { text, channel, instruments } of trades) {
      const point = channel.wildcard ? undefined : from.get(text);
      if (point !== undefined) this.trades.resume(session, instruments[0]!.sid, point);
    }
  }

  /** Carries out an unsubscribe. A symbol that another channel covers is followed on, at that channel's rate. */
  unsubscribe(session: Session, command: Unsubscribe): void {
    const errors: ChannelError[] = [];
    const gone: string[] = [];
    for (const text of new Set(command.channels)) {
      const channel = parseChannel(text);
      if (channel === undefined) errors.push(channelError(text, 'bad_channel'));
      else if (this.drop(session, channel)) gone.push(text);
      else errors.push(channelError(text, 'not_subscribed'));
    }
    this.letGo(session);
    this.answers.unsubscribed(session, command.id, gone, errors);
    if (session.isBehind) this.cause();
  }

  /** Forgets a channel; whether the session had it. */
  private drop(session: Session, channel: Channel): boolean {
    if (channel.wildcard) return dropWildcard(session, channel);
    const instrument = this.registry.bySymbol(channel.name);
    return instrument !== undefined && dropNamed(session, channel, instrument.sid);
  }

  /** Leaves every symbol that no channel covers any more, and goes over to the rate that is left of the others. */
  private letGo(session: Session): void {
    const leaving: number[] = [];
    const staying: Instrument[] = [];
    for (const { cohort } of session.memberships) {
      for (const sid of cohort.sids) {
        const instrument = this.registry.bySid(sid)!;
        const covered =
          session.tickers.has(sid) ||
          coveringWildcard(session.tickerWildcards, instrument.symbol) !== undefined;
        if (covered) staying.push(instrument);
        else leaving.push(sid);
      }
    }
    if (leaving.length > 0) this.tickers.unfollow(session, leaving);
    // Only a named channel or a longer prefix that is gone leaves another rate.
    if (session.tickerWildcards.length > 0) this.tickers.changeRates(session, staying);
    const trades = [...session.tradesFollowed].filter((sid) => !this.isTradeCovered(session, sid));
    if (trades.length > 0) this.trades.unfollow(session, trades);
  }

  private isTradeCovered(session: Session, sid: number): boolean {
    if (hasSid(session.namedTrades, sid)) return true;
    return coveringWildcard(session.tradeWildcards, this.registry.bySid(sid)!.symbol) !== undefined;
  }

  list(session: Session, id: Command['id']): void {
    this.answers.list(session, id);
  }
}

function instrumentsOf(taken: readonly Taken[]): ReadonlySet<Instrument> {
  const all = new Set<Instrument>();
  for (const { instruments } of taken) for (const instrument of instruments) all.add(instrument);
  return all;
}

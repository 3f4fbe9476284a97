/**
 * The subscribe, unsubscribe and list commands. Each channel is taken or refused for itself; `subscribed` goes out
 * before any record of its symbols, then images, as many as fit at once.
 */
import { IMAGE_FIELDS, type Instrument, statusOf } from '#market-data';
import {
  type Channel,
  type ChannelError,
  type Command,
  ERROR_CODES,
  type ErrorCode,
  parseChannel,
  type ResumePoint,
  type SubscribedChannel,
  TRADE_FIELDS,
} from '#wire';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { jsonBytes, pages, sendPages } from './answer-pages.js';
import { coveringWildcard, expand, withWildcard } from './channel-index.js';
import type { Server } from './serve.js';
import type { Session, Wildcard } from './session.js';
import { hasSid, withoutSids, withSids } from './sid-list.js';
import type { Staleness } from './staleness.js';
import type { TickerFollow, WantedImage } from './ticker-follow.js';
import type { TradeFollow } from './trade-follow.js';

export interface SubscriptionLimits {
  readonly channelsPerCommandMax: number;
  readonly channelsPerSessionMax: number;
  readonly symbolsPerSessionMax: number;
}

type Subscribe = Extract<Command, { op: 'subscribe' }>;
type Unsubscribe = Extract<Command, { op: 'unsubscribe' }>;

/** A channel that was taken, and the instruments that it names now. */
interface Taken {
  readonly text: string;
  readonly channel: Channel;
  readonly instruments: readonly Instrument[];
}

export class Subscriptions {
  constructor(
    private readonly registry: SymbolRegistry,
    private readonly tickers: TickerFollow,
    private readonly trades: TradeFollow,
    private readonly server: Server,
    private readonly staleness: Staleness,
    private readonly limits: SubscriptionLimits,
    /** Something was left behind: a flush must come. */
    private readonly cause: () => void,
  ) {}

  /** Carries out a subscribe. The caller has served the session its share of a running flush. */
  subscribe(session: Session, command: Subscribe): void {
    const errors: ChannelError[] = [];
    const taken: Taken[] = [];
    for (const text of new Set(command.channels)) {
      const outcome = this.take(session, text, command);
      if (typeof outcome === 'object') taken.push(outcome);
      else errors.push(channelError(text, outcome));
    }
    this.checkFrom(command, taken, errors);
    const wanted = this.followTickers(session, taken);
    this.followTrades(session, taken, command.from);
    this.answer(session, command, this.describe(session, taken), errors);
    this.staleness.tellJoined(session, instrumentsOf(taken));
    const sent = this.server.sendImages(session, wanted);
    this.tickers.imagesSent(wanted.slice(0, sent));
    if (session.isBehind) this.cause();
  }

  /** Checks one channel and keeps it as given, or says why not. */
  private take(session: Session, text: string, command: Subscribe): Taken | ErrorCode {
    const channel = parseChannel(text);
    if (channel === undefined) return 'bad_channel';
    if (command.hz !== null && channel.kind !== 'ticker') return 'hz_not_allowed';
    if (!channel.wildcard) return this.takeNamed(session, text, channel, command);
    const sids = expand(this.registry, channel.name);
    if (this.symbolsWith(session, channel, sids) > this.limits.symbolsPerSessionMax)
      return 'too_many_symbols';
    if (channelCount(session) >= this.limits.channelsPerSessionMax && !hasWildcard(session, channel)) {
      return 'too_many_channels';
    }
    keepWildcard(session, { channel: text, prefix: channel.name, hz: command.hz }, channel);
    return { text, channel, instruments: sids.map((sid) => this.registry.bySid(sid)!) };
  }

  private takeNamed(session: Session, text: string, channel: Channel, command: Subscribe): Taken | ErrorCode {
    const instrument = this.registry.bySymbol(channel.name);
    if (instrument === undefined) return 'unknown_symbol';
    const { sid } = instrument;
    if (!hasNamed(session, channel, sid)) {
      if (channelCount(session) >= this.limits.channelsPerSessionMax) return 'too_many_channels';
      if (this.symbolsWith(session, channel, [sid]) > this.limits.symbolsPerSessionMax)
        return 'too_many_symbols';
    }
    if (channel.kind === 'ticker') session.tickers.set(sid, command.hz);
    else if (channel.kind === 'status') session.statusSids = withSids(session.statusSids, [sid]);
    else session.namedTrades = withSids(session.namedTrades, [sid]);
    return { text, channel, instruments: [instrument] };
  }

  /** How many symbols of this kind the session would follow. */
  private symbolsWith(session: Session, channel: Channel, sids: readonly number[]): number {
    if (channel.kind === 'ticker') {
      return session.tickersFollowed + sids.filter((sid) => session.membershipOf(sid) === undefined).length;
    }
    if (channel.kind === 'trade') return withSids(session.tradesFollowed, sids).length;
    return 0;
  }

  /** `from` goes with named trade channels that this command subscribes to, and nothing else. */
  private checkFrom(command: Subscribe, taken: readonly Taken[], errors: ChannelError[]): void {
    for (const key of command.from.keys()) {
      const covered = taken.some(
        ({ text, channel }) => text === key && channel.kind === 'trade' && !channel.wildcard,
      );
      if (!covered) errors.push(channelError(key, 'from_not_allowed'));
    }
  }

  private followTickers(session: Session, taken: readonly Taken[]): WantedImage[] {
    const instruments = new Set<Instrument>();
    for (const entry of taken) {
      if (entry.channel.kind === 'ticker')
        for (const instrument of entry.instruments) instruments.add(instrument);
    }
    return instruments.size === 0 ? [] : this.tickers.follow(session, [...instruments]);
  }

  private followTrades(
    session: Session,
    taken: readonly Taken[],
    from: ReadonlyMap<string, ResumePoint>,
  ): void {
    for (const { text, channel, instruments } of taken) {
      if (channel.kind !== 'trade') continue;
      if (channel.wildcard)
        this.trades.followAll(
          session,
          instruments.map(({ sid }) => sid),
        );
      else this.trades.follow(session, instruments[0]!.sid, from.get(text));
    }
  }

  private describe(session: Session, taken: readonly Taken[]): SubscribedChannel[] {
    const described: SubscribedChannel[] = [];
    for (const { text, channel, instruments } of taken) {
      if (instruments.length === 0) described.push(emptyWildcard(text, channel));
      for (const instrument of instruments)
        described.push(this.describeOne(session, text, channel, instrument));
    }
    return described;
  }

  private describeOne(
    session: Session,
    text: string,
    channel: Channel,
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
      fields: FIELDS[channel.kind],
      hz: channel.kind === 'ticker' ? session.membershipOf(sid)!.lane.rung.hz : null,
      status: statusOf(instrument),
      position: channel.kind === 'trade' ? this.trades.position(session, sid) : null,
    };
  }

  private answer(
    session: Session,
    command: Subscribe,
    channels: readonly SubscribedChannel[],
    errors: readonly ChannelError[],
  ): void {
    const { id } = command;
    // Errors may be as many as channels: they get pages of their own, after those of the channels.
    const errorPages = pages(errors, jsonBytes);
    const channelPages = pages(channels, jsonBytes);
    const together = errorPages.length === 1 && jsonBytes(errors) < 4096;
    channelPages.forEach((page, i) => {
      const last = i === channelPages.length - 1;
      const more = !last || !together;
      session.control({
        type: 'subscribed',
        id,
        channels: page,
        errors: last && together ? errors : [],
        more,
      });
    });
    if (together) return;
    errorPages.forEach((page, i) => {
      session.control({
        type: 'subscribed',
        id,
        channels: [],
        errors: page,
        more: i < errorPages.length - 1,
      });
    });
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
    const { id } = command;
    const errorPages = pages(errors, jsonBytes);
    sendPages(
      gone,
      (record) => session.control(record),
      (channels, first, more) => ({
        type: 'unsubscribed',
        id,
        channels,
        errors: first ? errorPages[0]! : [],
        more: more || errorPages.length > 1,
      }),
    );
    errorPages.slice(1).forEach((page, i) => {
      session.control({
        type: 'unsubscribed',
        id,
        channels: [],
        errors: page,
        more: i < errorPages.length - 2,
      });
    });
    if (session.isBehind) this.cause();
  }

  /** Forgets a channel; whether the session had it. */
  private drop(session: Session, channel: Channel): boolean {
    if (channel.wildcard) return dropWildcard(session, channel);
    const sid = this.registry.bySymbol(channel.name)?.sid;
    if (sid === undefined || !hasNamed(session, channel, sid)) return false;
    if (channel.kind === 'ticker') session.tickers.delete(sid);
    else if (channel.kind === 'status') session.statusSids = withoutSids(session.statusSids, new Set([sid]));
    else session.namedTrades = withoutSids(session.namedTrades, new Set([sid]));
    return true;
  }

  /** Leaves every symbol that no channel covers any more, and goes over to the rate that is left of the others. */
  private letGo(session: Session): void {
    const leaving: number[] = [];
    for (const { cohort } of session.memberships) {
      for (const sid of cohort.sids) {
        const { symbol } = this.registry.bySid(sid)!;
        const covered =
          session.tickers.has(sid) || coveringWildcard(session.tickerWildcards, symbol) !== undefined;
        if (!covered) leaving.push(sid);
      }
    }
    if (leaving.length > 0) this.tickers.unfollow(session, leaving);
    this.adjustRates(session);
    const trades = [...session.tradesFollowed].filter((sid) => {
      const { symbol } = this.registry.bySid(sid)!;
      return (
        !hasSid(session.namedTrades, sid) && coveringWildcard(session.tradeWildcards, symbol) === undefined
      );
    });
    if (trades.length > 0) this.trades.unfollow(session, trades);
  }

  private adjustRates(session: Session): void {
    if (session.tickerWildcards.length === 0) return;
    const sids = session.memberships.flatMap(({ cohort }) => [...cohort.sids]);
    for (const sid of sids) this.tickers.changeRate(session, this.registry.bySid(sid)!);
  }

  list(session: Session, id: Extract<Command, { op: 'list' }>['id']): void {
    const symbolOf = (sid: number) => this.registry.bySid(sid)!.symbol;
    const channels = [
      ...[...session.tickers.keys()].map((sid) => ({
        channel: `ticker:${symbolOf(sid)}`,
        hz: session.membershipOf(sid)!.lane.rung.hz,
      })),
      ...session.tickerWildcards.map(({ channel, hz }) => ({ channel, hz: this.tickers.grantedHz(hz) })),
      ...[...session.namedTrades].map((sid) => ({ channel: `trade:${symbolOf(sid)}`, hz: null })),
      ...session.tradeWildcards.map(({ channel }) => ({ channel, hz: null })),
      ...[...session.statusSids].map((sid) => ({ channel: `status:${symbolOf(sid)}`, hz: null })),
      ...session.statusWildcards.map(({ channel }) => ({ channel, hz: null })),
    ];
    sendPages(
      channels,
      (record) => session.control(record),
      (page, _first, more) => ({ type: 'list', id, channels: page, more }),
    );
  }
}

const FIELDS = { ticker: IMAGE_FIELDS, trade: TRADE_FIELDS, status: [] } as const;

function emptyWildcard(text: string, channel: Channel): SubscribedChannel {
  return {
    channel: text,
    sid: null,
    symbol: null,
    priceScale: null,
    sizeScale: null,
    volumeScale: null,
    fields: FIELDS[channel.kind],
    hz: null,
    status: null,
    position: null,
  };
}

function channelError(channel: string, code: ErrorCode): ChannelError {
  return { channel: channel.slice(0, 64), code, message: ERROR_CODES[code] };
}

function instrumentsOf(taken: readonly Taken[]): readonly Instrument[] {
  return taken.flatMap(({ instruments }) => instruments);
}

/** Channels of a session as given: a wildcard counts as one. */
function channelCount(session: Session): number {
  return (
    session.tickers.size +
    session.namedTrades.length +
    session.statusSids.length +
    session.tickerWildcards.length +
    session.tradeWildcards.length +
    session.statusWildcards.length
  );
}

function hasNamed(session: Session, channel: Channel, sid: number): boolean {
  if (channel.kind === 'ticker') return session.tickers.has(sid);
  return hasSid(channel.kind === 'trade' ? session.namedTrades : session.statusSids, sid);
}

function wildcardsOf(session: Session, channel: Channel): readonly Wildcard[] {
  if (channel.kind === 'ticker') return session.tickerWildcards;
  return channel.kind === 'trade' ? session.tradeWildcards : session.statusWildcards;
}

function setWildcards(session: Session, channel: Channel, wildcards: readonly Wildcard[]): void {
  if (channel.kind === 'ticker') session.tickerWildcards = wildcards;
  else if (channel.kind === 'trade') session.tradeWildcards = wildcards;
  else session.statusWildcards = wildcards;
}

function hasWildcard(session: Session, channel: Channel): boolean {
  return wildcardsOf(session, channel).some(({ prefix }) => prefix === channel.name);
}

function keepWildcard(session: Session, wildcard: Wildcard, channel: Channel): void {
  setWildcards(session, channel, withWildcard(wildcardsOf(session, channel), wildcard));
}

function dropWildcard(session: Session, channel: Channel): boolean {
  const before = wildcardsOf(session, channel);
  const after = before.filter(({ prefix }) => prefix !== channel.name);
  setWildcards(session, channel, after);
  return after.length < before.length;
}

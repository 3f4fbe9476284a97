/**
 * One entry of the tick log: a list of groups, each a feed handler's ticks under the name by which a repeat is known.
 * Groups are encoded when they are offered and only joined later, so a repeat of an append costs no encoding.
 *
 *   entry   [group…]
 *   group   [source, session, sequence, part, highest sid, receive time, exchange time, count, bin of ticks]
 *   tick    head, sid, receive offset, exchange offset?, values…, line?, sequence?
 *
 * Both times of a group are the oldest in it, in µs, and the ticks carry offsets: absolute times would cost 9 bytes
 * each. A reader that knows a group already steps over its ticks in one step.
 */
import { QUOTE, type QuoteTick, type Tick, TRADE, type TradeTick } from '#market-data';
import { MsgpackError, MsgpackReader, MsgpackWriter } from '#wire';

/** Bits of a tick's head. */
const IS_TRADE = 1;
const HAS_EXCHANGE_TIME = 2;
const HAS_LINE = 4;
const HAS_SEQUENCE = 8;
const HAS_ID = 16;
const HAS_CONDITIONS = 32;

const GROUP_ITEMS = 9;

/** The name of a group: what its ticks were offered under. */
export interface GroupName {
  readonly source: string;
  readonly session: string;
  readonly sequence: number;
  readonly part: number;
}

export class GroupEncoder {
  private readonly ticks = new MsgpackWriter(16 * 1024);
  private readonly group = new MsgpackWriter(16 * 1024);

  /** @returns the group as a copy of its own */
  encode(name: GroupName, ticks: readonly Tick[]): Uint8Array {
    const { group } = this;
    const receiveUs = oldestReceive(ticks);
    const exchangeUs = oldestExchange(ticks);
    this.ticks.at = 0;
    let sidMax = 0;
    for (const tick of ticks) {
      if (tick.sid > sidMax) sidMax = tick.sid;
      this.tick(tick, receiveUs, exchangeUs);
    }
    group.at = 0;
    group.array(GROUP_ITEMS);
    group.string(name.source);
    group.string(name.session);
    group.integer(name.sequence);
    group.integer(name.part);
    group.integer(sidMax);
    group.integer(receiveUs);
    group.integer(exchangeUs);
    group.integer(ticks.length);
    group.binary(this.ticks.view());
    return group.bytes();
  }

  private tick(tick: Tick, receiveUs: number, exchangeUs: number): void {
    const { ticks } = this;
    ticks.integer(headOf(tick));
    ticks.integer(tick.sid);
    ticks.integer(tick.receiveTimeUs - receiveUs);
    if (tick.exchangeTimeUs !== null) ticks.integer(tick.exchangeTimeUs - exchangeUs);
    if (tick.kind === TRADE) this.trade(tick);
    else this.quote(tick);
    if (tick.line !== null) ticks.string(tick.line);
    if (tick.sequence !== null) ticks.integer(tick.sequence);
  }

  private quote(quote: QuoteTick): void {
    const { ticks } = this;
    ticks.integerOrNil(quote.bidPrice);
    ticks.integerOrNil(quote.bidSize);
    ticks.integerOrNil(quote.askPrice);
    ticks.integerOrNil(quote.askSize);
  }

  private trade(trade: TradeTick): void {
    const { ticks } = this;
    ticks.integer(trade.price);
    ticks.integerOrNil(trade.size);
    if (trade.tradeId !== null) ticks.string(trade.tradeId);
    if (trade.conditions !== null) ticks.string(trade.conditions);
  }
}

function headOf(tick: Tick): number {
  let head = tick.kind === TRADE ? IS_TRADE : QUOTE;
  if (tick.exchangeTimeUs !== null) head |= HAS_EXCHANGE_TIME;
  if (tick.line !== null) head |= HAS_LINE;
  if (tick.sequence !== null) head |= HAS_SEQUENCE;
  if (tick.kind === TRADE) {
    if (tick.tradeId !== null) head |= HAS_ID;
    if (tick.conditions !== null) head |= HAS_CONDITIONS;
  }
  return head;
}

function oldestReceive(ticks: readonly Tick[]): number {
  let oldest = Number.MAX_SAFE_INTEGER;
  for (const { receiveTimeUs } of ticks) if (receiveTimeUs < oldest) oldest = receiveTimeUs;
  return oldest;
}

function oldestExchange(ticks: readonly Tick[]): number {
  let oldest = Number.MAX_SAFE_INTEGER;
  for (const { exchangeTimeUs } of ticks) {
    if (exchangeTimeUs !== null && exchangeTimeUs < oldest) oldest = exchangeTimeUs;
  }
  return oldest === Number.MAX_SAFE_INTEGER ? 0 : oldest;
}

/** Joins encoded groups to an entry. */
export function joinGroups(groups: readonly Uint8Array[]): Uint8Array {
  let size = 5;
  for (const group of groups) size += group.length;
  const writer = new MsgpackWriter(size);
  writer.array(groups.length);
  for (const group of groups) writer.raw(group);
  return writer.bytes();
}

/** Called in the order of the entry. Unknown sizes and numbers are NaN, unknown texts null. */
export interface LogEntryVisitor {
  /** @returns false when the group is known already: its ticks are stepped over */
  group(source: string, session: string, sequence: number, part: number, ticks: number): boolean;
  /**
   * @param timeUs exchange time, else receive time
   * @param isExchangeTime which of them: a clock of ours may be set
   */
  quote(
    sid: number,
    timeUs: number,
    bidPrice: number,
    bidSize: number,
    askPrice: number,
    askSize: number,
    line: string | null,
    sequence: number,
    isExchangeTime: boolean,
  ): void;
  trade(
    sid: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
    line: string | null,
    sequence: number,
    isExchangeTime: boolean,
  ): void;
}

export class LogEntryDecoder {
  private readonly groups = new MsgpackReader();
  private readonly ticks = new MsgpackReader();

  /** @throws MsgpackError when the bytes are not an entry; calls before the fault have been made then */
  decode(bytes: Uint8Array, visitor: LogEntryVisitor): void {
    const groups = this.groups.reset(bytes);
    const count = groups.array();
    for (let i = 0; i < count; i++) this.group(groups, visitor);
  }

  private group(groups: MsgpackReader, visitor: LogEntryVisitor): void {
    const items = groups.array();
    if (items < GROUP_ITEMS) throw new MsgpackError(`Expected a group, was ${items} items`);
    const source = groups.string();
    const session = groups.string();
    const sequence = groups.integer();
    const part = groups.integer();
    groups.integer();
    const receiveUs = groups.integer();
    const exchangeUs = groups.integer();
    const count = groups.integer();
    if (visitor.group(source, session, sequence, part, count)) {
      this.ticks.reset(groups.binary());
      for (let i = 0; i < count; i++) this.tick(visitor, receiveUs, exchangeUs);
    } else {
      groups.skip();
    }
    for (let i = GROUP_ITEMS; i < items; i++) groups.skip();
  }

  private tick(visitor: LogEntryVisitor, receiveUs: number, exchangeUs: number): void {
    const { ticks } = this;
    const head = ticks.integer();
    const sid = ticks.integer();
    const isExchangeTime = (head & HAS_EXCHANGE_TIME) !== 0;
    let timeUs = receiveUs + ticks.integer();
    if (isExchangeTime) timeUs = exchangeUs + ticks.integer();
    if ((head & IS_TRADE) === 0) {
      const bidPrice = ticks.integerOrNaN();
      const bidSize = ticks.integerOrNaN();
      const askPrice = ticks.integerOrNaN();
      const askSize = ticks.integerOrNaN();
      const line = (head & HAS_LINE) === 0 ? null : ticks.string();
      const sequence = (head & HAS_SEQUENCE) === 0 ? Number.NaN : ticks.integer();
      visitor.quote(sid, timeUs, bidPrice, bidSize, askPrice, askSize, line, sequence, isExchangeTime);
      return;
    }
    const price = ticks.integer();
    const size = ticks.integerOrNaN();
    const id = (head & HAS_ID) === 0 ? null : ticks.string();
    const conditions = (head & HAS_CONDITIONS) === 0 ? null : ticks.string();
    const line = (head & HAS_LINE) === 0 ? null : ticks.string();
    const sequence = (head & HAS_SEQUENCE) === 0 ? Number.NaN : ticks.integer();
    visitor.trade(sid, timeUs, price, size, id, conditions, line, sequence, isExchangeTime);
  }

  /** Highest sid in the entry, without reading its ticks: an owner must know them all before it goes on. */
  sidMax(bytes: Uint8Array): number {
    const groups = this.groups.reset(bytes);
    const count = groups.array();
    let sidMax = 0;
    for (let i = 0; i < count; i++) {
      const items = groups.array();
      for (let item = 0; item < 4; item++) groups.skip();
      sidMax = Math.max(sidMax, groups.integer());
      for (let item = 5; item < items; item++) groups.skip();
    }
    return sidMax;
  }
}

/**
 * Merges the ticks of one partition into its images, once for everybody, and writes what a turn changed as one batch.
 * However many quotes a symbol had in the turn, it has one state at its end; its trades all stay.
 *
 * A turn goes apply… → settle → encode → clear. Between settle and clear the turn stays at hand, so that it can be
 * encoded again under another epoch and number.
 */
import {
  ASK_PRICE,
  ASK_SIZE,
  BID_PRICE,
  BID_SIZE,
  FLAG_CROSSED,
  FLAGS,
  HIGH_PRICE,
  IMAGE_FIELD_COUNT,
  type Instrument,
  LAST_PRICE,
  LAST_SIZE,
  LOW_PRICE,
  OPEN_PRICE,
  PREVIOUS_CLOSE_PRICE,
  powerOfTen,
  TRADE_COUNT,
  VOLUME,
  VWAP_PRICE,
} from '#market-data';
import type { OwnerCounters } from './fanout-counters.js';
import type { ImageTable } from './image-table.js';
import type { LineVerdict, LineWindows } from './line-windows.js';
import type { TurnChanges } from './turn-changes.js';

const DAY_US = 86_400_000_000;
const DAY_FIELDS = [OPEN_PRICE, HIGH_PRICE, LOW_PRICE, VOLUME, TRADE_COUNT, VWAP_PRICE] as const;

export class Coalescer {
  /** Monotonic time of the turn, for the holes of lines; set before ticks are applied. */
  nowMs = 0;

  /** @param dayRoll whether the first trade of a later UTC day begins a new day */
  constructor(
    private readonly images: ImageTable,
    private readonly lines: LineWindows,
    private readonly changes: TurnChanges,
    private readonly instrument: (sid: number) => Instrument | undefined,
    private readonly dayRoll: boolean,
    private readonly counters: OwnerCounters,
  ) {}

  /** A quote is state: the newest wins. Arguments as of LogEntryVisitor. */
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
  ): void {
    const slot = this.images.slot(sid);
    if (!this.isKnown(slot, sid)) return;
    const verdict = this.judge(slot, line, sequence, timeUs, isExchangeTime);
    if (verdict === 'duplicate') return;
    this.changes.touch(slot);
    if (verdict === 'late') {
      this.counters.lateQuotes++;
      return;
    }
    const { current } = this.images;
    const at = slot * IMAGE_FIELD_COUNT;
    current[at + BID_PRICE] = bidPrice;
    current[at + BID_SIZE] = bidSize;
    current[at + ASK_PRICE] = askPrice;
    current[at + ASK_SIZE] = askSize;
    current[at + FLAGS] = bidPrice > askPrice ? FLAG_CROSSED : 0;
    this.images.currentUs[slot] = timeUs;
    this.counters.quotes++;
  }

  /** A trade is a fact: each is published, in order. Arguments as of LogEntryVisitor. */
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
  ): void {
    const slot = this.images.slot(sid);
    if (!this.isKnown(slot, sid)) return;
    const verdict = this.judge(slot, line, sequence, timeUs, isExchangeTime);
    if (verdict === 'duplicate') return;
    this.changes.trade(this.changes.touch(slot), timeUs, price, size, id, conditions);
    this.counters.trades++;
    if (this.dayRoll && !this.enterDay(slot, Math.floor(timeUs / DAY_US))) return;
    this.addToDay(slot, price, size);
    if (verdict === 'late') {
      this.counters.lateTrades++;
      return;
    }
    const { current } = this.images;
    const at = slot * IMAGE_FIELD_COUNT;
    current[at + LAST_PRICE] = price;
    current[at + LAST_SIZE] = size;
    this.images.currentUs[slot] = timeUs;
  }

  private isKnown(slot: number, sid: number): boolean {
    const { volumeUnits } = this.images;
    if (volumeUnits[slot] !== 0) return true;
    const instrument = this.instrument(sid);
    if (instrument === undefined) {
      this.counters.unknownTicks++;
      return false;
    }
    volumeUnits[slot] = powerOfTen(instrument.sizeScale - instrument.volumeScale);
    return true;
  }

  private judge(
    slot: number,
    line: string | null,
    sequence: number,
    timeUs: number,
    isExchangeTime: boolean,
  ): LineVerdict {
    if (line === null || Number.isNaN(sequence)) return 'newest';
    const verdict = this.lines.check(slot, line, sequence, timeUs, isExchangeTime, this.nowMs);
    if (verdict === 'duplicate') this.counters.duplicateTicks++;
    return verdict;
  }

  /** @returns false for a trade of a day that is over: its figures are closed */
  private enterDay(slot: number, day: number): boolean {
    const { days, current } = this.images;
    const today = days[slot]!;
    if (day < today) return false;
    if (day === today) return true;
    days[slot] = day;
    // The first trade ever only says which day it is.
    if (Number.isNaN(today)) return true;
    const at = slot * IMAGE_FIELD_COUNT;
    current[at + PREVIOUS_CLOSE_PRICE] = current[at + LAST_PRICE]!;
    for (const field of DAY_FIELDS) current[at + field] = Number.NaN;
    this.images.turnovers[slot] = 0;
    this.images.volumeRemainders[slot] = 0;
    return true;
  }

  /** Comparisons with an unknown figure are false, so it is replaced. */
  private addToDay(slot: number, price: number, size: number): void {
    const { current } = this.images;
    const at = slot * IMAGE_FIELD_COUNT;
    if (Number.isNaN(current[at + OPEN_PRICE]!)) current[at + OPEN_PRICE] = price;
    if (!(price <= current[at + HIGH_PRICE]!)) current[at + HIGH_PRICE] = price;
    if (!(price >= current[at + LOW_PRICE]!)) current[at + LOW_PRICE] = price;
    const count = current[at + TRADE_COUNT]!;
    current[at + TRADE_COUNT] = Number.isNaN(count) ? 1 : count + 1;
    // A trade of unknown size happened, but nobody knows how much.
    if (!Number.isNaN(size)) this.addToVolume(slot, at, price, size);
  }

  private addToVolume(slot: number, at: number, price: number, size: number): void {
    const { current, volumeRemainders, volumeUnits, turnovers } = this.images;
    const unit = volumeUnits[slot]!;
    const before = current[at + VOLUME]!;
    const rest = volumeRemainders[slot]! + size;
    const whole = Math.floor(rest / unit);
    const volume = Math.min((Number.isNaN(before) ? 0 : before) + whole, Number.MAX_SAFE_INTEGER);
    current[at + VOLUME] = volume;
    volumeRemainders[slot] = rest - whole * unit;
    turnovers[slot]! += price * size;
    const traded = volume * unit + volumeRemainders[slot]!;
    if (traded > 0) current[at + VWAP_PRICE] = Math.round(turnovers[slot]! / traded);
  }

  /**
   * Ends the turn: gives each changed image its next seq, and each trade its own. An image whose values, times left out,
   * are what they were keeps its seq and its time.
   */
  settle(): void {
    const { images, changes } = this;
    this.lines.countGaps(this.nowMs);
    for (let position = 0; position < changes.size; position++) {
      const slot = changes.slots[position]!;
      const mask = images.publish(slot);
      changes.masks[position] = mask;
      images.tradeSeqs[slot]! += changes.tradeCounts[position]!;
      if (mask !== 0) images.seqs[slot]!++;
    }
  }
}

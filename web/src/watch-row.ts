/**
 * One row of the watchlist: the texts and classes of its cells as signals. A cell that changes touches its own text
 * node and nothing else.
 */

import { signal } from '@preact/signals';
import type { SymbolState } from '#client';
import {
  ageText,
  amountText,
  changePercent,
  decimalsOf,
  percentText,
  priceDecimalsMin,
  priceText,
  sizeText,
  UNKNOWN,
} from './number-text.js';

/** A cell that flashes when its value goes up or down. */
export class Cell {
  readonly text = signal(UNKNOWN);
  /** Two names per direction, in turns: the same one again would not start the animation again. */
  readonly flash = signal('');
  private value: number | null = null;
  private turn = false;

  show(value: number | null, text: string): void {
    if (value !== null && this.value !== null && value !== this.value) {
      this.turn = !this.turn;
      this.flash.value = `${value > this.value ? 'up' : 'down'}-${this.turn ? 'a' : 'b'}`;
    }
    this.value = value;
    this.text.value = text;
  }

  /** Shows without a flash. */
  set(text: string): void {
    this.text.value = text;
  }
}

export class WatchRow {
  readonly last = new Cell();
  readonly change = new Cell();
  readonly bidSize = new Cell();
  readonly bid = new Cell();
  readonly ask = new Cell();
  readonly askSize = new Cell();
  readonly high = new Cell();
  readonly low = new Cell();
  readonly volume = new Cell();
  readonly trades = new Cell();
  readonly age = new Cell();
  /** `rise`, `fall` or nothing: of the day. */
  readonly direction = signal('');
  /** What the change is counted from. */
  readonly changeFrom = signal('');
  /** Marks of the whole row: stale, halted, closed, disabled. */
  readonly marks = signal('');
  /** The same in words, beside the symbol; empty when all is well. */
  readonly badge = signal('');
  readonly badgeTitle = signal('');
  /** Why the service does not give this symbol; null when it does. */
  readonly refusal = signal<string | null>(null);
  private decimals = 0;
  private receivedAtMs: number | null = null;

  constructor(readonly symbol: string) {}

  get newestAtMs(): number | null {
    return this.receivedAtMs;
  }

  /** Brings every cell up to date. */
  show(state: SymbolState): void {
    this.mark(state);
    const { image, priceScale, sizeScale } = state;
    if (image === null) return;
    this.receivedAtMs = state.receivedAtMs;
    const { lastPrice, bidPrice, askPrice, highPrice, lowPrice } = image;
    this.widen([lastPrice, bidPrice, askPrice, highPrice, lowPrice], priceScale);
    this.last.show(lastPrice, priceText(lastPrice, this.decimals));
    this.bid.show(bidPrice, priceText(bidPrice, this.decimals));
    this.ask.show(askPrice, priceText(askPrice, this.decimals));
    this.high.show(highPrice, priceText(highPrice, this.decimals));
    this.low.show(lowPrice, priceText(lowPrice, this.decimals));
    this.bidSize.show(image.bidSize, sizeText(image.bidSize, sizeScale));
    this.askSize.show(image.askSize, sizeText(image.askSize, sizeScale));
    this.volume.set(amountText(image.volume));
    this.trades.set(amountText(image.tradeCount));
    this.showChange(image.lastPrice, image.previousClosePrice, image.openPrice);
  }

  private showChange(last: number | null, previousClose: number | null, open: number | null): void {
    const percent = changePercent(last, previousClose ?? open);
    const text = percentText(percent);
    this.change.set(text);
    this.direction.value = text.startsWith('+') ? 'rise' : text.startsWith('−') ? 'fall' : '';
    this.changeFrom.value = previousClose === null ? 'since the open' : 'since the previous close';
  }

  /** As many decimals as any price of this row needed so far. */
  private widen(prices: readonly (number | null)[], scale: number): void {
    this.decimals = Math.max(this.decimals, priceDecimalsMin(scale));
    for (const price of prices) {
      if (price !== null && this.decimals < scale)
        this.decimals = Math.max(this.decimals, decimalsOf(price, scale));
    }
  }

  private mark({ status, statusReason, stale }: SymbolState): void {
    const unusual = status === null || status === 'open' ? '' : status;
    const marks = [unusual, stale === null ? '' : 'stale'].filter((mark) => mark !== '');
    this.marks.value = marks.join(' ');
    this.badge.value = marks.join(', ');
    this.badgeTitle.value = unusual === '' ? (stale?.reason ?? '') : (statusReason ?? '');
  }

  showAge(nowMs: number): void {
    this.age.set(this.receivedAtMs === null ? UNKNOWN : ageText(nowMs - this.receivedAtMs));
  }
}

/**
 * A symbol under real daily bars, day after day: its trades hit each bar's open (first trade), high, low, close (last
 * trade) and volume exactly. Ticks carry the bar's date, 14:30 to 21:00 UTC spread over the simulated day. It is never
 * halted. After its last bar it goes on freely from the last close, at the time of the clock.
 */
import { Arrivals } from './arrivals.js';
import { BarDay } from './bar-day.js';
import type { Book, SimulatedTick } from './book.js';
import type { Course } from './course.js';
import type { DailyBar } from './daily-bars.js';
import type { RandomStream } from './random-stream.js';

const SESSION_BEGIN_US = 14.5 * 3_600e6;
const SESSION_US = 6.5 * 3_600e6;
/** As in a free course: the rest of the arrivals are quotes. */
const TRADE_SHARE = 0.2;

export interface BarPlan {
  /** Oldest first, at least one. */
  readonly bars: readonly DailyBar[];
  /** Which simulated day, from 0, a date is. */
  readonly dayOf: (dateUs: number) => number;
  /** How long a simulated day lasts, in µs. */
  readonly dayUs: number;
  /** Spread in parts of the price. */
  readonly relativeSpread: number;
  /** What follows the last bar: a course that opens at a simulated time and a scaled price. */
  readonly free: (openUs: number, closeUnits: number) => Course;
}

export class BarCourse implements Course {
  nextUs = 0;
  private readonly arrivals: Arrivals;
  private barsDone = 0;
  private day: BarDay;
  private dayBeginUs = 0;
  private arrivalUs = 0;
  private after: Course | undefined;

  constructor(
    private readonly book: Book,
    private readonly plan: BarPlan,
    private readonly random: RandomStream,
    private rate: number,
  ) {
    this.arrivals = new Arrivals(random, rate, 0);
    this.day = this.beginDay();
    this.schedule();
  }

  setRate(rate: number): void {
    this.rate = rate;
    this.arrivals.setRate(rate);
    this.after?.setRate(rate);
  }

  act(originUs: number, out: SimulatedTick[]): void {
    if (this.after !== undefined) {
      this.after.act(originUs, out);
      this.nextUs = this.after.nextUs;
      return;
    }
    const timeUs = this.nextUs - this.dayBeginUs;
    const exchangeTimeUs =
      this.day.bar.dateUs + SESSION_BEGIN_US + Math.floor((timeUs / this.plan.dayUs) * SESSION_US);
    const point = this.day.nextPoint;
    if (point !== undefined && point.timeUs === timeUs) this.turn(point.price, exchangeTimeUs, out);
    else this.arrive(timeUs, exchangeTimeUs, out);
    if (this.day.nextPoint === undefined) this.endDay();
    this.schedule();
  }

  /** A trade at exactly this price, and before it the quote that shows it: at the ask for a high, else at the bid. */
  private turn(price: number, exchangeTimeUs: number, out: SimulatedTick[]): void {
    const { low, high } = this.day.bar;
    const spread = this.spreadUnits(price);
    const atAsk = price === high && price > low;
    this.book.set(atAsk ? Math.max(low, price - spread) : price, atAsk ? price : price + spread);
    const size = this.day.reachPoint();
    out.push(this.book.quote(exchangeTimeUs), this.book.trade(price, exchangeTimeUs, size));
  }

  private arrive(timeUs: number, exchangeTimeUs: number, out: SimulatedTick[]): void {
    const size = this.random.chance(TRADE_SHARE) ? this.day.sizeAt(timeUs) : 0;
    if (size > 0) out.push(this.book.trade(this.tradePrice(), exchangeTimeUs, size));
    this.place(this.day.priceAt(timeUs));
    out.push(this.book.quote(exchangeTimeUs));
    this.arrivalUs = this.arrivals.next();
  }

  /** Either side of the book, but never above the bar's high. */
  private tradePrice(): number {
    const { bid, ask } = this.book;
    return ask <= this.day.bar.high && this.random.chance(0.5) ? ask : bid;
  }

  /** Quotes around a price so that the bid is inside the bar, and the ask too where the bar is wide enough. */
  private place(price: number): void {
    const { low, high } = this.day.bar;
    const grid = this.day.gridUnits;
    const spread = this.spreadUnits(price);
    const around = Math.round((price - spread / 2) / grid) * grid;
    const bid = Math.max(low, Math.min(around, high - spread));
    this.book.set(bid, bid + spread);
  }

  private spreadUnits(price: number): number {
    const grid = this.day.gridUnits;
    const steps = Math.round((price * this.plan.relativeSpread * this.random.logNormal(0.3)) / grid);
    return Math.max(1, steps) * grid;
  }

  private beginDay(): BarDay {
    const bar = this.plan.bars[this.barsDone];
    if (bar === undefined) throw new RangeError('Expected at least one bar');
    const { dayUs, dayOf } = this.plan;
    this.dayBeginUs = dayOf(bar.dateUs) * dayUs;
    const day = new BarDay(bar, dayUs, this.book.gridUnits, this.random);
    this.arrivals.restart(this.dayBeginUs + day.points[0]!.timeUs);
    this.arrivalUs = this.arrivals.next();
    return day;
  }

  private endDay(): void {
    this.barsDone++;
    if (this.barsDone < this.plan.bars.length) {
      this.day = this.beginDay();
      return;
    }
    this.after = this.plan.free(this.dayBeginUs + this.plan.dayUs, this.day.bar.close);
    this.after.setRate(this.rate);
  }

  private schedule(): void {
    const point = this.day.nextPoint;
    if (this.after !== undefined) this.nextUs = this.after.nextUs;
    else if (point !== undefined) this.nextUs = Math.min(this.dayBeginUs + point.timeUs, this.arrivalUs);
  }
}

/**
 * The synthetic market: every symbol on its course, in the order of simulated time. The sequence of ticks is a
 * function of seed, rate, bars and symbols alone: it does not depend on how far time is advanced at once.
 */
import type { Instrument } from '#market-data';
import { BarCourse } from './bar-course.js';
import { Book, type SimulatedTick } from './book.js';
import type { Course } from './course.js';
import type { DailyBars } from './daily-bars.js';
import { type Character, FreeCourse, TICKS_PER_ARRIVAL } from './free-course.js';
import { MarketFactors } from './market-factors.js';
import { RandomStream } from './random-stream.js';
import { type StartPrice, startPrice } from './start-prices.js';

/** Popularity falls with rank to this power (Zipf), a little flattened at the top. */
const ZIPF_EXPONENT = 0.9;
const ZIPF_OFFSET = 2;
const OPENING_US_MIN = 1_000_000;
/** Quote and trade by which a symbol opens. */
const OPENING_TICKS = 2;

export type ListedInstrument = Pick<Instrument, 'symbol' | 'group' | 'priceScale' | 'sizeScale'>;

export interface MarketPlan {
  /** Unsigned 32-bit integer. */
  readonly seed: number;
  /** Over all symbols, on average. */
  readonly ticksPerSecond: number;
  /** Bars to bridge; null for none. */
  readonly bars: DailyBars | null;
  /** How long a bridged day lasts. */
  readonly daySeconds: number;
}

interface Listing {
  readonly start: StartPrice;
  readonly symbol: string;
  readonly order: number;
  readonly course: Course;
}

export class SimulatedMarket {
  private readonly factors: MarketFactors;
  private readonly listings: Listing[] = [];
  private readonly schedule = new Schedule();
  private timeUs = 0;

  constructor(private readonly plan: MarketPlan) {
    this.factors = new MarketFactors(plan.seed);
  }

  /** Symbols so far. */
  get size(): number {
    return this.listings.length;
  }

  /** Adds symbols that are not listed yet. They open one after the other, so that no burst begins the day. */
  list(instruments: readonly ListedInstrument[]): void {
    const { ticksPerSecond } = this.plan;
    const openingUs = Math.max(
      OPENING_US_MIN,
      ((OPENING_TICKS * instruments.length) / ticksPerSecond) * 1_000_000,
    );
    for (const instrument of instruments) this.add(instrument, openingUs);
    this.shareOutRate();
    this.schedule.rebuild(this.listings);
  }

  /**
   * Advances simulated time.
   * @param untilUs simulated time, µs from the market's begin
   * @param originUs exchange time at simulated time 0, µs since the epoch; ticks of bridged days carry their own date
   * @returns what was quoted and traded since, in order
   */
  advance(untilUs: number, originUs: number): SimulatedTick[] {
    const out: SimulatedTick[] = [];
    for (;;) {
      const course = this.schedule.first;
      if (course === undefined || course.nextUs > untilUs) break;
      this.factors.advance(course.nextUs);
      course.act(originUs, out);
      this.schedule.firstMoved();
    }
    this.timeUs = untilUs;
    return out;
  }

  private add(instrument: ListedInstrument, openingUs: number): void {
    const { symbol } = instrument;
    const random = new RandomStream(this.plan.seed, `symbol ${symbol}`);
    const known = startPrice(symbol, instrument.group);
    const price = known.price * (known.pegged ? 1 : 0.97 + 0.06 * random.uniform());
    const bars = this.plan.bars?.bySymbol.get(symbol);
    const typicalPrice = bars === undefined ? price : bars[0]!.close / 10 ** instrument.priceScale;
    const book = new Book(instrument, typicalPrice, known.dollars, random);
    const openUs = this.timeUs + 1 + Math.floor(random.uniform() * openingUs);
    const character = characterOf(known, book.units(price), random);
    const free = (fromUs: number, startUnits: number) =>
      new FreeCourse(book, { ...character, startUnits }, this.factors, random, 1, fromUs);
    const course =
      bars === undefined
        ? free(openUs, character.startUnits)
        : new BarCourse(book, this.barPlan(bars, character, free), random, 1);
    this.listings.push({ start: known, symbol, order: this.listings.length, course });
  }

  private barPlan(
    bars: NonNullable<ReturnType<DailyBars['bySymbol']['get']>>,
    { relativeSpread }: Character,
    free: (openUs: number, closeUnits: number) => Course,
  ) {
    const dayUs = this.plan.daySeconds * 1_000_000;
    const days = this.plan.bars?.datesUs ?? [];
    // A symbol that is listed later begins with the next whole day.
    const firstDay = Math.ceil(this.timeUs / dayUs);
    const dayOf = (dateUs: number) => firstDay + days.indexOf(dateUs);
    return { bars, dayOf, dayUs, relativeSpread, free };
  }

  private shareOutRate(): void {
    const ranked = [...this.listings].sort(
      (a, b) => a.start.popularity - b.start.popularity || (a.symbol < b.symbol ? -1 : 1),
    );
    const weights = ranked.map((_, rank) => (rank + 1 + ZIPF_OFFSET) ** -ZIPF_EXPONENT);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const arrivals = this.plan.ticksPerSecond / TICKS_PER_ARRIVAL;
    for (const [rank, { course }] of ranked.entries()) {
      course.setRate((arrivals * (weights[rank] ?? 0)) / total);
    }
  }
}

function characterOf(known: StartPrice, startUnits: number, random: RandomStream): Character {
  if (known.pegged) {
    return {
      sector: known.sector,
      startUnits,
      marketLoading: 0,
      sectorLoading: 0,
      ownSigma: 1e-7,
      relativeSpread: 1e-5,
    };
  }
  const livelier = known.sector === 'crypto' ? 1.6 : 1;
  return {
    sector: known.sector,
    startUnits,
    marketLoading: (known.sector === 'crypto' ? 0.6 : 1) * (0.7 + 0.6 * random.uniform()),
    sectorLoading: known.sector === 'broad' ? 0.3 : livelier * (0.7 + 0.6 * random.uniform()),
    ownSigma: known.sector === 'broad' ? 0.15e-4 : livelier * (0.5 + 0.6 * random.uniform()) * 1e-4,
    relativeSpread: 0.4e-4 + Math.min(6e-4, known.popularity * 0.05e-4),
  };
}

/** Courses by their next act, the earliest first; equal times in the order of listing. A binary heap. */
class Schedule {
  private heap: Listing[] = [];

  get first(): Course | undefined {
    return this.heap[0]?.course;
  }

  rebuild(listings: readonly Listing[]): void {
    this.heap = [...listings];
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  /** The first course has acted: its next act is later. */
  firstMoved(): void {
    this.sink(0);
  }

  private sink(from: number): void {
    const { heap } = this;
    const moving = heap[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(moving, heap[child]!)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = moving;
  }
}

function isBefore(a: Listing, b: Listing): boolean {
  return a.course.nextUs < b.course.nextUs || (a.course.nextUs === b.course.nextUs && a.order < b.order);
}

/**
 * A symbol on its own: an efficient price under market, sector and its own news, quoted on the grid with a spread that
 * widens with trading and comes back, traded at the bid or the ask, now and then halted. Quotes are sometimes locked,
 * never crossed.
 */
import { Arrivals } from './arrivals.js';
import type { Book, SimulatedTick } from './book.js';
import type { Course } from './course.js';
import { type MarketFactors, PULL_PER_SECOND, type Sector } from './market-factors.js';
import type { RandomStream } from './random-stream.js';

/** Share of arrivals that are trades; the quote that answers a trade is a second tick. */
const TRADE_SHARE = 0.2;
/** Ticks of one arrival, on average. */
export const TICKS_PER_ARRIVAL = 1 + TRADE_SHARE;

const LOCKED_SHARE = 0.002;
/** Orders come in runs: the next trade is on the other side only this often. */
const SIDE_CHANGE = 0.35;
/** What a trade leaves in the efficient price, in half spreads. */
const IMPACT = 0.15;
const WIDENING_PER_TRADE = 0.35;
const WIDENING_DECAY_S = 2;
const HALT_MEAN_S = 10_800;
const HALT_S_MIN = 5;
const HALT_S_MAX = 20;
/** Jump in the price over a halt: as much as in so many calm seconds. */
const HALT_NEWS_S = 1_600;

/** What a symbol is like, fixed when it is listed. */
export interface Character {
  readonly sector: Sector;
  /** Scaled price at the opening. */
  readonly startUnits: number;
  readonly marketLoading: number;
  readonly sectorLoading: number;
  /** Deviation of one second's own log return. */
  readonly ownSigma: number;
  /** Spread in parts of the price, on calm days. */
  readonly relativeSpread: number;
}

export class FreeCourse implements Course {
  nextUs: number;
  private readonly arrivals: Arrivals;
  private ownLevel = 0;
  private widening = 0;
  private buying: boolean;
  private lastUs: number;
  private haltUs: number;
  /** Scaled price where all levels are 0. */
  private readonly baseUnits: number;
  private opened = false;

  /** @param openUs simulated time of its first quote and trade */
  constructor(
    private readonly book: Book,
    private readonly character: Character,
    private readonly factors: MarketFactors,
    private readonly random: RandomStream,
    rate: number,
    openUs: number,
  ) {
    this.arrivals = new Arrivals(random, rate, openUs);
    this.buying = random.chance(0.5);
    this.lastUs = openUs;
    this.nextUs = openUs;
    this.haltUs = openUs + this.untilHalt();
    this.baseUnits = character.startUnits / Math.exp(this.sharedLevel());
  }

  setRate(rate: number): void {
    this.arrivals.setRate(rate);
  }

  act(originUs: number, out: SimulatedTick[]): void {
    const exchangeTimeUs = originUs + this.nextUs;
    this.move(this.nextUs);
    if (!this.opened) this.open(exchangeTimeUs, out);
    else if (this.random.chance(TRADE_SHARE)) this.trade(exchangeTimeUs, out);
    else this.quote(exchangeTimeUs, out);
    this.nextUs = this.arrivals.next();
    if (this.nextUs >= this.haltUs) this.halt();
  }

  private open(exchangeTimeUs: number, out: SimulatedTick[]): void {
    this.opened = true;
    this.quote(exchangeTimeUs, out);
    out.push(this.book.trade(this.side(), exchangeTimeUs));
  }

  private quote(exchangeTimeUs: number, out: SimulatedTick[]): void {
    const mid = this.efficientUnits();
    this.book.place(mid, this.random.chance(LOCKED_SHARE) ? 0 : this.spreadSteps(mid));
    out.push(this.book.quote(exchangeTimeUs));
  }

  private trade(exchangeTimeUs: number, out: SimulatedTick[]): void {
    if (this.random.chance(SIDE_CHANGE)) this.buying = !this.buying;
    out.push(this.book.trade(this.side(), exchangeTimeUs));
    const sign = this.buying ? 1 : -1;
    this.ownLevel += sign * IMPACT * (this.character.relativeSpread / 2) * this.random.uniform();
    this.widening += WIDENING_PER_TRADE * this.random.uniform();
    this.quote(exchangeTimeUs, out);
  }

  private side(): number {
    return this.buying ? this.book.ask : this.book.bid;
  }

  /** Own news and the fading of excitement since the last act. */
  private move(timeUs: number): void {
    const seconds = (timeUs - this.lastUs) / 1e6;
    this.lastUs = timeUs;
    this.ownLevel *= Math.exp(-PULL_PER_SECOND * seconds);
    this.ownLevel += this.character.ownSigma * Math.sqrt(seconds) * this.random.normal();
    this.widening *= Math.exp(-seconds / WIDENING_DECAY_S);
  }

  private efficientUnits(): number {
    return this.baseUnits * Math.exp(this.sharedLevel() + this.ownLevel);
  }

  /** What market and sector make of the price, as a logarithm. */
  private sharedLevel(): number {
    const { sector, marketLoading, sectorLoading } = this.character;
    return marketLoading * this.factors.marketLevel + sectorLoading * this.factors.sectorLevel(sector);
  }

  private spreadSteps(mid: number): number {
    const calm = (mid * this.character.relativeSpread) / this.book.gridUnits;
    return Math.max(1, Math.round(calm * (1 + this.widening) * this.random.logNormal(0.2)));
  }

  /** No tick until trading resumes, with news in the price. The registry's trading status is left to operators. */
  private halt(): void {
    const seconds = HALT_S_MIN + (HALT_S_MAX - HALT_S_MIN) * this.random.uniform();
    const resumeUs = this.haltUs + Math.round(seconds * 1e6);
    this.ownLevel += this.character.ownSigma * Math.sqrt(HALT_NEWS_S) * this.random.normal();
    this.widening += 1;
    this.arrivals.restart(resumeUs);
    this.nextUs = resumeUs;
    this.haltUs = resumeUs + this.untilHalt();
  }

  private untilHalt(): number {
    return Math.round(HALT_MEAN_S * 1e6 * this.random.exponential());
  }
}

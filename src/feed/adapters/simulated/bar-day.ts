/**
 * One simulated day under a real daily bar. The turning points are fixed when the day begins: open first, close last,
 * high and low in between (unless open or close is one of them). Between two points the price is a Brownian bridge
 * kept inside the bar, and the volume follows the usual U over the day; what is left of it trades at the close.
 */
import type { DailyBar } from './daily-bars.js';
import type { RandomStream } from './random-stream.js';

export interface TurningPoint {
  /** µs after the day's begin. */
  readonly timeUs: number;
  /** Scaled. */
  readonly price: number;
}

const OPEN_VOLUME_SHARE = 0.02;
const CLOSE_VOLUME_SHARE = 0.07;
/** The rest of the day is silent: an image shows its day before the next one opens, however short days are. */
const CLOSE_TIME_SHARE = 0.98;
/** M. Parkinson, "The extreme value method for estimating the variance", 1980: range = sigma × √(4 ln 2). */
const RANGE_PER_SIGMA = Math.sqrt(4 * Math.LN2);

export class BarDay {
  readonly points: readonly TurningPoint[];
  /** Scaled step of prices that day: the book's, or 1 where the bar is not on that grid. */
  readonly gridUnits: number;
  private pointsDone = 0;
  private volumeDone = 0;
  private lastUs = 0;
  private lastPrice: number;
  private readonly sigma: number;

  /**
   * @param dayUs how long the day lasts, in simulated µs
   * @param gridUnits scaled step of the book's prices
   */
  constructor(
    readonly bar: DailyBar,
    private readonly dayUs: number,
    gridUnits: number,
    private readonly random: RandomStream,
  ) {
    const { open, high, low, close } = bar;
    const onGrid = [open, high, low, close].every((price) => price % gridUnits === 0);
    this.gridUnits = onGrid ? gridUnits : 1;
    this.points = this.turningPoints();
    this.lastPrice = open;
    this.sigma = (high - low) / RANGE_PER_SIGMA / Math.sqrt(dayUs);
  }

  /** The next turning point, or undefined after the close. */
  get nextPoint(): TurningPoint | undefined {
    return this.points[this.pointsDone];
  }

  /** Moves to the next turning point. @returns scaled size of its trade; null where no volume is left for it */
  reachPoint(): number | null {
    const point = this.nextPoint;
    if (point === undefined) throw new RangeError('The close was reached already');
    this.pointsDone++;
    this.lastUs = point.timeUs;
    this.lastPrice = point.price;
    return this.pointSize(point);
  }

  /** Scaled price at a time between the last visited one and the next point, not rounded; becomes the last visited. */
  priceAt(timeUs: number): number {
    const next = this.nextPoint;
    if (next === undefined) return this.lastPrice;
    const past = timeUs - this.lastUs;
    const whole = next.timeUs - this.lastUs;
    const left = whole - past;
    const mean = whole > 0 ? this.lastPrice + (past / whole) * (next.price - this.lastPrice) : next.price;
    const deviation = whole > 0 ? this.sigma * Math.sqrt((past * left) / whole) : 0;
    this.lastUs = timeUs;
    this.lastPrice = this.inside(mean + deviation * this.random.normal());
    return this.lastPrice;
  }

  /** @returns scaled size of a trade between points, at least 1; 0 when the volume is needed for the points */
  sizeAt(timeUs: number): number {
    const free = this.volumeLeft - this.pointsLeft;
    if (free < 1) return 0;
    const due = this.bar.volume * volumeShare(timeUs / this.dayUs) - this.volumeDone;
    return this.take(Math.min(free, Math.max(1, Math.round(due * (0.4 + this.random.uniform())))));
  }

  private pointSize(point: TurningPoint): number | null {
    if (this.volumeLeft === 0) return null;
    if (this.pointsLeft === 0) return this.take(this.volumeLeft);
    const free = Math.max(1, this.volumeLeft - this.pointsLeft);
    const due =
      this.pointsDone === 1
        ? this.bar.volume * OPEN_VOLUME_SHARE
        : this.bar.volume * volumeShare(point.timeUs / this.dayUs) - this.volumeDone;
    return this.take(Math.min(free, Math.max(1, Math.round(due))));
  }

  private take(size: number): number {
    this.volumeDone += size;
    return size;
  }

  private get volumeLeft(): number {
    return this.bar.volume - this.volumeDone;
  }

  private get pointsLeft(): number {
    return this.points.length - this.pointsDone;
  }

  /** Reflected at the bar's edges, so that the path does not stick to them. */
  private inside(price: number): number {
    const { low, high } = this.bar;
    const reflected = price > high ? 2 * high - price : price < low ? 2 * low - price : price;
    return Math.min(high, Math.max(low, reflected));
  }

  private turningPoints(): TurningPoint[] {
    const { open, high, low, close } = this.bar;
    const at = (share: number) => Math.round(this.dayUs * share);
    const between: TurningPoint[] = [];
    for (const price of high === low ? [] : [high, low]) {
      if (price !== open && price !== close) {
        between.push({ timeUs: at(0.02 + 0.94 * this.random.uniform()), price });
      }
    }
    between.sort((a, b) => a.timeUs - b.timeUs);
    return [
      { timeUs: at(0.001 + 0.004 * this.random.uniform()), price: open },
      ...between,
      { timeUs: at(CLOSE_TIME_SHARE), price: close },
    ];
  }
}

/** Share of the day's volume that has traded by a share of its time: busy at both ends, the rest at the close. */
function volumeShare(time: number): number {
  const u = time - 0.5;
  // Integral of 0.55 + 5.4 u², which is 1 from -0.5 to 0.5.
  const continuous = 0.55 * (u + 0.5) + 1.8 * (u * u * u + 0.125);
  return OPEN_VOLUME_SHARE + (1 - OPEN_VOLUME_SHARE - CLOSE_VOLUME_SHARE) * continuous;
}

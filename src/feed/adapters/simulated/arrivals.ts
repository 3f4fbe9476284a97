/**
 * When something happens in one symbol: a self-exciting (Hawkes) process with an exponential kernel. Each arrival
 * raises the intensity, which falls back within a second or so: arrivals come in clusters, as in real feeds, where
 * the variance of counts is several times their mean.
 * Exact sampling without rejection: A. Dassios and H. Zhao, "Exact simulation of Hawkes process with exponentially
 * decaying intensity", Electronic Communications in Probability 18 (2013).
 */
import type { RandomStream } from './random-stream.js';

/** Arrivals that one arrival brings about, on average: below 1, or clusters would never end. */
export const BRANCHING = 0.6;
/** Excitement falls to 1/e in this many seconds. */
const DECAY_S = 0.4;
const DECAY_RATE = 1 / DECAY_S;

export class Arrivals {
  /** Intensity above the base at `timeUs`, per second. */
  private excitement: number;
  private base: number;

  /**
   * @param rate arrivals per second, on average and in the long run
   * @param timeUs where the process begins, in simulated time
   */
  constructor(
    private readonly random: RandomStream,
    rate: number,
    private timeUs: number,
  ) {
    this.base = rate * (1 - BRANCHING);
    this.excitement = rate - this.base;
  }

  setRate(rate: number): void {
    this.base = rate * (1 - BRANCHING);
  }

  /** Nothing arrived until then, e.g. because trading was halted; the process begins anew, calm. */
  restart(timeUs: number): void {
    this.timeUs = timeUs;
    this.excitement = 0;
  }

  /** Draws the next arrival and moves there. @returns its time, in whole µs of simulated time, later than the last */
  next(): number {
    const wait = Math.min(this.waitOfExcitement(), this.random.exponential() / this.base);
    this.excitement = this.excitement * Math.exp(-DECAY_RATE * wait) + BRANCHING * DECAY_RATE;
    this.timeUs += Math.max(1, Math.round(wait * 1e6));
    return this.timeUs;
  }

  /** Until the first arrival that the excitement left brings about; infinite when it brings none. */
  private waitOfExcitement(): number {
    const draw = this.random.exponential();
    if (this.excitement <= 0) return Number.POSITIVE_INFINITY;
    const left = 1 - (DECAY_RATE * draw) / this.excitement;
    return left > 0 ? -Math.log(left) / DECAY_RATE : Number.POSITIVE_INFINITY;
  }
}

/**
 * How one symbol goes through simulated time: it says when it acts next, and acts. `FreeCourse` follows the market's
 * factors, `BarCourse` bridges daily bars and then goes free.
 */
import type { SimulatedTick } from './book.js';

export interface Course {
  /** Simulated time of the next act in µs; infinite when there is none. Rises with every act. */
  readonly nextUs: number;
  /**
   * Acts at `nextUs` and moves on.
   * @param originUs exchange time at simulated time 0: what is stamped on ticks that have no date of their own
   */
  act(originUs: number, out: SimulatedTick[]): void;
  /** Arrivals per second from now on, in the long run. */
  setRate(rate: number): void;
}

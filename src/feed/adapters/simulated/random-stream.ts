/**
 * Random numbers that a seed repeats: sfc32 by Chris Doty-Humphrey (public domain, passes PractRand), 128 bits of
 * state, three adds and two shifts per draw. Every symbol and factor has a stream of its own, so that one more symbol
 * changes nobody else's ticks.
 */
import { hash32 } from '#market-data';

const TWO_POW_32 = 0x1_0000_0000;

export class RandomStream {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  private spareNormal: number | undefined;

  /**
   * @param seed unsigned 32-bit integer
   * @param name what the stream is for, e.g. `symbol AAPL`; other names, other numbers
   */
  constructor(seed: number, name: string) {
    this.a = seed >>> 0;
    this.b = hash32(name);
    this.c = hash32(`${name}/${seed}`);
    // The first draws still show the seed: fifteen rounds mix it away.
    for (let i = 0; i < 15; i++) this.next32();
  }

  /** Unsigned 32-bit integer. */
  next32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  uniform(): number {
    return this.next32() / TWO_POW_32;
  }

  /** In (0, 1): fit for a logarithm. */
  private open(): number {
    return (this.next32() + 0.5) / TWO_POW_32;
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Integer from 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Mean 1. */
  exponential(): number {
    return -Math.log(this.open());
  }

  /** Mean 0, variance 1 (Box–Muller; the second of each pair is kept). */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(2 * this.exponential());
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Median 1; sigma is the deviation of the logarithm. */
  logNormal(sigma: number): number {
    return Math.exp(sigma * this.normal());
  }
}

/**
 * What moves many prices at once: one market factor and one per sector, as logarithms. They walk on a fixed grid of
 * simulated time, so that their path does not depend on how far time is advanced at once, and are drawn back slowly,
 * so that a simulator that runs for months still shows plausible prices.
 */
import { RandomStream } from './random-stream.js';

export const SECTORS = [
  'technology',
  'communication',
  'consumer',
  'staples',
  'health',
  'finance',
  'industry',
  'energy',
  'materials',
  'utilities',
  'broad',
  'crypto',
] as const;
export type Sector = (typeof SECTORS)[number];

const GRID_US = 250_000;
/** Deviation of one second's log return; a year of 252 sessions makes the market's 22 %. */
const MARKET_SIGMA = 0.9e-4;
const SECTOR_SIGMA = 0.6e-4;
/** Mean reversion: half of a deviation is gone after about eight days of trading. */
export const PULL_PER_SECOND = 1 / 1_000_000;

interface Factor {
  readonly random: RandomStream;
  readonly sigma: number;
  level: number;
}

export class MarketFactors {
  private readonly market: Factor;
  private readonly bySector = new Map<Sector, Factor>();
  private gridUs = 0;

  constructor(seed: number) {
    this.market = factor(seed, 'market', MARKET_SIGMA);
    for (const sector of SECTORS) {
      this.bySector.set(sector, factor(seed, `sector ${sector}`, SECTOR_SIGMA));
    }
  }

  /** Walks to the last point of the grid at or before this simulated time. */
  advance(timeUs: number): void {
    while (this.gridUs + GRID_US <= timeUs) {
      this.gridUs += GRID_US;
      walk(this.market);
      for (const sector of this.bySector.values()) walk(sector);
    }
  }

  get marketLevel(): number {
    return this.market.level;
  }

  sectorLevel(sector: Sector): number {
    return this.bySector.get(sector)?.level ?? 0;
  }
}

function factor(seed: number, name: string, sigma: number): Factor {
  return { random: new RandomStream(seed, name), sigma, level: 0 };
}

function walk(factor: Factor): void {
  const seconds = GRID_US / 1e6;
  factor.level +=
    -PULL_PER_SECOND * seconds * factor.level + factor.sigma * Math.sqrt(seconds) * factor.random.normal();
}

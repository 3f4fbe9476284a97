/**
 * What is sent: two handlers of sources of their own, and a pair that races on one line, each with trades that can be
 * told apart and quotes between them.
 */
import type { RawTick } from '../../support/feed-handler.js';
import type { Seeded } from '../../support/seeded.js';
import type { SentTrade } from './history.js';
import type { SteadyHandler } from './steady-handler.js';

const BATCH_MS = 40;
const LINE = 'opra';
/** How often the second handler of the pair leaves a tick out, as a line that loses packets does. */
const SKIPPED = 0.03;

export interface Handlers {
  readonly alpha: SteadyHandler;
  readonly beta: SteadyHandler;
  /** Of the pair: one sends everything… */
  readonly lineA: SteadyHandler;
  /** …the other most of it. */
  readonly lineB: SteadyHandler;
}

type Sent = SentTrade & { readonly batches: [SteadyHandler, number][] };

export class Market {
  private readonly trades: Sent[] = [];
  private readonly sequences = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param symbols of the two single handlers
   * @param lineSymbols of the pair
   */
  constructor(
    private readonly handlers: Handlers,
    private readonly symbols: readonly string[],
    private readonly lineSymbols: readonly string[],
    private readonly seeded: Seeded,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => this.beat(), BATCH_MS);
  }

  /** Nothing further is sent; resolves when what was on its way is handed over. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }

  /** Every trade so far, with what is acknowledged by now. */
  sent(): SentTrade[] {
    for (const trade of this.trades) trade.acknowledged = isAcknowledged(trade);
    return this.trades;
  }

  /** An acknowledged trade that must be among these and is not, or undefined. */
  missingIn(ids: ReadonlySet<string>): SentTrade | undefined {
    return this.trades.find((trade) => !ids.has(trade.id) && isAcknowledged(trade));
  }

  private beat(): void {
    const { alpha, beta } = this.handlers;
    for (const handler of [alpha, beta]) this.single(handler);
    this.pair();
  }

  private single(handler: SteadyHandler): void {
    const { seeded } = this;
    const ticks: RawTick[] = [];
    const trades: Sent[] = [];
    for (let i = seeded.integer(2, 5); i > 0; i--) {
      const symbol = seeded.pick(this.symbols);
      if (seeded.chance(0.4)) {
        ticks.push(this.quote(symbol));
        continue;
      }
      const trade = this.trade(symbol, handler.source, this.trades.length, false);
      trades.push(trade);
      ticks.push(this.tick(trade));
    }
    const seq = handler.push(ticks);
    for (const trade of trades) trade.batches.push([handler, seq]);
  }

  private pair(): void {
    const { seeded } = this;
    const { lineA, lineB } = this.handlers;
    const all: RawTick[] = [];
    const most: RawTick[] = [];
    const ofAll: Sent[] = [];
    const ofMost: Sent[] = [];
    for (let i = seeded.integer(1, 3); i > 0; i--) {
      const symbol = seeded.pick(this.lineSymbols);
      const sequence = (this.sequences.get(symbol) ?? 0) + 1;
      this.sequences.set(symbol, sequence);
      const skipped = seeded.chance(SKIPPED);
      const trade = this.trade(symbol, `line ${LINE}`, sequence, skipped);
      const tick = { ...this.tick(trade), line: LINE, sequence };
      all.push(tick);
      ofAll.push(trade);
      if (skipped) continue;
      most.push(tick);
      ofMost.push(trade);
    }
    const first = seeded.chance(0.5);
    this.later(first ? 0 : seeded.integer(0, 30), lineA, all, ofAll);
    this.later(first ? seeded.integer(0, 30) : 0, lineB, most, ofMost);
  }

  private later(ms: number, handler: SteadyHandler, ticks: RawTick[], trades: Sent[]): void {
    if (ticks.length === 0) return;
    setTimeout(() => {
      const seq = handler.push(ticks);
      for (const trade of trades) trade.batches.push([handler, seq]);
    }, ms);
  }

  private trade(symbol: string, source: string, order: number, late: boolean): Sent {
    const id = `${source.replace(' ', '-')}-${symbol}-${order}`;
    const trade = { id, symbol, source, order, late, acknowledged: false, batches: [] };
    this.trades.push(trade);
    return trade;
  }

  private tick({ symbol, id }: SentTrade): RawTick {
    const { seeded } = this;
    return {
      ...{ type: 'trade', symbol, price: seeded.integer(10_000, 10_500) / 100 },
      ...{ size: seeded.integer(1, 99), tradeId: id },
    };
  }

  private quote(symbol: string): RawTick {
    const { seeded } = this;
    const bid = seeded.integer(9_900, 10_000);
    return {
      ...{ type: 'quote', symbol, bidPrice: bid / 100, bidSize: seeded.integer(1, 99) },
      ...{ askPrice: (bid + seeded.integer(0, 20)) / 100, askSize: seeded.integer(1, 99) },
    };
  }
}

function isAcknowledged({ batches }: Sent): boolean {
  return batches.some(([handler, seq]) => handler.acknowledged(seq));
}

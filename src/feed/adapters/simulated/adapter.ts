/**
 * The synthetic feed: a seeded market in real time, under the source name `simulated`. One timer; a process that falls
 * behind loses simulated time, which is counted, instead of making up for it in a burst.
 */
import type { Instrument } from '#market-data';
import type { Clock } from '../../../clock.js';
import type { Config } from '../../../config.js';
import type { Log } from '../../../ops/log.js';
import type { SymbolRegistry } from '../../../symbols/symbol-registry.js';
import type { BatchDoor } from '../../batch-door.js';
import { DoorSession, newSession } from '../door-session.js';
import type { FeedAdapter } from '../feed-adapter.js';
import type { Pauses } from '../pauses.js';
import type { SimulatedTick } from './book.js';
import { DailyBars } from './daily-bars.js';
import { SimulatedMarket } from './ticks.js';

/** Groups of the registry that are simulated; symbols with daily bars are, whatever their group. */
export const SIMULATED_GROUPS: readonly string[] = ['us-equity', 'us-etf', 'crypto'];

/** Between two batches: two in each tick interval of 50 ms. */
export const STEP_MS = 25;
/** Simulated time that one batch may bring; what the clock went on beyond it is skipped. */
export const STEP_MS_MAX = 200;
/** A batch well below what any door takes at once; a busier step goes in several. */
const BATCH_TICKS_MAX = 5_000;

export type SimulatedConfig = Pick<
  Config,
  'simulatorSeed' | 'simulatorRate' | 'simulatorBars' | 'simulatorDaySeconds'
>;

export interface SimulatedParts {
  readonly config: SimulatedConfig;
  readonly door: BatchDoor;
  readonly registry: Pick<SymbolRegistry, 'all' | 'bySymbol' | 'watch'>;
  readonly clock: Clock;
  readonly pauses: Pauses;
  readonly random: () => number;
  readonly log: Log;
}

export class SimulatedAdapter implements FeedAdapter {
  readonly name = 'simulated';
  private readonly stopping = new AbortController();
  private readonly session: DoorSession;
  private bars: DailyBars | null = null;
  private market: SimulatedMarket | undefined;
  private readonly listed = new Set<string>();
  /** Listed symbols that are switched off, halted or closed: they go on in the market, but send nothing. */
  private readonly quiet = new Set<string>();
  private unwatch: (() => void) | undefined;
  private running: Promise<void> = Promise.resolve();
  private simulatedUs = 0;
  private skippedUs = 0;

  constructor(private readonly parts: SimulatedParts) {
    const { door, pauses, clock, random } = parts;
    this.session = new DoorSession(
      door,
      pauses,
      this.name,
      newSession(clock.nowUs(), random),
      this.stopping.signal,
    );
  }

  async start(): Promise<void> {
    const { config, registry, log } = this.parts;
    if (config.simulatorBars !== null) {
      this.bars = await DailyBars.read(config.simulatorBars, (symbol) => registry.bySymbol(symbol));
    }
    this.market = new SimulatedMarket({
      seed: config.simulatorSeed,
      ticksPerSecond: config.simulatorRate,
      bars: this.bars,
      daySeconds: config.simulatorDaySeconds,
    });
    this.follow([...registry.all()]);
    this.unwatch = registry.watch((changed) => this.follow(changed));
    log.info(
      {
        adapter: this.name,
        symbols: this.listed.size,
        seed: config.simulatorSeed,
        ticksPerSecond: config.simulatorRate,
        bridgedSymbols: this.bars?.bySymbol.size ?? 0,
        barLinesOfUnknownSymbols: this.bars?.unknownSymbolLines ?? 0,
      },
      'simulated feed started: its prices are synthetic',
    );
    this.running = this.run(this.market).catch((error: unknown) =>
      log.error({ adapter: this.name, err: error }, 'simulated feed broke off'),
    );
  }

  async stop(): Promise<void> {
    this.unwatch?.();
    this.stopping.abort();
    await this.running;
  }

  counts(): Readonly<Record<string, number>> {
    return {
      accepted: this.session.accepted,
      rejected: this.session.rejectedTotal,
      busy: this.session.busy,
      skipped_ms: Math.round(this.skippedUs / 1000),
    };
  }

  private follow(changed: readonly Instrument[]): void {
    const unlisted = changed.filter(
      ({ symbol, group }) =>
        !this.listed.has(symbol) &&
        (SIMULATED_GROUPS.includes(group) || this.bars?.bySymbol.has(symbol) === true),
    );
    if (unlisted.length > 0) this.market?.list(unlisted);
    for (const { symbol } of unlisted) this.listed.add(symbol);
    for (const { symbol, enabled, tradingStatus } of changed) {
      if (enabled && tradingStatus === 'open') this.quiet.delete(symbol);
      else if (this.listed.has(symbol)) this.quiet.add(symbol);
    }
  }

  private async run(market: SimulatedMarket): Promise<void> {
    const { clock, pauses } = this.parts;
    const { signal } = this.stopping;
    let lastMs = clock.monotonicMs();
    for (;;) {
      await pauses.pause(STEP_MS, signal);
      if (signal.aborted) return;
      const nowMs = clock.monotonicMs();
      const stepMs = Math.min(nowMs - lastMs, STEP_MS_MAX);
      this.skippedUs += (nowMs - lastMs - stepMs) * 1000;
      this.simulatedUs += Math.round(stepMs * 1000);
      lastMs = nowMs;
      // Origin by the wall clock of this step: ticks are never stamped later than now, however long it runs.
      const ticks = market.advance(this.simulatedUs, clock.nowUs() - this.simulatedUs);
      await this.send(this.quiet.size === 0 ? ticks : ticks.filter(({ symbol }) => !this.quiet.has(symbol)));
    }
  }

  private async send(ticks: readonly SimulatedTick[]): Promise<void> {
    for (let from = 0; from < ticks.length; from += BATCH_TICKS_MAX) {
      const batch = ticks.length <= BATCH_TICKS_MAX ? ticks : ticks.slice(from, from + BATCH_TICKS_MAX);
      await this.session.push(batch);
      if (this.stopping.signal.aborted) return;
    }
  }
}

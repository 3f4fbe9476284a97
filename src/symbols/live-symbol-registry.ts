/**
 * The view of the stored registry that this process works with. It follows announcements, and asks by version after
 * every reconnect and every few seconds, so that a lost announcement costs seconds, not correctness.
 */
import { AUTO_REGISTERED, type Instrument, isSymbol } from '#market-data';
import type { Clock } from '../clock.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import type { Log } from '../ops/log.js';
import type { InstrumentDefinition } from './instrument-rules.js';
import { OneAtATime } from './one-at-a-time.js';
import { type ComparisonCounters, RegistryComparison } from './registry-comparison.js';
import type { RegistryListener, SymbolRegistry } from './symbol-registry.js';
import type { ChangeAction, ChangeNote, SymbolStore } from './symbol-store.js';
import { SymbolTable } from './symbol-table.js';

/** Between attempts to load while the store does not answer. */
const LOAD_RETRY_MS = 250;

export interface RegistryOptions {
  readonly partitions: number;
  readonly reconcileMs: number;
  /** Instruments that the registry may hold. */
  readonly symbolsMax: number;
  /** Fills a store that was never filled. */
  readonly seed: readonly InstrumentDefinition[];
}

/** Since the start. */
export interface RegistryCounters extends Readonly<ComparisonCounters> {
  /** Comparisons that the store did not answer. */
  readonly failed: number;
}

type Registered = Instrument | 'registry_full' | 'registry_conflict';

export class LiveSymbolRegistry implements SymbolRegistry {
  private readonly table: SymbolTable;
  private readonly listeners = new Set<RegistryListener>();
  private readonly comparison: RegistryComparison;
  private readonly comparing: OneAtATime;
  private failed = 0;
  private isLoaded = false;
  private storeAnswers = true;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private unfollow: (() => Promise<void>) | undefined;

  constructor(
    private readonly store: SymbolStore,
    private readonly options: RegistryOptions,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.table = new SymbolTable(options.partitions);
    this.comparison = new RegistryComparison({
      store,
      table: this.table,
      log,
      nowUs: () => clock.nowUs(),
      changed: (instruments) => this.tell(instruments),
    });
    this.comparing = new OneAtATime(() => this.compare());
  }

  get version(): number {
    return this.comparison.version;
  }

  get sidMax(): number {
    return this.table.sidMax;
  }

  get size(): number {
    return this.table.size;
  }

  get counters(): RegistryCounters {
    return { ...this.comparison.counters, failed: this.failed };
  }

  /** Whether the view was filled since the start. */
  get loaded(): boolean {
    return this.isLoaded;
  }

  /** What operators should look at, or null. */
  degraded(): string | null {
    const { conflicts } = this.comparison.counters;
    if (conflicts > 0) return `${conflicts} bindings contradict the known ones (registry_conflict)`;
    return this.storeAnswers ? null : 'the store does not answer';
  }

  bySymbol(symbol: string): Instrument | undefined {
    return this.table.bySymbol(symbol);
  }

  bySid(sid: number): Instrument | undefined {
    return this.table.bySid(sid);
  }

  all(): Iterable<Instrument> {
    return this.table.all();
  }

  partition(sid: number): number {
    return this.table.partition(sid);
  }

  watch(listener: RegistryListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  reconcile(): Promise<void> {
    return this.comparing.run();
  }

  /**
   * Resolves when the view is loaded. @throws StoreUnavailable when the store does not come up at all; one that fails
   * after that is asked again
   */
  async start(): Promise<void> {
    await this.store.whenReady();
    while (!this.stopped && !(await this.tryLoad())) {
      await new Promise((resolve) => setTimeout(resolve, LOAD_RETRY_MS));
    }
    if (this.stopped) return;
    this.timer = setInterval(() => this.reconcileSoon(), this.options.reconcileMs);
    this.timer.unref();
  }

  /** Follows the store no more; the view stays as it is. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.unfollow?.();
    this.unfollow = undefined;
  }

  async register(symbols: readonly string[]): Promise<ReadonlyMap<string, Registered>> {
    const unknown = new Set<string>();
    for (const symbol of symbols) {
      if (!isSymbol(symbol)) throw new TypeError(`Expected a symbol, was ${JSON.stringify(symbol)}`);
      if (this.bySymbol(symbol) === undefined) unknown.add(symbol);
    }
    const full = new Set<string>();
    if (unknown.size > 0) {
      const definitions = [...unknown].map(autoRegistered);
      const note = this.note('register', 'feed', 'First tick of an unknown symbol');
      const answers = await this.store.create(definitions, this.options.symbolsMax, note);
      for (const [i, { symbol }] of definitions.entries()) {
        if (answers[i]?.outcome === 'registry_full') full.add(symbol);
      }
      // Read back in the order of versions, as every other process sees it.
      await this.reconcile();
    }
    const missing = (symbol: string) => (full.has(symbol) ? 'registry_full' : 'registry_conflict');
    return new Map(symbols.map((symbol) => [symbol, this.bySymbol(symbol) ?? missing(symbol)]));
  }

  private async tryLoad(): Promise<boolean> {
    try {
      this.unfollow ??= await this.store.follow({
        announced: (version) => {
          if (version !== this.version) this.reconcileSoon();
        },
        up: () => this.reconcileSoon(),
      });
      await this.seedIfNew();
      await this.reconcile();
      this.isLoaded = true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      this.storeFailed(error);
    }
    return this.isLoaded;
  }

  private async seedIfNew(): Promise<void> {
    const { seeded } = await this.store.changesAfter(0, 1);
    if (seeded) return;
    const created = await this.store.seed(this.options.seed, this.note('seed', 'seed', 'First start'));
    if (created > 0) this.log.info({ symbols: created }, 'registry seeded');
  }

  /** For causes that nobody waits on. */
  private reconcileSoon(): void {
    if (this.stopped) return;
    this.reconcile().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) this.log.error({ err: error }, 'registry not compared');
    });
  }

  private async compare(): Promise<void> {
    try {
      await this.comparison.run();
    } catch (error) {
      this.failed++;
      if (error instanceof StoreUnavailable) this.storeFailed(error);
      throw error;
    }
    if (!this.storeAnswers) this.log.info('registry: the store answers again');
    this.storeAnswers = true;
  }

  /** One line when it begins, one when it ends: not one every few seconds. */
  private storeFailed(error: StoreUnavailable): void {
    if (this.storeAnswers) this.log.warn({ error: error.message }, 'registry: the store does not answer');
    this.storeAnswers = false;
  }

  private tell(changed: readonly Instrument[]): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(changed);
      } catch (error) {
        this.log.error({ err: error }, 'a listener of the registry failed');
      }
    }
  }

  private note(action: ChangeAction, actor: string, reason: string): ChangeNote {
    return { action, actor, reason, requestId: null, ip: null, timeUs: this.clock.nowUs() };
  }
}

function autoRegistered(symbol: string): InstrumentDefinition {
  const { group, priceScale, sizeScale, volumeScale } = AUTO_REGISTERED;
  return {
    symbol,
    name: '',
    exchange: '',
    group,
    priceScale,
    sizeScale,
    volumeScale,
    enabled: true,
    tradingStatus: 'open',
    coalesceIntervalMs: null,
  };
}

/**
 * The view of the stored registry that this process works with. It follows announcements, and asks by version after
 * every reconnect and every few seconds, so that a lost announcement costs seconds, not correctness. A store that lost
 * changes (emptied, rolled back, another run) is not believed: all is compared, what is known here stays, and is given
 * back to the store; clients notice nothing.
 */
import { AUTO_REGISTERED, type Instrument, isSymbol } from '#market-data';
import type { Clock } from '../clock.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import type { Log } from '../ops/log.js';
import type { InstrumentDefinition } from './instrument-rules.js';
import { OneAtATime } from './one-at-a-time.js';
import type { RegistryListener, SymbolRegistry } from './symbol-registry.js';
import {
  type ChangeAction,
  type ChangeNote,
  type ChangesPage,
  STORE_CALL_INSTRUMENTS_MAX,
  type SymbolStore,
} from './symbol-store.js';
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
export interface RegistryCounters {
  /** Comparisons that found nothing new. */
  current: number;
  /** Comparisons that found changes. */
  caughtUp: number;
  /** Comparisons of everything, because the store's numbers were not simply the ones seen before, gone on. */
  comparedAll: number;
  /** Comparisons that the store did not answer. */
  failed: number;
  /** Bindings that were refused, each counted once. */
  conflicts: number;
  /** Instruments given back to a store that had lost them. */
  restored: number;
  /** Stored entries that are not instruments. */
  malformed: number;
}

type Registered = Instrument | 'registry_full' | 'registry_conflict';

export class LiveSymbolRegistry implements SymbolRegistry {
  readonly counters: RegistryCounters = {
    current: 0,
    caughtUp: 0,
    comparedAll: 0,
    failed: 0,
    conflicts: 0,
    restored: 0,
    malformed: 0,
  };
  private readonly table: SymbolTable;
  private readonly listeners = new Set<RegistryListener>();
  private readonly comparing = new OneAtATime(() => this.compare());
  /** Refused bindings as `symbol/sid`: each is one alarm, not one every few seconds. */
  private readonly refused = new Set<string>();
  private origin = '';
  private shown = 0;
  /** Instruments that the store held when it was last compared. */
  private storedSize = 0;
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
  }

  get version(): number {
    return this.shown;
  }

  get sidMax(): number {
    return this.table.sidMax;
  }

  get size(): number {
    return this.table.size;
  }

  /** Whether the view was filled since the start. */
  get loaded(): boolean {
    return this.isLoaded;
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
          if (version !== this.shown) this.reconcileSoon();
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
      if (error instanceof StoreUnavailable) this.storeFailed(error);
      else this.log.error({ err: error }, 'registry not compared');
    });
  }

  private storeFailed(error: StoreUnavailable): void {
    this.counters.failed++;
    if (this.storeAnswers) this.log.warn({ error: error.message }, 'registry: the store does not answer');
    this.storeAnswers = false;
  }

  private async compare(): Promise<void> {
    const page = await this.store.changesAfter(this.shown, STORE_CALL_INSTRUMENTS_MAX);
    if (!this.storeAnswers) this.log.info('registry: the store answers again');
    this.storeAnswers = true;
    if (this.isElsewhere(page)) await this.compareAll(page.version);
    else if (page.version === this.shown) this.counters.current++;
    else await this.catchUp(page);
  }

  private isElsewhere(page: ChangesPage): boolean {
    if (this.origin === '') return false;
    return page.origin !== this.origin || page.version < this.shown || page.size < this.storedSize;
  }

  private async catchUp(first: ChangesPage): Promise<void> {
    for await (const page of this.pages(first)) {
      const newerHere = this.applyPage(page);
      if (newerHere.length > 0) await this.giveBack(newerHere, this.shown);
      this.show(page);
    }
    this.counters.caughtUp++;
  }

  /** `shown` and `origin` stay until all is done: a comparison that fails in the middle is made again from its start. */
  private async compareAll(storedVersion: number): Promise<void> {
    const versionBySymbol = new Map<string, number>();
    let last = await this.store.changesAfter(0, STORE_CALL_INSTRUMENTS_MAX);
    for await (const page of this.pages(last)) {
      this.applyPage(page);
      for (const { symbol, version } of page.instruments) versionBySymbol.set(symbol, version);
      last = page;
    }
    const newerHere = [...this.table.all()].filter(
      (known) => (versionBySymbol.get(known.symbol) ?? 0) < known.version,
    );
    if (newerHere.length > 0 || storedVersion < this.shown) {
      const found = { storedVersion, knownVersion: this.shown, giveBack: newerHere.length };
      this.log.error(found, 'registry: the store lost changes; what is known here is given back');
      await this.giveBack(newerHere, this.shown);
      last = await this.store.changesAfter(last.version, STORE_CALL_INSTRUMENTS_MAX);
    }
    for await (const page of this.pages(last)) {
      this.applyPage(page);
      this.show(page);
    }
    this.counters.comparedAll++;
  }

  private async *pages(first: ChangesPage): AsyncIterable<ChangesPage> {
    let page = first;
    for (;;) {
      yield page;
      if (page.through >= page.version) return;
      page = await this.store.changesAfter(page.through, STORE_CALL_INSTRUMENTS_MAX);
    }
  }

  private show(page: ChangesPage): void {
    this.shown = page.through;
    this.origin = page.origin;
    this.storedSize = page.size;
  }

  /** @returns what is known here in a newer version than stored */
  private applyPage(page: ChangesPage): readonly Instrument[] {
    const changed: Instrument[] = [];
    const newerHere: Instrument[] = [];
    for (const instrument of page.instruments) {
      const applied = this.table.apply(instrument);
      if (applied === 'new' || applied === 'changed') changed.push(instrument);
      else if (applied === 'older') newerHere.push(this.table.bySymbol(instrument.symbol)!);
      else if (applied === 'conflict')
        this.refuse(instrument, 'what the store says contradicts what is known');
    }
    for (const line of page.malformed) {
      this.counters.malformed++;
      this.log.error({ stored: line }, 'registry: a stored entry is not an instrument');
    }
    if (changed.length > 0) this.tell(changed);
    return newerHere;
  }

  private async giveBack(known: readonly Instrument[], version: number): Promise<void> {
    const note = this.note('restore', 'registry', 'The store had lost changes');
    const { restored, conflicts } = await this.store.restore(known, version, note);
    this.counters.restored += restored;
    for (const symbol of conflicts) {
      this.refuse(this.table.bySymbol(symbol)!, 'what is known contradicts what the store holds');
    }
  }

  private refuse(instrument: Instrument, why: string): void {
    const { symbol, sid } = instrument;
    if (this.refused.has(`${symbol}/${sid}`)) return;
    this.refused.add(`${symbol}/${sid}`);
    this.counters.conflicts++;
    const known = { bySymbol: this.table.bySymbol(symbol), bySid: this.table.bySid(sid) };
    this.log.error({ code: 'registry_conflict', refused: instrument, known, why }, 'registry conflict');
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

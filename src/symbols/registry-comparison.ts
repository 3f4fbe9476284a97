/**
 * Brings a table of instruments up to the stored registry. Normally only what changed since is read. A store whose
 * numbers are not simply the ones seen before, gone on (emptied, rolled back, another run), is not believed: all is
 * compared, what is newer here stays, and is given back to the store.
 */
import type { Instrument } from '#market-data';
import type { Log } from '../ops/log.js';
import {
  type ChangeNote,
  type ChangesPage,
  STORE_CALL_INSTRUMENTS_MAX,
  type SymbolStore,
} from './symbol-store.js';
import type { SymbolTable } from './symbol-table.js';

/** Since the start. */
export interface ComparisonCounters {
  /** Comparisons that found nothing new. */
  current: number;
  /** Comparisons that found changes. */
  caughtUp: number;
  /** Comparisons of everything. */
  comparedAll: number;
  /** Bindings that were refused, each counted once. */
  conflicts: number;
  /** Instruments given back to a store that had lost them. */
  restored: number;
  /** Stored entries that are not instruments. */
  malformed: number;
}

export interface ComparisonParts {
  readonly store: SymbolStore;
  readonly table: SymbolTable;
  readonly log: Log;
  /** Wall time in µs, for the audit. */
  readonly nowUs: () => number;
  /** Told what is new or different; never of nothing. */
  readonly changed: (instruments: readonly Instrument[]) => void;
}

interface Applied {
  /** New, or other than known before. */
  readonly different: readonly Instrument[];
  /** As known here: newer than stored. */
  readonly newerHere: readonly Instrument[];
}

export class RegistryComparison {
  readonly counters: ComparisonCounters = {
    current: 0,
    caughtUp: 0,
    comparedAll: 0,
    conflicts: 0,
    restored: 0,
    malformed: 0,
  };
  /** Refused bindings as `symbol/sid`: each is one alarm, not one every few seconds. */
  private readonly refused = new Set<string>();
  private origin = '';
  private shown = 0;
  /** Instruments that the store held when it was last compared. */
  private storedSize = 0;

  constructor(private readonly parts: ComparisonParts) {}

  /** Version of the store that the table shows. */
  get version(): number {
    return this.shown;
  }

  /** Not to be called again before it is through. @throws StoreUnavailable */
  async run(): Promise<void> {
    const page = await this.read(this.shown);
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
      const { different, newerHere } = this.apply(page);
      // Listeners find the version that they are told of; they are told also when giving back fails.
      if (newerHere.length === 0) this.show(page);
      this.tell(different);
      // Another process gave the store back what it knew, and knew less.
      if (newerHere.length > 0) {
        await this.giveBack(newerHere);
        this.show(page);
      }
    }
    this.counters.caughtUp++;
  }

  /** What is shown stays until all is done: a comparison that fails in the middle is made again from its start. */
  private async compareAll(storedVersion: number): Promise<void> {
    const versionBySymbol = new Map<string, number>();
    let last = await this.read(0);
    for await (const page of this.pages(last)) {
      this.tell(this.apply(page).different);
      for (const { symbol, version } of page.instruments) versionBySymbol.set(symbol, version);
      last = page;
    }
    const newerHere = [...this.parts.table.all()].filter(
      (known) => (versionBySymbol.get(known.symbol) ?? 0) < known.version,
    );
    if (newerHere.length > 0 || storedVersion < this.shown) {
      const found = { storedVersion, knownVersion: this.shown, instruments: newerHere.length };
      this.parts.log.error(found, 'registry: the store lost changes; what is known here is given back');
      await this.giveBack(newerHere);
      last = await this.read(last.version);
    }
    for await (const page of this.pages(last)) {
      const { different } = this.apply(page);
      this.show(page);
      this.tell(different);
    }
    this.counters.comparedAll++;
  }

  private read(version: number): Promise<ChangesPage> {
    return this.parts.store.changesAfter(version, STORE_CALL_INSTRUMENTS_MAX);
  }

  private async *pages(first: ChangesPage): AsyncIterable<ChangesPage> {
    let page = first;
    for (;;) {
      yield page;
      if (page.through >= page.version) return;
      page = await this.read(page.through);
    }
  }

  private show(page: ChangesPage): void {
    this.shown = page.through;
    this.origin = page.origin;
    this.storedSize = page.size;
  }

  private tell(different: readonly Instrument[]): void {
    if (different.length > 0) this.parts.changed(different);
  }

  private apply(page: ChangesPage): Applied {
    const { table, log } = this.parts;
    const different: Instrument[] = [];
    const newerHere: Instrument[] = [];
    for (const instrument of page.instruments) {
      const applied = table.apply(instrument);
      if (applied === 'new' || applied === 'changed') different.push(instrument);
      else if (applied === 'older') newerHere.push(table.bySymbol(instrument.symbol)!);
      else if (applied === 'conflict')
        this.refuse(instrument, 'what the store says contradicts what is known');
    }
    for (const line of page.malformed) {
      this.counters.malformed++;
      log.error({ stored: line }, 'registry: a stored entry is not an instrument');
    }
    return { different, newerHere };
  }

  private async giveBack(known: readonly Instrument[]): Promise<void> {
    const note: ChangeNote = {
      action: 'restore',
      actor: 'registry',
      reason: 'The store had lost changes',
      requestId: null,
      ip: null,
      timeUs: this.parts.nowUs(),
    };
    const { restored, conflicts } = await this.parts.store.restore(known, this.shown, note);
    this.counters.restored += restored;
    for (const symbol of conflicts) {
      this.refuse(this.parts.table.bySymbol(symbol)!, 'what is known contradicts what the store holds');
    }
  }

  private refuse(instrument: Instrument, why: string): void {
    const { table, log } = this.parts;
    const { symbol, sid } = instrument;
    if (this.refused.has(`${symbol}/${sid}`)) return;
    this.refused.add(`${symbol}/${sid}`);
    this.counters.conflicts++;
    const known = { bySymbol: table.bySymbol(symbol), bySid: table.bySid(sid) };
    log.error({ code: 'registry_conflict', refused: instrument, known, why }, 'registry conflict');
  }
}

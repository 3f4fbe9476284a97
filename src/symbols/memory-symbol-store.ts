/**
 * The registry of an embedded process: the same answers as the scripts of the Redis form, kept in memory only. Several
 * views may share one store, as several processes share a Redis.
 */
import { randomUUID } from 'node:crypto';
import { type Instrument } from '#market-data';
import { type InstrumentDefinition, type InstrumentPatch, sameBinding } from './instrument-rules.js';
import {
  AUDIT_ENTRIES_MAX,
  type AuditEntry,
  type ChangeAnswer,
  type ChangeNote,
  type ChangesPage,
  type CreateAnswer,
  type RestoreAnswer,
  type StoreListener,
  type SymbolStore,
} from './symbol-store.js';

interface Stored {
  instrument: Instrument;
  position: number;
}

export class MemorySymbolStore implements SymbolStore {
  private readonly storedBySymbol = new Map<string, Stored>();
  private readonly symbolBySid = new Map<number, string>();
  private readonly listeners = new Set<StoreListener>();
  private audit: AuditEntry[] = [];
  private auditCount = 0;
  private version = 0;
  private sidLast = 0;
  private seeded = false;

  /** @param origin a name that no other store has */
  constructor(private readonly origin: string = randomUUID()) {}

  whenReady(): Promise<void> {
    return Promise.resolve();
  }

  async changesAfter(version: number, count: number): Promise<ChangesPage> {
    const later: Stored[] = [];
    if (version < this.version) {
      for (const stored of this.storedBySymbol.values()) if (stored.position > version) later.push(stored);
      later.sort((a, b) => a.position - b.position);
    }
    const page = later.slice(0, count);
    return {
      origin: this.version === 0 ? '' : this.origin,
      version: this.version,
      size: this.storedBySymbol.size,
      seeded: this.seeded,
      through: page.length < later.length ? page[page.length - 1]!.position : this.version,
      instruments: page.map((stored) => stored.instrument),
      malformed: [],
    };
  }

  async change(
    symbol: string,
    patch: InstrumentPatch,
    expectedVersion: number | null,
    note: ChangeNote,
  ): Promise<ChangeAnswer> {
    const before = this.storedBySymbol.get(symbol)?.instrument;
    if (before === undefined) return { outcome: 'unknown_symbol' };
    if (expectedVersion !== null && expectedVersion !== before.version) {
      return { outcome: 'version_mismatch', instrument: before };
    }
    const patched = { ...before, ...patch };
    const differs = (Object.keys(patch) as (keyof InstrumentPatch)[]).some(
      (key) => patched[key] !== before[key],
    );
    const statusReason = statusChanges(before, patched) ? note.reason : before.statusReason;
    const after = differs ? this.write({ ...patched, statusReason, version: this.version + 1 }) : before;
    this.record(note, [symbol], before, after);
    if (differs) this.announce();
    return { outcome: differs ? 'changed' : 'unchanged', instrument: after };
  }

  async create(
    definitions: readonly InstrumentDefinition[],
    sizeMax: number,
    note: ChangeNote,
  ): Promise<readonly CreateAnswer[]> {
    const answers = definitions.map((definition) => this.createOne(definition, sizeMax));
    const created = answers.flatMap((answer) => (answer.outcome === 'created' ? [answer.instrument] : []));
    this.recordMany(note, created);
    return answers;
  }

  async seed(definitions: readonly InstrumentDefinition[], note: ChangeNote): Promise<number> {
    if (this.seeded) return 0;
    const answers = await this.create(definitions, definitions.length + this.storedBySymbol.size, note);
    this.seeded = true;
    return answers.filter((answer) => answer.outcome === 'created').length;
  }

  async restore(known: readonly Instrument[], version: number, note: ChangeNote): Promise<RestoreAnswer> {
    this.version = Math.max(this.version, version);
    this.seeded = true;
    const restored: Instrument[] = [];
    const conflicts: string[] = [];
    for (const instrument of known) {
      const stored = this.storedBySymbol.get(instrument.symbol)?.instrument;
      const holder = this.symbolBySid.get(instrument.sid) ?? instrument.symbol;
      if (holder !== instrument.symbol || (stored !== undefined && !sameBinding(stored, instrument))) {
        conflicts.push(instrument.symbol);
      } else if (stored === undefined || stored.version < instrument.version) {
        restored.push(this.write(instrument));
      }
    }
    this.recordMany(note, restored);
    return { restored: restored.length, conflicts };
  }

  async auditAfter(id: string | null, count: number): Promise<readonly AuditEntry[]> {
    const number = id === null ? 0 : auditNumber(id);
    return this.audit.filter((entry) => auditNumber(entry.id) > number).slice(0, count);
  }

  async follow(listener: StoreListener): Promise<() => Promise<void>> {
    this.listeners.add(listener);
    await new Promise(setImmediate);
    listener.up();
    return async () => void this.listeners.delete(listener);
  }

  private createOne(definition: InstrumentDefinition, sizeMax: number): CreateAnswer {
    const stored = this.storedBySymbol.get(definition.symbol);
    if (stored !== undefined) return { outcome: 'exists', instrument: stored.instrument };
    if (this.storedBySymbol.size >= sizeMax) return { outcome: 'registry_full' };
    const instrument = this.write({
      ...definition,
      statusReason: null,
      sid: this.sidLast + 1,
      version: this.version + 1,
    });
    return { outcome: 'created', instrument };
  }

  private write(instrument: Instrument): Instrument {
    const frozen = Object.freeze({ ...instrument });
    this.version++;
    this.sidLast = Math.max(this.sidLast, frozen.sid);
    this.storedBySymbol.set(frozen.symbol, { instrument: frozen, position: this.version });
    this.symbolBySid.set(frozen.sid, frozen.symbol);
    return frozen;
  }

  private recordMany(note: ChangeNote, written: readonly Instrument[]): void {
    if (written.length === 0) return;
    const symbols = written.map((instrument) => instrument.symbol);
    this.record(note, symbols, null, symbols.length === 1 ? written[0]! : null);
    this.announce();
  }

  private record(
    note: ChangeNote,
    symbols: readonly string[],
    before: Instrument | null,
    after: Instrument | null,
  ): void {
    const id = `${++this.auditCount}-0`;
    this.audit.push(Object.freeze({ ...note, id, version: this.version, symbols, before, after }));
    // Trimmed by a tenth at once: moving a long array for each entry would cost more than the entry.
    if (this.audit.length > AUDIT_ENTRIES_MAX * 1.1) this.audit = this.audit.slice(-AUDIT_ENTRIES_MAX);
  }

  private announce(): void {
    const version = this.version;
    setImmediate(() => {
      for (const listener of this.listeners) listener.announced(version);
    });
  }
}

function statusChanges(a: Instrument, b: Instrument): boolean {
  return a.enabled !== b.enabled || a.tradingStatus !== b.tradingStatus;
}

function auditNumber(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}

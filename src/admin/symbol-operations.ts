/**
 * What operators do to symbols. A change is answered when it is stored and this process's view shows it; other
 * processes follow within moments. Saying again what already holds (enable what is enabled) succeeds without a new
 * version, and is kept in the audit: that someone asked for it, and why, may matter later.
 */
import type { Instrument } from '#market-data';
import { Problem } from '../problem.js';
import type { InstrumentDefinition, InstrumentPatch } from '../symbols/instrument-rules.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { AuditEntry, ChangeNote, SymbolStore } from '../symbols/symbol-store.js';

export interface SymbolFilter {
  /** Part of the symbol or name, in any case. */
  readonly part: string | undefined;
  readonly group: string | undefined;
  readonly enabled: boolean | undefined;
  /** Begins after this symbol. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface SymbolsFound {
  readonly instruments: readonly Instrument[];
  /** Whether more follow. */
  readonly more: boolean;
}

export class SymbolOperations {
  constructor(
    private readonly store: SymbolStore,
    private readonly registry: SymbolRegistry,
    private readonly limits: { readonly symbolsMax: number; readonly coalesceIntervalMs: number },
  ) {}

  /** In the order of sids: that of creation, so that pages stay the same while symbols are added. */
  list(filter: SymbolFilter): SymbolsFound {
    const part = filter.part?.toLowerCase();
    const from = filter.after === undefined ? 0 : this.sidOf(filter.after);
    const instruments: Instrument[] = [];
    for (const instrument of this.registry.all()) {
      if (instrument.sid <= from) continue;
      if (filter.group !== undefined && instrument.group !== filter.group) continue;
      if (filter.enabled !== undefined && instrument.enabled !== filter.enabled) continue;
      if (part !== undefined && !`${instrument.symbol}\n${instrument.name}`.toLowerCase().includes(part))
        continue;
      if (instruments.length === filter.limit) return { instruments, more: true };
      instruments.push(instrument);
    }
    return { instruments, more: false };
  }

  /** @throws Problem symbol_not_found */
  get(symbol: string): Instrument {
    const instrument = this.registry.bySymbol(symbol);
    if (instrument === undefined) throw new Problem('symbol_not_found', { symbol });
    return instrument;
  }

  /** @throws Problem symbol_exists, registry_full, registry_conflict, invalid_body; StoreUnavailable */
  async create(definition: InstrumentDefinition, note: ChangeNote): Promise<Instrument> {
    const { symbol } = definition;
    if (definition.volumeScale > definition.sizeScale) {
      const message = `Expected at most sizeScale (${definition.sizeScale}), was ${definition.volumeScale}`;
      throw invalidField('volumeScale', message);
    }
    this.checkInterval(definition.coalesceIntervalMs);
    const [answer] = await this.store.create([definition], this.limits.symbolsMax, note);
    if (answer?.outcome === 'exists')
      throw new Problem('symbol_exists', { symbol, version: answer.instrument.version });
    if (answer?.outcome !== 'created')
      throw new Problem('registry_full', { symbolsMax: this.limits.symbolsMax });
    return this.shown(answer.instrument);
  }

  /**
   * @param versions that the change may be made on; null = any
   * @throws Problem symbol_not_found, version_mismatch, registry_conflict, invalid_body; StoreUnavailable
   */
  async change(
    symbol: string,
    patch: InstrumentPatch,
    versions: readonly number[] | null,
    note: ChangeNote,
  ): Promise<Instrument> {
    this.checkInterval(patch.coalesceIntervalMs);
    const answer = await this.store.change(symbol, patch, this.expected(symbol, versions), note);
    if (answer.outcome === 'unknown_symbol') throw new Problem('symbol_not_found', { symbol });
    const { version } = answer.instrument;
    if (answer.outcome === 'version_mismatch') {
      const detail = `Expected version ${versions?.join(' or ') || 'none'}, was ${version} (${symbol})`;
      throw new Problem('version_mismatch', { detail, symbol, version });
    }
    return this.shown(answer.instrument);
  }

  /** Oldest first. @throws StoreUnavailable */
  audit(after: string | null, count: number): Promise<readonly AuditEntry[]> {
    return this.store.auditAfter(after, count);
  }

  /** The store compares with one version: of several allowed ones that is the one that holds now, if any. */
  private expected(symbol: string, versions: readonly number[] | null): number | null {
    if (versions === null) return null;
    const current = this.registry.bySymbol(symbol)?.version;
    return versions.find((version) => version === current) ?? versions[0] ?? 0;
  }

  private sidOf(symbol: string): number {
    const sid = this.registry.bySymbol(symbol)?.sid;
    if (sid !== undefined) return sid;
    throw new Problem('invalid_query', {
      detail: `after: Expected a known symbol, was ${symbol}`,
      errors: [{ field: 'after', message: `Expected a known symbol, was ${symbol}` }],
    });
  }

  /** A symbol can only be slower than the service: a smaller number would promise what is not kept. */
  private checkInterval(intervalMs: number | null | undefined): void {
    const { coalesceIntervalMs } = this.limits;
    if (intervalMs === undefined || intervalMs === null || intervalMs >= coalesceIntervalMs) return;
    const message = `Expected at least the service's ${coalesceIntervalMs} ms, or null, was ${intervalMs}`;
    throw invalidField('coalesceIntervalMs', message);
  }

  private async shown(stored: Instrument): Promise<Instrument> {
    const shows = () => this.registry.bySymbol(stored.symbol);
    if ((shows()?.version ?? 0) < stored.version) await this.registry.reconcile();
    const shown = shows();
    if (shown === undefined || shown.sid !== stored.sid || shown.version < stored.version) {
      throw new Problem('registry_conflict', { symbol: stored.symbol });
    }
    // Another change may already have come after this one: the answer is about this one.
    return stored;
  }
}

function invalidField(field: string, message: string): Problem {
  return new Problem('invalid_body', { detail: `${field}: ${message}`, errors: [{ field, message }] });
}

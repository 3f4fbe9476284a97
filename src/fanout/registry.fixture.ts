/** A small real registry in memory, for specs that need one before anything is stored. */
import { AUTO_REGISTERED, type Instrument, partitionOf } from '#market-data';
import type { RegistryListener, SymbolRegistry } from '../symbols/symbol-registry.js';
import { StoreUnavailable } from './store-unavailable.js';

export function instrument(sid: number, more: Partial<Instrument> = {}): Instrument {
  return {
    ...{ sid, symbol: `S${sid}`, name: '', exchange: '', group: 'spec', priceScale: 4, sizeScale: 0 },
    ...{ volumeScale: 0, enabled: true, tradingStatus: 'open', coalesceIntervalMs: null, version: sid },
    ...more,
  };
}

export class ListedRegistry implements SymbolRegistry {
  private readonly instruments = new Map<number, Instrument>();
  private readonly listeners = new Set<RegistryListener>();
  private readonly hidden: Instrument[] = [];
  reconciled = 0;
  unavailable = false;

  constructor(
    instruments: readonly Instrument[],
    private readonly partitions = 1,
  ) {
    for (const one of instruments) this.instruments.set(one.sid, one);
  }

  get version(): number {
    return this.instruments.size;
  }

  get size(): number {
    return this.instruments.size;
  }

  get sidMax(): number {
    return Math.max(0, ...this.instruments.keys());
  }

  bySymbol(symbol: string): Instrument | undefined {
    for (const one of this.instruments.values()) if (one.symbol === symbol) return one;
    return undefined;
  }

  bySid(sid: number): Instrument | undefined {
    return this.instruments.get(sid);
  }

  all(): Iterable<Instrument> {
    return this.instruments.values();
  }

  partition(sid: number): number {
    const one = this.instruments.get(sid);
    return one === undefined ? -1 : partitionOf(one.symbol, this.partitions);
  }

  watch(listener: RegistryListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Registered in the store, but this view learns of it only by reconciling. */
  addUnseen(one: Instrument): void {
    this.hidden.push(one);
  }

  async register(symbols: readonly string[]): Promise<ReadonlyMap<string, Instrument>> {
    const answers = new Map<string, Instrument>();
    for (const symbol of symbols) {
      const known = this.bySymbol(symbol) ?? instrument(this.sidMax + 1, { symbol, ...AUTO_REGISTERED });
      this.instruments.set(known.sid, known);
      answers.set(symbol, known);
    }
    for (const listener of this.listeners) listener([...answers.values()]);
    return answers;
  }

  async reconcile(): Promise<void> {
    if (this.unavailable) throw new StoreUnavailable('the registry does not answer');
    this.reconciled++;
    const changed = this.hidden.splice(0);
    for (const one of changed) this.instruments.set(one.sid, one);
    for (const listener of this.listeners) listener(changed);
  }
}

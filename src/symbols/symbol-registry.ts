/**
 * What exists and what is switched on, as every room of this process sees it: a complete, synchronous view of the
 * stored registry. Reads cost a lookup and never wait. The view is loaded before the process is ready, follows
 * announcements, and is compared with the store by version after every reconnect and every 5 s.
 */
import type { Instrument } from '#market-data';

export interface SymbolRegistry {
  /** Version of the store that this view shows; rises by 1 with every change. */
  readonly version: number;
  /** Highest sid that is in use: tables are indexed by sid. */
  readonly sidMax: number;
  readonly size: number;
  bySymbol(symbol: string): Instrument | undefined;
  bySid(sid: number): Instrument | undefined;
  /** All instruments, in the order of their sids. */
  all(): Iterable<Instrument>;
  /** Partition of a known sid, 0 to partitions - 1; -1 for an unknown sid. Computed once per symbol. */
  partition(sid: number): number;
  /**
   * Called after the view changed, with the instruments that are new or different, in the order of their versions.
   * @returns stops the calls
   */
  watch(listener: RegistryListener): () => void;
  /**
   * Registers unknown symbols in one call, with the reference data of AUTO_REGISTERED. Those already known keep theirs.
   * When it resolves, the view shows them.
   * @returns per symbol its instrument, or why there is none
   * @throws StoreUnavailable when the store does not answer
   */
  register(
    symbols: readonly string[],
  ): Promise<ReadonlyMap<string, Instrument | 'registry_full' | 'registry_conflict'>>;
  /** Compares with the store now and catches up. @throws StoreUnavailable when the store does not answer */
  reconcile(): Promise<void>;
}

export type RegistryListener = (changed: readonly Instrument[]) => void;

/** Nest token of the SymbolRegistry. */
export const SYMBOL_REGISTRY = Symbol('SYMBOL_REGISTRY');

/**
 * The durable log of accepted ticks of one partition, before coalescing, as the feed process writes it. The owner reads
 * it through its PartitionStore and trims it behind the committed offset.
 */
import type { ConnectionListener } from './partition-store.js';

export interface Append {
  /** The run of the store that the writer believes in; empty when it has not heard of one. */
  readonly run: string;
  /** Entries (log-entry.ts) in order; none only asks for the run. */
  readonly entries: readonly Uint8Array[];
  /** Appended again on another run: it may take twice the room, so that a busy log does not hold it back. */
  readonly isTail?: boolean;
  /** `mark:…` fields of the sessions that this writer has not seen stored in this partition. */
  readonly newMarks: readonly string[];
}

export type AppendAnswer =
  | { readonly kind: 'stored' }
  /** The log holds as many entries as it may: nothing was stored. */
  | { readonly kind: 'full' }
  /** The partition remembers as many feed sessions as it may, and these of `newMarks` are not among them. */
  | { readonly kind: 'sessions_full'; readonly marks: readonly string[] }
  /** The store is another run: nothing was stored. Append the tail first. */
  | { readonly kind: 'run'; readonly run: string };

export interface TickLog {
  /**
   * Stores all entries or none.
   * @throws StoreUnavailable when it was not answered, or (where acknowledged means replicated) a replica lags: the
   *   entries may be stored, and are repeated as they are
   */
  append(partition: number, append: Append): Promise<AppendAnswer>;
  /** What `issue` sends goes out in one write. */
  together(issue: () => void): void;
  /** @returns ends it */
  watch(listener: ConnectionListener): () => void;
}

/** Entries that a log may hold, for this append. */
export function entriesMaxFor({ isTail = false }: Append, { entriesMax }: TickLogLimits): number {
  return isTail ? 2 * entriesMax : entriesMax;
}

export interface TickLogLimits {
  /** Entries of one partition; beyond: `full`. */
  readonly entriesMax: number;
  /** Feed sessions that a partition remembers; beyond: `sessions_full`. */
  readonly marksMax: number;
}

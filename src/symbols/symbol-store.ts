/**
 * The stored registry: every instrument, one version that rises by 1 with every change, and the audit. Each call is
 * atomic: the expected version is checked, the change written, numbered, audited and announced, or nothing is.
 * Nothing is ever deleted: a sid, once given, means the same symbol and scales for good.
 *
 * Beside its own `version` (the registry version at which it last changed) each instrument has a position among the
 * changes, by which they are read back. The two differ after a restore: the instrument is written again, at a new
 * position, but it did not change.
 */
import type { Instrument } from '#market-data';
import type { InstrumentDefinition, InstrumentPatch } from './instrument-rules.js';

export interface SymbolStore {
  /** For the start of a process. @throws StoreUnavailable when the store does not answer within 10 s */
  whenReady(): Promise<void>;

  /**
   * Instruments whose position is above `version`, in order of positions, at most `count`.
   * @throws StoreUnavailable
   */
  changesAfter(version: number, count: number): Promise<ChangesPage>;

  /**
   * Changes one instrument. A patch that changes nothing is audited, but makes no version; one that changes `enabled` or
   * `tradingStatus` makes the note's reason the instrument's `statusReason`.
   * @param expectedVersion the instrument's version that the change was decided on; null = any
   * @throws StoreUnavailable; then it is unknown whether the change was stored
   */
  change(
    symbol: string,
    patch: InstrumentPatch,
    expectedVersion: number | null,
    note: ChangeNote,
  ): Promise<ChangeAnswer>;

  /**
   * Creates those that do not exist, each with the next sid and version. Resolves when connected replicas have them:
   * a sid must not be given twice after a failover.
   * @param sizeMax instruments that the registry may hold; beyond: `registry_full`
   * @returns one answer per definition, in their order
   * @throws StoreUnavailable; then it is unknown which were stored, and the call may be repeated
   */
  create(
    definitions: readonly InstrumentDefinition[],
    sizeMax: number,
    note: ChangeNote,
  ): Promise<readonly CreateAnswer[]>;

  /**
   * Fills a registry that was never filled: creates what does not exist. Any number of processes may do so at once; who
   * comes later changes nothing.
   * @returns how many this call created
   * @throws StoreUnavailable; the call may be repeated
   */
  seed(definitions: readonly InstrumentDefinition[], note: ChangeNote): Promise<number>;

  /**
   * Gives back to a store that lost changes what this process knows: writes an instrument that is missing, or older than
   * the one known, under its known sid and version. Lifts the registry's version at least to `version`.
   * @throws StoreUnavailable; the call may be repeated
   */
  restore(known: readonly Instrument[], version: number, note: ChangeNote): Promise<RestoreAnswer>;

  /**
   * Audit entries after the one with this id (null: from the oldest that is kept), oldest first, at most `count`.
   * @throws StoreUnavailable
   */
  auditAfter(id: string | null, count: number): Promise<readonly AuditEntry[]>;

  /** Subscribes to announcements; resolves after the first `up`. @returns ends it @throws StoreUnavailable */
  follow(listener: StoreListener): Promise<() => Promise<void>>;
}

export interface StoreListener {
  /** A change was stored. Never called inside the call that made it: always in a later turn of the event loop. */
  announced(version: number): void;
  /** Subscribed or connected again: announcements may have been missed before this. */
  up(): void;
}

export interface ChangesPage {
  /**
   * Names where the numbers come from: another origin than before means that changes may have been lost or numbered
   * anew, so all must be compared. Empty when nothing was ever stored.
   */
  readonly origin: string;
  /** The registry's version; 0 when nothing was ever stored. */
  readonly version: number;
  /** Instruments that the registry holds. */
  readonly size: number;
  /** Whether it was ever filled, by a seed or by a restore. */
  readonly seeded: boolean;
  /** The position up to which this page reaches; `version` when it is the last. */
  readonly through: number;
  readonly instruments: readonly Instrument[];
  /** What is stored but is not an instrument, each as a line for the log. */
  readonly malformed: readonly string[];
}

export type ChangeAnswer =
  | { readonly outcome: 'changed' | 'unchanged' | 'version_mismatch'; readonly instrument: Instrument }
  | { readonly outcome: 'unknown_symbol' };

export type CreateAnswer =
  | { readonly outcome: 'created' | 'exists'; readonly instrument: Instrument }
  | { readonly outcome: 'registry_full' };

export interface RestoreAnswer {
  readonly restored: number;
  /** Symbols whose sid or scales are stored otherwise; they were left as they are. */
  readonly conflicts: readonly string[];
}

export const CHANGE_ACTIONS = [
  'seed',
  'register',
  'create',
  'patch',
  'enable',
  'disable',
  'halt',
  'resume',
  'restore',
] as const;
export type ChangeAction = (typeof CHANGE_ACTIONS)[number];

/** Who changes something, how, why and when: what the audit keeps beside the change itself. */
export interface ChangeNote {
  readonly action: ChangeAction;
  /** Name of a key, or of the part of this program that acts by itself; never a secret. */
  readonly actor: string;
  readonly reason: string;
  readonly requestId: string | null;
  readonly ip: string | null;
  /** Wall time, µs since the Unix epoch. */
  readonly timeUs: number;
}

export interface AuditEntry extends ChangeNote {
  /** Rises; names the place to read on from. */
  readonly id: string;
  /** The registry's version after it. */
  readonly version: number;
  /** What was changed; one symbol for operators' changes, many for seed, register and restore. */
  readonly symbols: readonly string[];
  /** Whole instruments, when one symbol was changed; null otherwise, and before it was created. */
  readonly before: Instrument | null;
  readonly after: Instrument | null;
}

/** Instruments in one call to the store: a script must not keep the store from others for more than a few ms. */
export const STORE_CALL_INSTRUMENTS_MAX = 500;

/** Entries the audit keeps, about 60 MB in Redis; older ones are trimmed. */
export const AUDIT_ENTRIES_MAX = 100_000;

/** Nest token of the SymbolStore. */
export const SYMBOL_STORE = Symbol('SYMBOL_STORE');

/** Cuts a list into pieces for single calls; one empty piece for an empty list. */
export function pieces<T>(items: readonly T[]): readonly (readonly T[])[] {
  const cut: (readonly T[])[] = [];
  for (let from = 0; from === 0 || from < items.length; from += STORE_CALL_INSTRUMENTS_MAX) {
    cut.push(items.slice(from, from + STORE_CALL_INSTRUMENTS_MAX));
  }
  return cut;
}

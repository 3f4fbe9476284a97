/**
 * What a run leaves behind, from three sides that know nothing of each other: what feed handlers sent and were
 * acknowledged, what was on the tape, and what each client was sent. The checker judges it.
 */
import type { StreamRecord, Values } from '../../support/records.js';

export interface SentTrade {
  /** Different for every trade of a run. */
  readonly id: string;
  readonly symbol: string;
  /** Whose order holds: a handler's session, or the line of a pair. */
  readonly source: string;
  /** Rises along the source. */
  readonly order: number;
  /** One handler of a pair left it out: it may come behind later ones. */
  readonly late: boolean;
  acknowledged: boolean;
}

export interface TapeTrade {
  readonly seq: number;
  readonly id: string | null;
  readonly price: number;
  readonly size: number | null;
}

export interface TapeSymbol {
  readonly sid: number;
  readonly seq: number;
  /** The fields that changed. */
  readonly values: Values;
  readonly trades: readonly TapeTrade[];
}

export interface TapeBatch {
  readonly partition: number;
  readonly epoch: number;
  readonly number: number;
  /** Of its bytes. */
  readonly hash: string;
  readonly symbols: readonly TapeSymbol[];
}

/** One more place or time at which a batch was seen. */
export interface Sighting {
  readonly partition: number;
  readonly epoch: number;
  readonly number: number;
  readonly hash: string;
  readonly where: string;
}

export interface Noted {
  /** ms, on the clock of the test. */
  readonly atMs: number;
  /** From 1, one more at each reconnect. */
  readonly connection: number;
  readonly record: StreamRecord;
}

export interface ClientLog {
  readonly name: string;
  readonly records: readonly Noted[];
  /** Breaches that the client itself saw on the way. */
  readonly faults: readonly string[];
}

export interface SymbolName {
  readonly symbol: string;
  readonly partition: number;
}

/** An image as a fresh subscriber was told it. */
export interface OwnerImage {
  readonly epoch: number;
  readonly seq: number;
  readonly values: Values;
}

export interface ProcessRecord {
  readonly name: string;
  /** How it ended though nobody ended it; null when it runs, or was ended on purpose. */
  readonly ended: string | null;
  readonly megabytesMax: number;
}

export interface History {
  readonly sent: readonly SentTrade[];
  /** Ticks that were refused, in words: the load is all valid. */
  readonly refused: readonly string[];
  /** Every batch that was ever published, by partition, epoch and number. */
  readonly published: readonly TapeBatch[];
  /** What the tape holds at the end; null where the store was emptied on purpose. */
  readonly stored: readonly TapeBatch[] | null;
  readonly sightings: readonly Sighting[];
  readonly symbols: ReadonlyMap<number, SymbolName>;
  readonly clients: readonly ClientLog[];
  /** By sid, as fresh subscribers of each gateway were told at the end. */
  readonly images: readonly ReadonlyMap<number, OwnerImage>[];
  readonly processes: readonly ProcessRecord[];
  readonly megabytesLimit: number;
}

export const INVARIANTS = {
  lost: 'an acknowledged trade is on the tape',
  doubled: 'a trade is on the tape once',
  reordered: 'trades of a source are on the tape in its order',
  foreign: 'what is on the tape was sent',
  refused: 'valid ticks are taken',
  tape_hole: 'numbers on the tape follow each other inside an epoch',
  two_meanings: 'a number of an epoch never stands for two different things',
  epoch_backwards: 'epochs only grow',
  seq_backwards: 'a client’s sequences rise inside an epoch',
  silent_hole: 'a client is told of every trade that it does not get',
  gap_wrong: 'a gap names what is missing',
  trade_differs: 'a client’s trades are those of the tape',
  missing_trade: 'a client ends with the last trade of the tape',
  image_differs: 'image + updates is the owner’s state, always',
  image_old: 'a client ends with the owner’s newest image',
  sum_wrong: 'an image counts each trade once',
  stale_stays: 'stale is followed by fresh',
  breach: 'a client sees nothing that the protocol page excludes',
  restarted: 'no process has to be restarted',
  memory: 'memory stays bounded',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface Finding {
  readonly invariant: Invariant;
  readonly witness: string;
}

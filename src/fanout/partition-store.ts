/**
 * Where the owner of a partition keeps it: lease, numbers, tape, checkpoint, marks of the feed sessions, and how far
 * the tick log was read. The owner makes the numbers, the store only checks them: a counter in a store with
 * asynchronous replicas runs backwards in a failover. Expected answers are values; only a store that does not answer
 * throws (StoreUnavailable: whether the call ran is unknown, so the caller repeats it as it was).
 */
import type { PartitionState } from './tape.js';

/** Reads the log from its beginning. */
export const LOG_START = '0-0';

/** Who speaks. Two tokens: the lease's says who may write now, the epoch's that the numbering is the same one. */
export interface OwnerPosition {
  /** New at every acquiring. */
  readonly leaseToken: string;
  /** Made when the epoch began, taken over by an owner that goes on in it. */
  readonly epochToken: string;
  readonly epoch: number;
  readonly number: number;
  /** The run of the store that the owner believes in. */
  readonly run: string;
}

export interface TapeId {
  readonly epoch: number;
  readonly number: number;
}

/** One batch, or with `batch` null a heartbeat: the same checks, the same renewal of the lease. */
export interface Commit extends OwnerPosition {
  /** A batch: `number` is the one after the stored one. A heartbeat: `number` is the stored one. */
  readonly kind: 'batch' | 'heartbeat';
  /** The bytes for the tape (a batch) and the live channel. */
  readonly message: Uint8Array;
  /** Wall time of the owner in ms, kept on the tape for the trimming of a later owner. */
  readonly timeMs: number;
  /** How far the log is in the batch; null leaves the stored offset as it is. */
  readonly offset: string | null;
  /** All images as of `number`, when due. */
  readonly checkpoint: Uint8Array | null;
  /** `mark:…` fields and their values; only those that moved. */
  readonly marksMoved: readonly (readonly [field: string, value: string])[];
  readonly marksDropped: readonly string[];
  /** Oldest batch to keep on the tape; null trims nothing. */
  readonly tapeKeepFrom: TapeId | null;
}

export type CommitAnswer =
  | { readonly kind: 'stored' }
  /** The number is on the tape already; nothing was sent. */
  | { readonly kind: 'repeated' }
  /** The lease is another owner's: step back. */
  | { readonly kind: 'fenced' }
  /** The numbering went on without this owner: step back. */
  | { readonly kind: 'old_epoch' }
  /** The newest stored number of this epoch: refill from there. */
  | { readonly kind: 'gap'; readonly number: number }
  /** The partition is empty, though this owner had filled it. */
  | { readonly kind: 'meta_lost' }
  /** The store is another run: what was acknowledged may be lost; read again, then repeat. */
  | { readonly kind: 'run'; readonly run: string }
  /** The tape refuses the id: it holds `lastEpoch`, though `meta` does not know it. Take an epoch above. */
  | { readonly kind: 'refused'; readonly lastEpoch: number };

export type AcquireAnswer =
  | { readonly kind: 'held' }
  | {
      readonly kind: 'acquired';
      /** 0 when nothing was ever committed. */
      readonly epoch: number;
      readonly epochToken: string;
      readonly number: number;
      readonly offset: string;
      /** Run of the store now, and at the last commit. */
      readonly run: string;
      readonly runOfCommit: string;
      /** Fields `mark:…` as committed. */
      readonly marks: ReadonlyMap<string, string>;
    };

export interface LogEntry {
  /** A place to read from, never an identity. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

export type LogRead =
  | { readonly kind: 'run'; readonly run: string }
  | {
      readonly kind: 'entries';
      readonly entries: readonly LogEntry[];
      /** The read ended at LOG_READ_BYTES_MAX, there may be more. */
      readonly more: boolean;
    };

/**
 * One read of the log ends with the page in which it passes this: 16 partitions make 4 MiB, about 100,000 ticks, which
 * an owner applies in some 100 ms.
 */
export const LOG_READ_BYTES_MAX = 262_144;
export const LOG_PAGE_ENTRIES = 4;

export interface TapeMeasure extends TapeId {
  readonly bytes: number;
  /** `timeMs` of its commit. */
  readonly timeMs: number;
}

/** `lost` when the connection breaks, `back` when it serves again; a first connection is neither. */
export interface ConnectionListener {
  lost(): void;
  back(): void;
}

export interface PartitionStore {
  /** Takes the lease if it is free, or already has this token. */
  acquire(partition: number, leaseToken: string): Promise<AcquireAnswer>;
  /** Batch, heartbeat, lease renewal and refill. Nothing is stored, and nothing published, unless `stored`. */
  commit(partition: number, commit: Commit): Promise<CommitAnswer>;
  /** Gives the lease back and announces it; stores the last checkpoint if position and run still hold. */
  release(
    partition: number,
    position: OwnerPosition,
    checkpoint: Uint8Array | null,
  ): Promise<'released' | 'not_owner'>;
  /**
   * Log entries after `after`, or after the stored offset when it is null, oldest first. The run is checked: after a
   * failover ids may have begun lower, and a read by an old id would step over what was appended again.
   */
  readLog(partition: number, run: string, after: string | null): Promise<LogRead>;
  /** Checkpoint and the tape after it, read at once. */
  load(partition: number): Promise<PartitionState>;
  /** Sizes of the tape's batches before `before` (null: from the newest), newest first, at most `count`. */
  measureTape(partition: number, before: TapeId | null, count: number): Promise<readonly TapeMeasure[]>;
  /** What `issue` sends goes out in one write: the store pays per wake-up. */
  together(issue: () => void): void;
  /** @returns ends it */
  watch(listener: ConnectionListener): () => void;
}

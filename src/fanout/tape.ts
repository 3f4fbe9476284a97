/**
 * The tape: the ordered, numbered log of published batches of one partition, after coalescing. Owners write it (see
 * partition-store.ts), gateways read it here: live as it is published, and back when something was missed.
 */

/** One published batch; `bytes` are the very bytes of the live message. */
export interface TapeEntry {
  readonly epoch: number;
  /** From 1 in each epoch, +1 per batch. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** What a joining gateway needs, read in one transaction: state = checkpoint + entries after it. */
export interface PartitionState {
  /** 0 when nothing was ever published. */
  readonly epoch: number;
  readonly number: number;
  /** All images of the partition (checkpoint.ts), or null before the first. */
  readonly checkpoint: Uint8Array | null;
  /** The tape after the checkpoint, in order. */
  readonly entries: readonly TapeEntry[];
}

export interface TapeListener {
  /** A live batch or position heartbeat. Never called inside a commit: always in a later turn of the event loop. */
  message(partition: number, bytes: Uint8Array): void;
  /** Subscribed (again): messages may have been missed before this. */
  up(): void;
  /** The subscription is lost; `up` follows when it is back. */
  down(): void;
}

export interface Tape {
  /** @throws StoreUnavailable */
  load(partition: number): Promise<PartitionState>;
  /**
   * Entries with a number above `number` of this epoch, in order, at most `count`. A first entry above number + 1 means
   * the tape was trimmed, or the epoch is another one. @throws StoreUnavailable
   */
  readAfter(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]>;
  /** Entries with a number below `number` of this epoch, newest first, at most `count`. @throws StoreUnavailable */
  readBefore(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]>;
  /** Subscribes to all partitions; resolves when the first `up` was told. @returns ends it */
  follow(listener: TapeListener): Promise<() => Promise<void>>;
  /** Resolves when the store answered just now. @throws StoreUnavailable */
  ping(): Promise<void>;
}

/**
 * The store of an embedded process: the same keys and the same answers as the scripts on Redis, in this process's
 * memory. All memory forms share one. Nothing in it survives the process.
 */
import type { Clock } from '../clock.js';
import { LOG_START } from './partition-store.js';
import type { TapeEntry } from './tape.js';

export interface MemoryPartition {
  lease: { readonly token: string; readonly untilMs: number } | undefined;
  meta: MemoryMeta | undefined;
  image: Uint8Array | undefined;
  tape: MemoryTapeEntry[];
  /** The tape refuses ids up to this one, also after it was trimmed. */
  tapeTop: { readonly epoch: number; readonly number: number };
  log: { readonly id: number; readonly bytes: Uint8Array }[];
  logTop: number;
}

export interface MemoryMeta {
  epoch: number;
  token: string;
  number: number;
  run: string;
  /** Lease token of the owner that wrote last. */
  owner: string;
  offset: string;
  checkpoint: { readonly epoch: number; readonly number: number } | undefined;
  readonly marks: Map<string, string>;
}

export interface MemoryTapeEntry extends TapeEntry {
  readonly timeMs: number;
}

type LiveListener = (partition: number, bytes: Uint8Array) => void;
type ReleasedListener = (partition: number) => void;

export class MemoryStore {
  readonly nodes = new Map<string, number>();
  private readonly partitions = new Map<number, MemoryPartition>();
  private readonly liveListeners = new Set<LiveListener>();
  private readonly releasedListeners = new Set<ReleasedListener>();

  /** @param run random; another one stands for another run of the store */
  constructor(
    readonly clock: Clock,
    public run: string,
  ) {}

  partition(partition: number): MemoryPartition {
    let found = this.partitions.get(partition);
    if (found === undefined) {
      found = emptyPartition();
      this.partitions.set(partition, found);
    }
    return found;
  }

  onLive(listener: LiveListener): () => void {
    this.liveListeners.add(listener);
    return () => this.liveListeners.delete(listener);
  }

  onReleased(listener: ReleasedListener): () => void {
    this.releasedListeners.add(listener);
    return () => this.releasedListeners.delete(listener);
  }

  /** Delivers in a later turn of the event loop, never inside the commit, to those who listen then. */
  publishLive(partition: number, bytes: Uint8Array): void {
    setImmediate(() => {
      for (const listener of this.liveListeners) listener(partition, bytes);
    });
  }

  publishReleased(partition: number): void {
    setImmediate(() => {
      for (const listener of this.releasedListeners) listener(partition);
    });
  }
}

function emptyPartition(): MemoryPartition {
  return {
    lease: undefined,
    meta: undefined,
    image: undefined,
    tape: [],
    tapeTop: { epoch: 0, number: 0 },
    log: [],
    logTop: 0,
  };
}

/** Log ids are `n-0` here; LOG_START is before all of them. */
export function logIdOf(n: number): string {
  return n === 0 ? LOG_START : `${n}-0`;
}

export function logNumberOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}

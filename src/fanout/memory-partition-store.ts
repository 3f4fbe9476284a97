/** PartitionStore in memory: the same checks in the same order as the scripts on Redis. */
import {
  logIdOf,
  logNumberOf,
  type MemoryMeta,
  type MemoryPartition,
  type MemoryStore,
} from './memory-store.js';
import { loadMemoryPartition } from './memory-tape.js';
import {
  type AcquireAnswer,
  type Commit,
  type CommitAnswer,
  LOG_PAGE_ENTRIES,
  LOG_READ_BYTES_MAX,
  LOG_START,
  type LogEntry,
  type LogRead,
  type OwnerPosition,
  type PartitionStore,
  type TapeId,
  type TapeMeasure,
} from './partition-store.js';
import type { PartitionState } from './tape.js';

export class MemoryPartitionStore implements PartitionStore {
  constructor(
    private readonly store: MemoryStore,
    private readonly leaseMs: number,
  ) {}

  async acquire(partition: number, leaseToken: string): Promise<AcquireAnswer> {
    const kept = this.store.partition(partition);
    const lease = this.leaseOf(kept);
    if (lease !== undefined && lease !== leaseToken) return { kind: 'held' };
    this.renew(kept, leaseToken);
    const { meta } = kept;
    return {
      kind: 'acquired',
      epoch: meta?.epoch ?? 0,
      epochToken: meta?.token ?? '',
      number: meta?.number ?? 0,
      offset: meta?.offset ?? LOG_START,
      run: this.store.run,
      runOfCommit: meta?.run ?? '',
      marks: new Map(meta?.marks),
    };
  }

  async commit(partition: number, commit: Commit): Promise<CommitAnswer> {
    const kept = this.store.partition(partition);
    const refusal = this.check(kept, commit);
    if (refusal !== undefined) return refusal;
    this.renew(kept, commit.leaseToken);
    const stored = kept.meta?.epoch === commit.epoch ? kept.meta.number : 0;
    const isBatch = commit.kind === 'batch';
    if (kept.meta === undefined && !(isBatch && commit.number === 1)) return { kind: 'meta_lost' };
    const next = isBatch ? stored + 1 : stored;
    if (commit.number < next) return { kind: 'repeated' };
    if (commit.number > next) return { kind: 'gap', number: stored };
    if (isBatch) {
      if (!isAbove(commit, kept.tapeTop)) return { kind: 'refused', lastEpoch: kept.tapeTop.epoch };
      addToTape(kept, commit);
    }
    kept.meta = writeMeta(kept, commit, this.store.run);
    this.store.publishLive(partition, commit.message);
    return { kind: 'stored' };
  }

  private check(kept: MemoryPartition, commit: Commit): CommitAnswer | undefined {
    if (this.store.run !== commit.run) return { kind: 'run', run: this.store.run };
    const lease = this.leaseOf(kept);
    if (lease !== undefined && lease !== commit.leaseToken) return { kind: 'fenced' };
    const { meta } = kept;
    if (meta === undefined || meta.epoch < commit.epoch) return undefined;
    if (meta.epoch > commit.epoch || meta.token !== commit.epochToken) return { kind: 'old_epoch' };
    if (lease === undefined && meta.owner !== commit.leaseToken) return { kind: 'fenced' };
    return undefined;
  }

  private leaseOf(kept: MemoryPartition): string | undefined {
    const { lease } = kept;
    return lease !== undefined && lease.untilMs > this.store.clock.monotonicMs() ? lease.token : undefined;
  }

  private renew(kept: MemoryPartition, token: string): void {
    kept.lease = { token, untilMs: this.store.clock.monotonicMs() + this.leaseMs };
  }

  async release(
    partition: number,
    position: OwnerPosition,
    checkpoint: Uint8Array | null,
  ): Promise<'released' | 'not_owner'> {
    const kept = this.store.partition(partition);
    if (this.leaseOf(kept) !== position.leaseToken) return 'not_owner';
    const { meta } = kept;
    const { epoch, number } = position;
    const same = meta?.epoch === epoch && meta.token === position.epochToken && meta.number === number;
    if (meta !== undefined && same && this.store.run === position.run && checkpoint !== null) {
      kept.image = checkpoint;
      meta.checkpoint = { epoch, number };
    }
    kept.lease = undefined;
    this.store.publishReleased(partition);
    return 'released';
  }

  async readLog(partition: number, run: string, after: string | null): Promise<LogRead> {
    if (run !== this.store.run) return { kind: 'run', run: this.store.run };
    const { log, meta } = this.store.partition(partition);
    const from = logNumberOf(after ?? meta?.offset ?? LOG_START);
    const entries: LogEntry[] = [];
    let bytesRead = 0;
    for (const { id, bytes } of log) {
      if (id <= from) continue;
      if (bytesRead >= LOG_READ_BYTES_MAX && entries.length % LOG_PAGE_ENTRIES === 0) break;
      entries.push({ id: logIdOf(id), bytes });
      bytesRead += bytes.length;
    }
    return { kind: 'entries', entries, more: bytesRead >= LOG_READ_BYTES_MAX };
  }

  async load(partition: number): Promise<PartitionState> {
    return loadMemoryPartition(this.store, partition);
  }

  async measureTape(
    partition: number,
    before: TapeId | null,
    count: number,
  ): Promise<readonly TapeMeasure[]> {
    const { tape } = this.store.partition(partition);
    const older = before === null ? tape : tape.filter((entry) => isAbove(before, entry));
    const newest = older.slice(-count).reverse();
    return newest.map(({ epoch, number, timeMs, bytes }) => ({ epoch, number, timeMs, bytes: bytes.length }));
  }

  together(issue: () => void): void {
    issue();
  }

  /** Memory is never lost while its process lives. */
  watch(): () => void {
    return () => undefined;
  }
}

function isAbove(id: TapeId, other: TapeId): boolean {
  return id.epoch > other.epoch || (id.epoch === other.epoch && id.number > other.number);
}

function addToTape(kept: MemoryPartition, commit: Commit): void {
  const { epoch, number, message, timeMs, tapeKeepFrom } = commit;
  kept.tape.push({ epoch, number, bytes: message, timeMs });
  kept.tapeTop = { epoch, number };
  if (tapeKeepFrom === null) return;
  const kept0 = kept.tape.findIndex((entry) => !isAbove(tapeKeepFrom, entry));
  kept.tape.splice(0, kept0 < 0 ? kept.tape.length : kept0);
}

function writeMeta(kept: MemoryPartition, commit: Commit, run: string): MemoryMeta {
  const { epoch, number } = commit;
  const meta = kept.meta ?? {
    ...{ epoch, token: '', number, run, owner: '', offset: LOG_START, checkpoint: undefined },
    marks: new Map<string, string>(),
  };
  meta.epoch = epoch;
  meta.token = commit.epochToken;
  meta.number = number;
  meta.run = run;
  meta.owner = commit.leaseToken;
  if (commit.checkpoint !== null) {
    kept.image = commit.checkpoint;
    meta.checkpoint = { epoch, number };
  }
  if (commit.offset !== null) {
    meta.offset = commit.offset;
    const read = logNumberOf(commit.offset);
    const unread = kept.log.findIndex((entry) => entry.id > read);
    kept.log.splice(0, unread < 0 ? kept.log.length : unread);
  }
  for (const [field, value] of commit.marksMoved) meta.marks.set(field, value);
  for (const field of commit.marksDropped) meta.marks.delete(field);
  return meta;
}

/**
 * Real stores behind a bad network: requests that never arrive, replies that never come back, commands that run long
 * after their caller gave up.
 */
import type {
  AcquireAnswer,
  Commit,
  CommitAnswer,
  ConnectionListener,
  LogRead,
  OwnerPosition,
  PartitionStore,
  TapeId,
  TapeMeasure,
} from './partition-store.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { PartitionState } from './tape.js';
import type { Append, AppendAnswer, TickLog } from './tick-log.js';

export type Fate = 'served' | 'request_lost' | 'reply_lost' | 'late';

export class BadNetwork {
  private readonly late: (() => void)[] = [];
  private readonly listeners = new Set<ConnectionListener>();
  private thawed: Promise<void> = Promise.resolve();
  private thawNow: () => void = () => undefined;

  /**
   * @param fate of the next call
   * @param ran is told after each call that reached the store
   */
  constructor(
    private readonly fate: () => Fate,
    private readonly ran: () => void = () => undefined,
  ) {}

  async call<T>(run: () => Promise<T>): Promise<T> {
    await this.thawed;
    const fate = this.fate();
    if (fate === 'late') this.late.push(() => void run().then(this.ran));
    if (fate === 'late' || fate === 'request_lost') throw new StoreUnavailable(fate);
    const answer = await run();
    this.ran();
    if (fate === 'reply_lost') throw new StoreUnavailable(fate);
    return answer;
  }

  /** Lets one command arrive that was given up long ago. @param pick 0 ≤ x < 1 */
  deliverLate(pick: number): void {
    const [deliver] = this.late.splice(Math.floor(pick * this.late.length), 1);
    deliver?.();
  }

  /** What is on its way never arrives: its connection is gone. */
  forgetLate(): void {
    this.late.length = 0;
  }

  /** The process is stopped: its calls leave when it goes on, or never. */
  freeze(): void {
    this.thawed = new Promise((resolve) => {
      this.thawNow = resolve;
    });
  }

  thaw(): void {
    this.thawNow();
    this.thawed = Promise.resolve();
  }

  watch(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  reconnect(): void {
    for (const listener of this.listeners) listener.lost();
    for (const listener of this.listeners) listener.back();
  }
}

export class FaultyPartitionStore implements PartitionStore {
  constructor(
    private readonly store: PartitionStore,
    private readonly network: BadNetwork,
  ) {}

  acquire(partition: number, leaseToken: string): Promise<AcquireAnswer> {
    return this.network.call(() => this.store.acquire(partition, leaseToken));
  }

  commit(partition: number, commit: Commit): Promise<CommitAnswer> {
    return this.network.call(() => this.store.commit(partition, commit));
  }

  release(
    partition: number,
    position: OwnerPosition,
    checkpoint: Uint8Array | null,
  ): Promise<'released' | 'not_owner'> {
    return this.network.call(() => this.store.release(partition, position, checkpoint));
  }

  readLog(partition: number, run: string, after: string | null): Promise<LogRead> {
    return this.network.call(() => this.store.readLog(partition, run, after));
  }

  load(partition: number): Promise<PartitionState> {
    return this.network.call(() => this.store.load(partition));
  }

  measureTape(partition: number, before: TapeId | null, count: number): Promise<readonly TapeMeasure[]> {
    return this.network.call(() => this.store.measureTape(partition, before, count));
  }

  together(issue: () => void): void {
    this.store.together(issue);
  }

  watch(listener: ConnectionListener): () => void {
    return this.network.watch(listener);
  }
}

export class FaultyTickLog implements TickLog {
  constructor(
    private readonly log: TickLog,
    private readonly network: BadNetwork,
  ) {}

  append(partition: number, append: Append): Promise<AppendAnswer> {
    return this.network.call(() => this.log.append(partition, append));
  }

  together(issue: () => void): void {
    this.log.together(issue);
  }

  watch(listener: ConnectionListener): () => void {
    return this.network.watch(listener);
  }
}

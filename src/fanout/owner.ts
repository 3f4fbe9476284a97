/**
 * The owner of some partitions. Once per tick interval it takes one turn over all of them: one round of reads, then
 * everything is applied and encoded, then all commits go out together: the store pays per wake-up.
 */
import type { OwnedPartition, PartitionLoss } from './owned-partition.js';
import type { OwnerWorld } from './owner-world.js';
import { acquirePartition } from './partition-acquire.js';
import { StoreUnavailable } from './store-unavailable.js';

/** A long interval reads on in its turn, as if it had taken a turn every 100 ms. */
const MS_PER_READ = 100;
/** A backlog is worked off over several turns: each renews the leases and tells the gateways where the partition is. */
const READING_MS_MAX = 250;
/** Turns that a stopping owner takes over a backlog; what is left stays in the log for the next owner. */
const LAST_TURNS_MS_MAX = 2_000;

export class Owner {
  private readonly partitions = new Map<number, OwnedPartition>();
  private readonly acquiring = new Set<number>();
  private turning: Promise<boolean> | undefined;
  private turns = 0;
  private sent: Promise<unknown> = Promise.resolve();
  private readonly roundsMax: number;
  private readonly endWatch: () => void;

  constructor(private readonly world: OwnerWorld) {
    this.roundsMax = 1 + Math.floor(world.settings.intervalMs / MS_PER_READ);
    this.endWatch = world.store.watch({
      lost: () => undefined,
      back: () => {
        for (const partition of this.partitions.values()) partition.disturb();
      },
    });
  }

  /** Partitions that are owned now. */
  owned(): IterableIterator<OwnedPartition> {
    return this.partitions.values();
  }

  owns(partition: number): boolean {
    return this.partitions.has(partition);
  }

  /**
   * Acquires a partition if it is free.
   * @returns whether it is owned now
   * @throws StoreUnavailable
   */
  async acquire(partition: number): Promise<boolean> {
    if (this.partitions.has(partition)) return true;
    if (this.acquiring.has(partition)) return false;
    this.acquiring.add(partition);
    let lostMeanwhile = false;
    try {
      const owned = await acquirePartition(partition, this.world, (why) => {
        lostMeanwhile = true;
        this.forget(partition, why);
      });
      if (owned === undefined || lostMeanwhile) return false;
      this.partitions.set(partition, owned);
      return true;
    } finally {
      this.acquiring.delete(partition);
    }
  }

  private forget(partition: number, why: PartitionLoss): void {
    this.partitions.delete(partition);
    if (why !== 'given_up') this.world.log.warn({ partition, why }, 'partition lost to another owner');
  }

  /** Gives a partition back, its last state stored. */
  async release(partition: number): Promise<void> {
    await this.turning;
    await this.partitions.get(partition)?.release();
  }

  /**
   * One turn over all partitions that have nothing in flight. A turn that still runs is joined. Never rejects.
   * @returns whether the log holds more than the turn could take: the next one should follow at once
   */
  turn(): Promise<boolean> {
    this.turning ??= this.runTurn().finally(() => {
      this.turning = undefined;
    });
    return this.turning;
  }

  private async runTurn(): Promise<boolean> {
    const { store, clock } = this.world;
    this.turns++;
    const turn = [...this.partitions.values()].filter((partition) => partition.idle);
    turn.sort((a, b) => a.servedInTurn - b.servedInTurn);
    let reading = turn;
    const untilMs = clock.monotonicMs() + READING_MS_MAX;
    for (let round = 0; reading.length > 0 && round < this.roundsMax; round++) {
      if (round > 0 && clock.monotonicMs() > untilMs) break;
      await readTogether(reading, (issue) => store.together(issue));
      await this.meetNewSymbols(reading);
      await this.apply(reading, untilMs);
      reading = reading.filter((partition) => partition.mayReadOn);
    }
    // Everything is encoded before anything is sent, else the store is woken once per partition.
    for (const partition of turn) this.guard(partition, () => partition.close());
    store.together(() => {
      for (const partition of turn) partition.send();
    });
    this.sent = Promise.all(turn.map((partition) => partition.settled));
    return turn.some((partition) => partition.hasMore);
  }

  /** The first one always has its share, so that every turn gets on. */
  private async apply(reading: readonly OwnedPartition[], untilMs: number): Promise<void> {
    let hasServed = false;
    for (const partition of reading) {
      if (hasServed && partition.hasRead && this.world.clock.monotonicMs() > untilMs) {
        partition.postpone();
        continue;
      }
      hasServed ||= partition.hasRead;
      partition.servedInTurn = this.turns;
      this.guard(partition, () => partition.apply());
      if (partition.hasMore) await eventLoopTurn();
    }
  }

  /** A fault of ours in one partition must not stop the others. */
  private guard(partition: OwnedPartition, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.world.log.fatal({ partition: partition.partition, err: error }, 'partition abandoned');
      partition.abandon();
    }
  }

  /** A sid above all known ones: the registry has grown. Nothing is applied before the instrument is known. */
  private async meetNewSymbols(reading: readonly OwnedPartition[]): Promise<void> {
    const { registry, rareLog } = this.world;
    const unmet = reading.filter((partition) => partition.sidMax() > registry.sidMax);
    if (unmet.length === 0) return;
    try {
      await registry.reconcile();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      for (const partition of unmet) partition.discard();
      rareLog.warn('new symbols not known yet', { error: error.message });
    }
  }

  /** Idle partitions whose heartbeat is due say their position. */
  beat(): void {
    this.world.store.together(() => {
      for (const partition of this.partitions.values()) partition.beat();
    });
  }

  /** Resolves when what the last turn sent is answered. */
  async answered(): Promise<void> {
    await this.sent;
  }

  /** Resolves when no commit is in flight. */
  async settled(): Promise<void> {
    await Promise.all([...this.partitions.values()].map((partition) => partition.settled));
  }

  /** The last turns: what the log holds is published, then everything is given back. */
  async stop(): Promise<void> {
    await this.turning;
    const untilMs = this.world.clock.monotonicMs() + LAST_TURNS_MS_MAX;
    let hasMore = true;
    while (hasMore) {
      // A partition with a heartbeat in flight would miss the last turn.
      await Promise.all([...this.partitions.values()].map((partition) => partition.settledOrLate()));
      hasMore = (await this.turn()) && this.world.clock.monotonicMs() < untilMs;
    }
    await Promise.all([...this.partitions.keys()].map((partition) => this.release(partition)));
    this.endWatch();
  }
}

/** Lets the process do what else waits: answers, pings, other feeds. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function readTogether(
  partitions: readonly OwnedPartition[],
  together: (issue: () => void) => void,
): Promise<void> {
  const reads: Promise<void>[] = [];
  together(() => {
    for (const partition of partitions) reads.push(partition.read());
  });
  await Promise.all(reads);
}

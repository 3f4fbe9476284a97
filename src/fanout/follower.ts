/**
 * Follows every partition for a gateway: subscribes first, then loads checkpoint and tape, and from then on keeps the
 * sink at the publisher's state whatever the live channel does. The rules stand beside the code that keeps them:
 * numbers in live-partition.ts, silence in live-watch.ts, the past in live-history.ts.
 */
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { Log } from '../ops/log.js';
import type { Follower, ImageSink } from './image-sink.js';
import { FollowerCounters } from './live-counters.js';
import { LiveGate } from './live-gate.js';
import { HeldBudget } from './live-held.js';
import { LiveHistory } from './live-history.js';
import { LiveLog } from './live-log.js';
import { LivePartition } from './live-partition.js';
import { Pauses, type Timers } from './live-timers.js';
import { LiveWatch } from './live-watch.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { Tape } from './tape.js';

/** Partitions that ask the store at once: more would hold up the owners' commits. */
const QUESTIONS_MAX = 6;
/** Live batches held while holes are filled: some 1.5 s of 200,000 updates a second. */
const HELD_BYTES_MAX = 8 * 1024 * 1024;
/** An owner commits a partition at most this often, whatever the interval. */
const TURN_MS_MIN = 5;

export interface FollowerLimits {
  readonly partitions: number;
  /** An idle partition says its position this often; three missed are silence. */
  readonly heartbeatMs: number;
  /** Batches of one partition read back after a join, at most. */
  readonly historyBatchesMax: number;
  /** Live batches held while holes are filled, all partitions together. */
  readonly heldBytesMax: number;
}

/** In the time that a trade ring spans, an owner writes at most one batch per interval: the tape is read that far back. */
export function followerLimits(
  config: Pick<Config, 'partitions' | 'heartbeatMs' | 'tradeRingSeconds' | 'coalesceIntervalMs'>,
): FollowerLimits {
  const intervalMs = Math.max(config.coalesceIntervalMs, TURN_MS_MIN);
  return {
    partitions: config.partitions,
    heartbeatMs: config.heartbeatMs,
    historyBatchesMax: Math.ceil((config.tradeRingSeconds * 1000) / intervalMs),
    heldBytesMax: HELD_BYTES_MAX,
  };
}

/** Where one partition stands, for metrics. */
export interface FollowedPosition {
  readonly partition: number;
  readonly epoch: number;
  readonly number: number;
  /** Oldest time in the newest live batch, µs since the Unix epoch; 0 before the first. */
  readonly newestTimeUs: number;
}

export class LiveFollower implements Follower {
  readonly counters = new FollowerCounters();

  private readonly pauses: Pauses;
  private readonly log: LiveLog;
  private readonly budget: HeldBudget;
  private following: Following | undefined;
  private proved = false;
  private stopped = false;
  private settleEnded: () => void = () => undefined;
  private readonly ended = new Promise<void>((resolve) => {
    this.settleEnded = resolve;
  });

  /** @param random from 0 up to 1, spreads retries */
  constructor(
    private readonly tape: Tape,
    private readonly limits: FollowerLimits,
    private readonly clock: Clock,
    private readonly timers: Timers,
    random: () => number,
    log: Log,
  ) {
    this.pauses = new Pauses(timers, random);
    this.log = new LiveLog(log, clock);
    this.budget = new HeldBudget(limits.heldBytesMax);
  }

  /**
   * Begins to follow every partition. Resolves when the store was read once for each of them, or after `stop`; waits
   * for a store that is not there yet. Called once.
   */
  async start(sink: ImageSink): Promise<void> {
    if (this.following !== undefined) throw new Error('Expected one start() of a follower');
    const following = this.follow(sink);
    this.following = following;
    following.watch.start();
    await this.subscribe(following);
    await Promise.all([this.prove(), ...following.partitions.map((partition) => partition.joined)]);
    following.history.begin();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.settleEnded();
    this.pauses.end();
    const { following } = this;
    if (following === undefined) return;
    following.watch.stop();
    await following.unfollow();
    await Promise.all([
      following.history.stop(),
      ...following.partitions.map((partition) => partition.stop()),
    ]);
  }

  unready(): string | null {
    const { following } = this;
    if (following === undefined || this.stopped) return 'not following the partitions';
    const { joinedCount, watch } = following;
    const { partitions } = this.limits;
    if (joinedCount < partitions) return `${joinedCount} of ${partitions} partitions are loaded`;
    if (!this.proved && watch.everHeard < partitions)
      return 'neither a heartbeat nor an answered ping proves the subscription yet';
    return watch.stuckLately ? 'the event loop was stuck a moment ago' : null;
  }

  /** Where every partition stands; empty before the start. */
  positions(): readonly FollowedPosition[] {
    return (this.following?.partitions ?? []).map(({ partition, epoch, number, newestTimeUs }) => ({
      partition,
      epoch,
      number,
      newestTimeUs,
    }));
  }

  /** Bytes of live batches that wait for a hole to be filled. */
  get heldBytes(): number {
    return this.budget.bytes;
  }

  private follow(sink: ImageSink): Following {
    const { tape, limits, clock, pauses, budget, counters, log } = this;
    const watch = new LiveWatch(limits.partitions, limits.heartbeatMs, sink, clock, this.timers, counters);
    const history = new LiveHistory(tape, limits.historyBatchesMax, sink, pauses, counters, log);
    const shared = {
      tape,
      sink,
      gate: new LiveGate(QUESTIONS_MAX),
      pauses,
      budget,
      watch,
      history,
      counters,
      log,
      monotonicMs: () => clock.monotonicMs(),
    };
    const partitions = Array.from(
      { length: limits.partitions },
      (_, partition) => new LivePartition(partition, shared),
    );
    return new Following(watch, history, partitions);
  }

  private async subscribe(following: Following): Promise<void> {
    for (let attempt = 1; !this.stopped; attempt++) {
      try {
        // The first `up` may be long in coming.
        await Promise.race([following.subscribe(this.tape), this.ended]);
        return;
      } catch (error) {
        await this.unavailable(error, 'cannot subscribe', attempt);
      }
    }
  }

  /** A partition without an owner says nothing: an answered ping shows that this is not our connection's fault. */
  private async prove(): Promise<void> {
    for (let attempt = 1; !this.stopped; attempt++) {
      try {
        await this.tape.ping();
        this.proved = true;
        return;
      } catch (error) {
        await this.unavailable(error, 'store does not answer', attempt);
      }
    }
  }

  private async unavailable(error: unknown, message: string, attempt: number): Promise<void> {
    if (!(error instanceof StoreUnavailable)) throw error;
    this.counters.retries++;
    this.log.warn(message, { error: error.message });
    await this.pauses.retry(attempt);
  }
}

/** What runs between start and stop. */
class Following {
  joinedCount = 0;
  private end: (() => Promise<void>) | undefined;
  private over = false;
  private subscribed = false;

  constructor(
    readonly watch: LiveWatch,
    readonly history: LiveHistory,
    readonly partitions: readonly LivePartition[],
  ) {
    for (const { joined } of partitions) {
      void joined.then(() => {
        this.joinedCount++;
      });
    }
  }

  async subscribe(tape: Tape): Promise<void> {
    const end = await tape.follow({
      // What comes before `up` may have holes in front of it, and is in the store that is asked then.
      message: (partition, bytes) => {
        if (this.subscribed) this.partitions[partition]?.receive(bytes);
      },
      up: () => this.up(),
      down: () => this.setSubscribed(false),
    });
    // Stopped while the store was not there: nobody else would end it.
    if (this.over) await end();
    else this.end = end;
  }

  async unfollow(): Promise<void> {
    this.over = true;
    const { end } = this;
    this.end = undefined;
    await end?.();
  }

  private up(): void {
    if (this.over) return;
    this.setSubscribed(true);
    for (const partition of this.partitions) partition.check();
  }

  private setSubscribed(subscribed: boolean): void {
    this.subscribed = subscribed;
    this.watch.subscribed = subscribed;
  }
}

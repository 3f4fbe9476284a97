/**
 * The numbers of one owned partition, and the commits that carry them: epoch, batch number, the ring of newest batches,
 * what stands on the tape, the last checkpoint.
 */
import { encodeHeartbeat } from './batch.js';
import { BatchRing, type RingBatch } from './batch-ring.js';
import type { EpochReason } from './fanout-counters.js';
import { MarkExpiry } from './mark-expiry.js';
import { nextEpoch, type OwnerWorld } from './owner-world.js';
import type { PartitionImages } from './partition-images.js';
import type { Commit, OwnerPosition, TapeId } from './partition-store.js';
import type { SessionMarks } from './session-marks.js';
import type { TapeIndex } from './tape-index.js';

/** What the owner found when it acquired the partition. */
export interface OwnedState {
  readonly position: OwnerPosition;
  readonly images: PartitionImages;
  readonly marks: SessionMarks;
  readonly tape: TapeIndex;
  /** The last stored one; null while there is none. */
  readonly checkpoint: TapeId | null;
}

export class PartitionNumbering {
  position: { -readonly [field in keyof OwnerPosition]: OwnerPosition[field] };
  /** The last one that the store is known to hold; null while there is none: nothing is trimmed then. */
  private checkpoint: TapeId | null;
  private readonly ring: BatchRing;
  private readonly expiry = new MarkExpiry();

  constructor(
    private readonly partition: number,
    private readonly world: OwnerWorld,
    private readonly owned: OwnedState,
  ) {
    this.position = { ...owned.position };
    this.checkpoint = owned.checkpoint;
    this.ring = new BatchRing(world.settings.ringMs, world.ringBudget);
  }

  /** Settles the turn and gives it the next number. */
  nextBatch(offset: string | null): Commit {
    this.owned.images.coalescer.settle();
    const number = this.position.number + 1;
    // Staggered, so that the partitions do not all write theirs in one turn.
    const isDue = (number + this.partition) % this.world.settings.checkpointBatches === 0;
    return this.batch(number, offset, isDue);
  }

  /** The settled turn under a number of the present epoch. Field by field: sixteen of them are made in every turn. */
  private batch(number: number, offset: string | null, withCheckpoint: boolean): Commit {
    const { clock } = this.world;
    const { marks, tape, images } = this.owned;
    const { leaseToken, run, epoch, epochToken } = this.position;
    const nowUs = clock.nowUs();
    const timeMs = Math.floor(nowUs / 1000);
    return {
      kind: 'batch',
      leaseToken,
      run,
      epoch,
      epochToken,
      number,
      message: images.encoder.batch(epoch, number, nowUs),
      timeMs,
      offset,
      checkpoint: withCheckpoint ? images.encoder.checkpoint(epoch, number) : null,
      marksMoved: marks.takeMoved(),
      marksDropped: this.takeExpired(Math.floor(timeMs / 1000)),
      tapeKeepFrom: this.checkpoint === null ? null : tape.keepFrom(clock.monotonicMs(), this.checkpoint),
    };
  }

  private takeExpired(nowS: number): readonly string[] {
    const dueS = this.expiry.due(nowS, this.world.clock.monotonicMs());
    return dueS === null ? [] : this.owned.marks.expire(dueS);
  }

  /** The first heartbeat after a batch carries a checkpoint: an idle partition is loaded without its tape. */
  heartbeat(): Commit {
    const nowUs = this.world.clock.nowUs();
    const { epoch, number } = this.position;
    const isBehind = this.checkpoint?.epoch !== epoch || this.checkpoint.number !== number;
    return {
      ...this.position,
      ...{
        kind: 'heartbeat',
        message: encodeHeartbeat(epoch, number, nowUs),
        timeMs: Math.floor(nowUs / 1000),
      },
      checkpoint: isBehind ? this.lastCheckpoint() : null,
      ...{ offset: null, marksMoved: [], marksDropped: [], tapeKeepFrom: null },
    };
  }

  /** All images as of the newest number. */
  lastCheckpoint(): Uint8Array {
    return this.owned.images.encoder.checkpoint(this.position.epoch, this.position.number);
  }

  /**
   * Numbers may have been taken back: they begin anew, and number 1, the settled turn or nothing, carries all images
   * and marks.
   */
  beginEpoch(reason: EpochReason, above = 0): Commit {
    const { clock, random, token, counters, log } = this.world;
    const epoch = nextEpoch(Math.max(above, this.position.epoch), clock.nowUs(), random);
    // The first epoch of a partition is no news; any later one means that numbers may have been taken back.
    const level = reason === 'first' ? 'debug' : 'warn';
    log[level]({ partition: this.partition, reason, before: this.position.epoch, epoch }, 'new epoch');
    counters.epochs[reason]++;
    this.ring.clear();
    this.position = { ...this.position, epoch, epochToken: token(), number: 0 };
    return {
      ...this.batch(1, null, true),
      marksMoved: this.owned.marks.all(),
      tapeKeepFrom: null,
    };
  }

  meetRun(run: string): void {
    this.world.log.warn({ partition: this.partition, run }, 'store is another run');
    this.position = { ...this.position, run };
    this.doubtCheckpoint();
  }

  /** The store lost its newest part, the last checkpoint perhaps: the next heartbeat brings one. */
  doubtCheckpoint(): void {
    this.checkpoint = null;
  }

  /**
   * A commit is stored: its number is given out.
   * @param nowMs monotonic
   */
  stored(commit: Commit, nowMs: number): void {
    const { counters } = this.world;
    const { epoch, number, message, timeMs } = commit;
    if (commit.checkpoint !== null) {
      this.checkpoint = { epoch, number };
      counters.checkpoints++;
      counters.checkpointBytes += commit.checkpoint.length;
    }
    if (commit.kind === 'heartbeat') return;
    this.position.number = number;
    const { tape, images } = this.owned;
    counters.batches++;
    counters.batchBytes += message.length;
    counters.updates += images.encoder.symbols;
    if (commit.tapeKeepFrom !== null) tape.trimmed(commit.tapeKeepFrom);
    tape.add({ epoch, number }, message.length, nowMs, images.changes.trades);
    this.ring.push({
      number,
      message,
      timeMs,
      marksMoved: commit.marksMoved,
      marksDropped: commit.marksDropped,
      checkpoint: number === 1 ? commit.checkpoint : null,
      storedMs: nowMs,
    });
    images.encoder.clear();
  }

  /** Batches after `number`, to be committed again; undefined when the ring does not reach back so far. */
  missingAfter(number: number): readonly RingBatch[] | undefined {
    return this.ring.after(number);
  }

  /** Goes without an offset: how far the log was read then means nothing to the store as it is now. */
  refill(batch: RingBatch): Commit {
    const { number, message, timeMs, checkpoint, marksMoved, marksDropped } = batch;
    return {
      ...this.position,
      ...{ kind: 'batch', number, message, timeMs, checkpoint, marksMoved, marksDropped },
      ...{ offset: null, tapeKeepFrom: null },
    };
  }

  /** The store lost what came after `kept` (null: all), and it cannot be put back: its trades are on no tape. */
  countLost(kept: number | null): void {
    const id = kept === null ? null : { epoch: this.position.epoch, number: kept };
    const trades = this.owned.tape.lost(id);
    this.world.counters.excludedTrades += trades;
    if (trades > 0) this.world.log.error({ partition: this.partition, trades }, 'trades on no tape any more');
  }

  /** The partition is no longer owned: its batches need not be kept. */
  end(): void {
    this.ring.clear();
  }
}

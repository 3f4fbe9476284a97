/**
 * Reads the older tape backwards into the sink's rings, so that clients can resume here what they began on another
 * gateway. It is never in a hurry: one page of 50 batches in flight for the whole process, the partitions in turn.
 */
import { MsgpackError } from '#wire';
import { LiveHead } from './batch.js';
import type { ImageSink } from './image-sink.js';
import type { SinkFeed } from './live-apply.js';
import type { FollowerCounters } from './live-counters.js';
import type { LiveLog } from './live-log.js';
import type { Pauses } from './live-timers.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { Tape, TapeEntry } from './tape.js';

const PAGE_BATCHES = 50;

/** Where the reading of one partition stands; a reload replaces it. */
interface Place {
  readonly epoch: number;
  readonly feed: SinkFeed;
  /** Numbers below this one are wanted next. */
  before: number;
  batchesLeft: number;
}

export class LiveHistory {
  private readonly placesByPartition = new Map<number, Place>();
  private readonly head = new LiveHead();
  private open = false;
  private stopped = false;
  private running: Promise<void> | undefined;

  /** @param batchesMax batches of one partition that the rings can hold at most; older ones are left alone */
  constructor(
    private readonly tape: Tape,
    private readonly batchesMax: number,
    private readonly sink: ImageSink,
    private readonly pauses: Pauses,
    private readonly counters: FollowerCounters,
    private readonly log: LiveLog,
  ) {}

  /** The partition was (re)loaded: its rings are filled anew with the trades of batches below `before`. */
  restart(partition: number, epoch: number, before: number, feed: SinkFeed): void {
    this.placesByPartition.delete(partition);
    this.placesByPartition.set(partition, { epoch, feed, before, batchesLeft: this.batchesMax });
    this.run();
  }

  /** Every partition is joined: clients are served, now there is time for the past. */
  begin(): void {
    this.open = true;
    this.run();
  }

  /** Resolves when the page in flight has come. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private run(): void {
    if (!this.open || this.stopped) return;
    this.running ??= this.readAll().finally(() => {
      this.running = undefined;
      // A reload may have come after the last look, and found this running still.
      if (this.placesByPartition.size > 0) this.run();
    });
  }

  private async readAll(): Promise<void> {
    let attempt = 0;
    for (let next = this.next(); next !== undefined && !this.stopped; next = this.next()) {
      const [partition, place] = next;
      try {
        await this.readPage(partition, place);
        attempt = 0;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) this.giveUp(partition, place, error);
        this.counters.retries++;
        await this.pauses.retry(++attempt);
      }
    }
  }

  private next(): [number, Place] | undefined {
    for (const entry of this.placesByPartition) return entry;
    return undefined;
  }

  private async readPage(partition: number, place: Place): Promise<void> {
    const entries = this.wanted(place)
      ? await this.tape.readBefore(
          partition,
          place.epoch,
          place.before,
          Math.min(PAGE_BATCHES, place.batchesLeft),
        )
      : [];
    // A reload came meanwhile, or the follower stopped: this page is of no use.
    if (this.stopped || this.placesByPartition.get(partition) !== place) return;
    if (entries.length === 0 || !this.show(partition, place, entries) || !this.wanted(place)) {
      this.complete(partition);
      return;
    }
    // To the end of the line: the partitions take turns.
    this.placesByPartition.delete(partition);
    this.placesByPartition.set(partition, place);
  }

  private wanted(place: Place): boolean {
    return place.before > 1 && place.batchesLeft > 0;
  }

  /** @returns false when the tape cannot be followed further back */
  private show(partition: number, place: Place, entries: readonly TapeEntry[]): boolean {
    for (const { epoch, number, bytes } of entries) {
      if (epoch !== place.epoch || number !== place.before - 1) return false;
      try {
        const head = this.head.read(bytes);
        if (head.epoch !== epoch || head.number !== number) return false;
        place.feed.pastTrades(bytes);
      } catch (error) {
        if (!(error instanceof MsgpackError)) throw error;
        this.counters.undecodable++;
        this.log.warn('older tape entry cannot be read', { partition, epoch, number, error: error.message });
        return false;
      }
      place.before = number;
      place.batchesLeft--;
      this.counters.history++;
    }
    return true;
  }

  private complete(partition: number): void {
    this.placesByPartition.delete(partition);
    this.sink.historyComplete(partition);
  }

  /** The sink failed: live traffic goes on, the past of this partition ends here. */
  private giveUp(partition: number, place: Place, error: unknown): void {
    this.log.warn('reading the older tape failed', { partition, error: String(error) });
    if (this.placesByPartition.get(partition) !== place) return;
    try {
      this.complete(partition);
    } catch (second) {
      this.log.warn('ending the older tape failed', { partition, error: String(second) });
    }
  }
}

/**
 * What a gateway does with the batches of the partitions that it follows. The follower (this room) has already
 * checked the numbers and filled holes from the tape: calls arrive in order, exactly once, between `begin` and
 * `end`, all within one turn of the event loop. `values` is one scratch array, valid during the call.
 */
export interface ImageSink {
  /** A batch of the epoch that this partition is in, or the first after a reload. */
  beginBatch(partition: number, epoch: number, number: number, timeUs: number): void;
  /**
   * A changed image.
   * @param mask bits of the fields that changed, in the order of IMAGE_FIELDS; 0 when only trades came
   * @param timeUs exchange time of the newest tick in the image, absolute
   * @param values IMAGE_FIELD_COUNT numbers; those in the mask are set, NaN = null
   */
  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void;
  /** The next trade of a symbol, right after its `update`. `size` is NaN when unknown. */
  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void;
  endBatch(partition: number): void;

  /** The state of a partition is replaced: at the first load, when the tape was trimmed, and in a new epoch. */
  beginReload(partition: number, epoch: number, number: number): void;
  /** One symbol of the checkpoint, all fields; symbols of the partition that are not named have no state. */
  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void;
  endReload(partition: number): void;

  /**
   * Trades of one tape batch that is older than all the sink has of this partition, while the rings are filled
   * backwards after a join. Trades come in order inside the batch; batches come newest first.
   */
  beginHistory(partition: number, epoch: number): void;
  pastTrade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void;
  endHistory(partition: number): void;
  /** The tape of this partition was read back to its beginning, or as far as the rings hold. */
  historyComplete(partition: number): void;

  /** Nothing was heard of a partition for three heartbeats, or Redis is lost. sinceUs is wall time. */
  silent(partition: number, sinceUs: number, reason: StaleReason): void;
  /** A batch or heartbeat came and its number is reached: the table shows it. */
  heard(partition: number): void;
}

export type StaleReason = 'partition_silent' | 'redis_lost' | 'gateway_stuck';

export interface Follower {
  /** Begins to follow every partition. Resolves when all are loaded (the older tape may still be read). */
  start(sink: ImageSink): Promise<void>;
  stop(): Promise<void>;
  /** Null when every partition was loaded and heard of by a batch, heartbeat or answered PING; else why not. */
  unready(): string | null;
}

/** Nest token of the Follower. */
export const FOLLOWER = Symbol('FOLLOWER');

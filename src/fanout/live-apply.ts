/**
 * Batches and checkpoints on their way into the sink. Each is looked through first, so that the sink is shown all of
 * it or nothing.
 */
import { BatchDecoder, type BatchVisitor } from './batch.js';
import { type CheckpointVisitor, decodeCheckpoint } from './checkpoint.js';
import type { ImageSink } from './image-sink.js';
import { BatchCheck } from './live-check.js';

/** One of each for the whole process: nothing is read while something else is. */
const decoder = new BatchDecoder();
const batchCheck = new BatchCheck();

/** What a checkpoint says before its images. */
export interface CheckpointHead {
  readonly epoch: number;
  readonly number: number;
}

/** Looks through a whole checkpoint. @throws MsgpackError */
export function checkedCheckpoint(bytes: Uint8Array): CheckpointHead {
  const head = { epoch: 0, number: 0 };
  decodeCheckpoint(bytes, {
    begin: (epoch, number) => {
      head.epoch = epoch;
      head.number = number;
    },
    image: () => undefined,
    end: () => undefined,
  });
  return head;
}

/** Shows the sink one partition's batches, checkpoints and older trades. */
export class SinkFeed {
  private readonly live: BatchVisitor;
  private readonly past: BatchVisitor;
  private readonly reload: CheckpointVisitor;

  constructor(partition: number, sink: ImageSink) {
    this.live = new LiveVisitor(partition, sink);
    this.past = new PastVisitor(partition, sink);
    this.reload = new ReloadVisitor(partition, sink);
  }

  /** @throws MsgpackError before the sink was shown anything */
  batch(bytes: Uint8Array): void {
    batchCheck.check(bytes);
    decoder.decode(bytes, this.live);
  }

  /** Only the trades of a batch. @throws MsgpackError before the sink was shown anything */
  pastTrades(bytes: Uint8Array): void {
    batchCheck.check(bytes);
    decoder.decode(bytes, this.past);
  }

  /** A checkpoint that was looked through. */
  checkpoint(bytes: Uint8Array): void {
    decodeCheckpoint(bytes, this.reload);
  }
}

class LiveVisitor implements BatchVisitor {
  constructor(
    private readonly partition: number,
    private readonly sink: ImageSink,
  ) {}

  beginBatch(epoch: number, number: number, timeUs: number): void {
    this.sink.beginBatch(this.partition, epoch, number, timeUs);
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.sink.update(sid, seq, mask, timeUs, values);
  }

  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    this.sink.trade(sid, seq, timeUs, price, size, id, conditions);
  }

  endBatch(): void {
    this.sink.endBatch(this.partition);
  }
}

class PastVisitor implements BatchVisitor {
  constructor(
    private readonly partition: number,
    private readonly sink: ImageSink,
  ) {}

  beginBatch(epoch: number): void {
    this.sink.beginHistory(this.partition, epoch);
  }

  update(): void {
    // Older states are of no use: the table is ahead of them.
  }

  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    this.sink.pastTrade(sid, seq, timeUs, price, size, id, conditions);
  }

  endBatch(): void {
    this.sink.endHistory(this.partition);
  }
}

class ReloadVisitor implements CheckpointVisitor {
  constructor(
    private readonly partition: number,
    private readonly sink: ImageSink,
  ) {}

  begin(epoch: number, number: number): void {
    this.sink.beginReload(this.partition, epoch, number);
  }

  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void {
    this.sink.image(sid, seq, tradeSeq, timeUs, values);
  }

  end(): void {
    this.sink.endReload(this.partition);
  }
}

/**
 * The follower on both forms of the store: what an owner commits through the store's own script is what the sink has,
 * also when Redis cuts the subscription, freezes, or comes back empty. Time is real here, so nothing is said about how
 * long anything takes; everything is awaited.
 */
import { EventEmitter, once } from 'node:events';
import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { LiveFollower } from './follower.js';
import { digest, Publisher } from './live-publisher.fixture.js';
import { CheckingSink } from './live-sink.fixture.js';
import { type Random, seeded } from './live-time.fixture.js';
import { systemTimers } from './live-timers.js';
import type { PartitionStore } from './partition-store.js';
import { describeAllForms, quietLog, redisForm, type StoreForm } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

const PARTITIONS = 2;
const HEARTBEAT_MS = 50;
const BATCHES_PER_CHECKPOINT = 10;

/** Commits what a Publisher makes through the store's script, one commit in flight, as an owner does. */
class Committer {
  readonly publisher: Publisher;
  private message: Uint8Array = new Uint8Array(0);
  private run = '';

  constructor(
    private readonly store: PartitionStore,
    readonly partition: number,
    random: Random,
  ) {
    const sids = [partition * 10 + 1, partition * 10 + 2, partition * 10 + 3];
    this.publisher = new Publisher(random, sids, (bytes) => {
      this.message = bytes;
    });
  }

  async beginEpoch(epoch: number): Promise<void> {
    const lease = await this.store.acquire(this.partition, 'lease');
    if (lease.kind !== 'acquired') throw new Error('Expected the lease');
    this.run = lease.run;
    this.publisher.beginEpoch(epoch);
    await this.send('batch', true);
  }

  async commit(): Promise<void> {
    const withCheckpoint = (this.publisher.number + 1) % BATCHES_PER_CHECKPOINT === 0;
    this.publisher.commit(withCheckpoint);
    await this.send('batch', withCheckpoint);
  }

  async heartbeat(): Promise<void> {
    this.publisher.heartbeat();
    await this.send('heartbeat', false);
  }

  private async send(kind: 'batch' | 'heartbeat', withCheckpoint: boolean): Promise<void> {
    const { epoch, number, stored } = this.publisher;
    const answer = await this.store.commit(this.partition, {
      ...{ kind, leaseToken: 'lease', epochToken: `token-${epoch}`, epoch, number, run: this.run },
      ...{ message: this.message, timeMs: 1_000, offset: null, marksMoved: [], marksDropped: [] },
      checkpoint: withCheckpoint ? stored.checkpoint : null,
      // The shortest tape that is allowed: nothing in front of the checkpoint before this one.
      tapeKeepFrom: withCheckpoint ? { epoch, number: Math.max(1, number - BATCHES_PER_CHECKPOINT) } : null,
    });
    if (answer.kind !== 'stored') throw new Error(`Expected stored, was ${answer.kind}`);
  }
}

/** A CheckingSink that can be waited for. */
class AwaitedSink extends CheckingSink {
  private readonly changes = new EventEmitter();

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.changes, 'change');
  }

  override endBatch(partition: number): void {
    super.endBatch(partition);
    this.changes.emit('change');
  }

  override endReload(partition: number): void {
    super.endReload(partition);
    this.changes.emit('change');
  }

  override historyComplete(partition: number): void {
    super.historyComplete(partition);
    this.changes.emit('change');
  }

  override silent(...told: Parameters<CheckingSink['silent']>): void {
    super.silent(...told);
    this.changes.emit('change');
  }

  override heard(partition: number): void {
    super.heard(partition);
    this.changes.emit('change');
  }
}

class Leg {
  readonly committers: Committer[];
  private readonly followers: LiveFollower[] = [];

  constructor(readonly form: StoreForm) {
    const random = seeded(3);
    this.committers = Array.from(
      { length: PARTITIONS },
      (_, partition) => new Committer(form.partitions, partition, random),
    );
  }

  async join(): Promise<{ sink: AwaitedSink; follower: LiveFollower }> {
    const sink = new AwaitedSink(PARTITIONS, (partition, epoch, number) =>
      this.committers[partition]!.publisher.imagesByPosition.get(`${epoch}-${number}`),
    );
    const limits = { partitions: PARTITIONS, heartbeatMs: HEARTBEAT_MS };
    const follower = new LiveFollower(
      this.form.tape,
      { ...limits, historyBatchesMax: 1_000, heldBytesMax: 100_000 },
      systemClock,
      systemTimers,
      Math.random,
      quietLog,
    );
    this.followers.push(follower);
    await follower.start(sink);
    return { sink, follower };
  }

  async each(act: (committer: Committer) => Promise<void>): Promise<void> {
    await Promise.all(this.committers.map(act));
  }

  async commit(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await this.each((committer) => committer.commit());
  }

  /** The owner's connection may still be reconnecting: a heartbeat can be said as often as one likes. */
  async untilServed(): Promise<void> {
    for (;;) {
      try {
        await this.each((committer) => committer.heartbeat());
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        await new Promise((resolve) => setTimeout(resolve, HEARTBEAT_MS));
      }
    }
  }

  /** Heartbeats until the sink has all that was committed, and calls it fresh. */
  async expectSame(sink: AwaitedSink): Promise<void> {
    let same = false;
    const reached = sink
      .until(() =>
        sink.partitions.every(({ epoch, number, hearing }, partition) => {
          const { publisher } = this.committers[partition]!;
          return epoch === publisher.epoch && number === publisher.number && hearing === 'heard';
        }),
      )
      .then(() => {
        same = true;
      });
    while (!same) {
      await this.each((committer) => committer.heartbeat());
      await Promise.race([reached, new Promise((resolve) => setTimeout(resolve, HEARTBEAT_MS))]);
    }
    for (const [partition, { images }] of sink.partitions.entries())
      expect(digest(images)).toBe(digest(this.committers[partition]!.publisher.images));
  }

  async stop(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.stop()));
  }
}

describeAllForms('a follower', (open) => {
  let leg: Leg;
  afterEach(() => leg.stop());

  it('has what owners commit, joined before them or in the middle, and the trades of the tape', async () => {
    leg = new Leg(await open({ partitions: PARTITIONS }));
    const early = await leg.join();
    expect(early.follower.unready()).toBeNull();
    await leg.each((committer) => committer.beginEpoch(100));
    await leg.commit(25);
    const late = await leg.join();
    await leg.commit(8);
    await leg.expectSame(early.sink);
    await leg.expectSame(late.sink);
    await late.sink.until(() => late.sink.partitions.every(({ historyComplete }) => historyComplete));
    expect(late.sink.pastTrades).toBeGreaterThan(0);
    expect(late.follower.counters).toMatchObject({ reloads: PARTITIONS, undecodable: 0, holes: 0 });
  });
});

describe('a follower on Redis', () => {
  let server: RedisServer;
  let leg: Leg;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    leg = new Leg(await redisForm(server, { partitions: PARTITIONS }));
  });
  afterEach(async () => {
    await leg.stop();
    await leg.form.close();
  });

  it('misses nothing when Redis cuts its subscription again and again', async () => {
    const { sink, follower } = await leg.join();
    await leg.each((committer) => committer.beginEpoch(100));
    for (let cut = 0; cut < 5; cut++) {
      await leg.commit(4);
      await redisCli(server, 'client', 'kill', 'type', 'pubsub');
      await leg.commit(3 + cut * 7);
    }
    await leg.expectSame(sink);
    // From the tape, or from a checkpoint where ten batches were missed.
    const { refilled, reloads } = follower.counters;
    expect(refilled + reloads).toBeGreaterThan(PARTITIONS);
  });

  it('calls a frozen Redis silent, and is right again when it goes on', async () => {
    const { sink } = await leg.join();
    await leg.each((committer) => committer.beginEpoch(100));
    await leg.commit(3);
    await leg.expectSame(sink);
    await server.pause();
    try {
      await sink.until(() => sink.partitions.every(({ hearing }) => hearing === 'silent'));
    } finally {
      await server.resume();
    }
    await leg.untilServed();
    await leg.commit(3);
    await leg.expectSame(sink);
  });

  it('keeps its state through a Redis that comes back empty, and takes the epoch that its owner then begins', async () => {
    const { sink, follower } = await leg.join();
    await leg.each((committer) => committer.beginEpoch(5_000));
    await leg.commit(12);
    await leg.expectSame(sink);
    const before = sink.partitions.map(({ images }) => digest(images));
    await leg.form.restart({ empty: true });
    await sink.until(() => sink.partitions.every(({ hearing }) => hearing === 'silent'));
    expect(sink.partitions.map(({ images }) => digest(images))).toEqual(before);
    expect(follower.unready()).toBeNull();
    // Smaller than the one before: what is stored holds.
    await leg.each((committer) => committer.beginEpoch(77));
    await leg.commit(5);
    await leg.expectSame(sink);
  });

  it('begins when Redis does', async () => {
    await leg.each((committer) => committer.beginEpoch(100));
    await server.pause();
    const joining = leg.join();
    // Long enough for questions to have failed.
    const waited = await Promise.race([joining, answeredNot(leg)]);
    await server.resume();
    expect(waited).toBeUndefined();
    const { sink, follower } = await joining;
    expect(follower.unready()).toBeNull();
    await leg.untilServed();
    await leg.expectSame(sink);
  });
});

/** Resolves when the store has failed to answer. */
async function answeredNot(leg: Leg): Promise<undefined> {
  await expect(leg.form.tape.ping()).rejects.toThrow(StoreUnavailable);
  return undefined;
}

import { OwnerCounters } from './fanout-counters.js';
import { VirtualTime } from './live-time.fixture.js';
import { GroupEncoder, joinGroups } from './log-entry.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { MemoryStore } from './memory-store.js';
import { MemoryTape } from './memory-tape.js';
import { MemoryTickLog } from './memory-tick-log.js';
import { groupOf, makeOwner, makeWriter, tradeIdsOn, tradeOf } from './owner.fixture.js';
import type { Commit, CommitAnswer } from './partition-store.js';
import { instrument, ListedRegistry } from './registry.fixture.js';
import { TurnTimer } from './turn-timer.js';

async function world(intervalMs: number) {
  const time = new VirtualTime();
  const store = new MemoryStore(time, 'run');
  const registry = new ListedRegistry([instrument(1)]);
  const surroundings = { registry, clock: time, timers: time };
  const { owner } = makeOwner(new MemoryPartitionStore(store, 3_000), surroundings, { intervalMs });
  const log = new MemoryTickLog(store, { entriesMax: 100, marksMax: 100 });
  const writer = makeWriter(log, surroundings, { partitions: 1, gatherMs: 0 });
  const counters = new OwnerCounters();
  const timer = new TurnTimer(owner, intervalMs, 500, time, time, counters);
  await owner.acquire(0);
  timer.start();
  const tape = new MemoryTape(store);
  let sequence = 0;
  return {
    ...{ time, store, owner, timer, counters },
    offer: () => writer.offer([groupOf('spec', '1', ++sequence, tradeOf(1, `${sequence}`))]),
    /** Times of the batches after the first, in ms. */
    batches: async () => {
      const { epoch } = await tape.load(0);
      const entries = await tape.readAfter(0, epoch, 1, 1_000);
      return { count: entries.length, ids: tradeIdsOn(entries) };
    },
  };
}

const MIB = 1_048_576;
const encoder = new GroupEncoder();
let sequences = 0;

/** Puts trades of at least so many bytes into a partition's log. */
function fillLog(store: MemoryStore, partition: number, bytesMin: number): void {
  const kept = store.partition(partition);
  for (let bytes = 0; bytes < bytesMin; ) {
    const trades = Array.from({ length: bytesMin === 1 ? 1 : 1_000 }, (_, i) =>
      tradeOf(partition + 1, `${i}`.padEnd(40)),
    );
    const entry = joinGroups([encoder.encode(groupOf('spec', 'bulk', ++sequences, ...trades), trades)]);
    kept.log.push({ id: ++kept.logTop, bytes: entry });
    bytes += entry.length;
  }
}

/** The commits of one partition are never answered. */
class HangingStore extends MemoryPartitionStore {
  hangs = -1;

  override commit(partition: number, commit: Commit): Promise<CommitAnswer> {
    return partition === this.hangs ? new Promise(() => undefined) : super.commit(partition, commit);
  }
}

describe('TurnTimer', () => {
  it('publishes at multiples of the interval, once in each', async () => {
    const { time, offer, batches, timer } = await world(50);
    await time.advance(50 - ((time.nowUs() / 1000) % 50) + 1);
    void offer();
    await time.advance(40);
    void offer();
    expect((await batches()).count).toBe(0);
    await time.advance(10);
    expect(await batches()).toEqual({ count: 1, ids: ['1', '2'] });
    for (let i = 0; i < 40; i++) {
      void offer();
      await time.advance(5);
    }
    expect((await batches()).count).toBe(5);
    timer.stop();
    void offer();
    await time.advance(1_000);
    expect((await batches()).count).toBe(5);
    expect(timer.durations.count).toBeGreaterThan(4);
  });

  it('takes the next turn when the last is answered, at least 5 ms later, for interval 0', async () => {
    const { time, offer, batches } = await world(0);
    await time.advance(10);
    for (let i = 0; i < 20; i++) {
      void offer();
      await time.advance(1);
    }
    await time.advance(6);
    const { count, ids } = await batches();
    expect(ids).toHaveLength(20);
    expect(count).toBeGreaterThanOrEqual(4);
    expect(count).toBeLessThanOrEqual(6);
  });

  it('keeps its lease by heartbeats, however long the interval', async () => {
    const { time, store, owner } = await world(60_000);
    await time.advance(20_000);
    expect(owner.owns(0)).toBe(true);
    expect(store.partition(0).lease?.untilMs).toBeGreaterThan(time.monotonicMs());
  });

  it('is not woken for heartbeats while turns follow each other: they say themselves what is due', async () => {
    const { time, owner, store, timer } = await world(50);
    const beat = jest.spyOn(owner, 'beat');
    let said = 0;
    store.onLive(() => said++);
    await time.advance(3_000);
    expect(beat).not.toHaveBeenCalled();
    expect(said).toBeGreaterThanOrEqual(5);
    // While one waits for the store, no other begins.
    jest.spyOn(owner, 'turn').mockReturnValue(new Promise(() => undefined));
    await time.advance(1_000);
    expect(beat.mock.calls.length).toBeGreaterThanOrEqual(8);
    timer.stop();
  });

  it('takes turns at once while the log holds more than a turn can take', async () => {
    const { time, store, counters } = await world(10_000);
    fillLog(store, 0, 3 * MIB);
    await time.advance(10_000);
    // What follows needs turns of the event loop, but no time of the clock.
    for (let i = 0; i < 100; i++) await time.advance(1);
    const { log, tape } = store.partition(0);
    expect(log).toHaveLength(0);
    const batches = tape.slice(1);
    expect(batches.length).toBeGreaterThanOrEqual(3);
    for (const { bytes } of batches) expect(bytes.length).toBeLessThan(2 * MIB);
    expect(counters.lateTurns).toBe(0);
    await time.advance(9_000);
    expect(store.partition(0).tape).toHaveLength(1 + batches.length);
  });

  it.each([0, 50])(
    'is held up by a commit that hangs for one heartbeat at most (interval %d)',
    async (intervalMs) => {
      const time = new VirtualTime();
      const store = new MemoryStore(time, 'run');
      const partitions = new HangingStore(store, 3_000);
      const registry = new ListedRegistry([instrument(1), instrument(2)]);
      const { owner, counters } = makeOwner(
        partitions,
        { registry, clock: time, timers: time },
        { intervalMs },
      );
      for (const partition of [0, 1]) await owner.acquire(partition);
      const timer = new TurnTimer(owner, intervalMs, 500, time, time, counters);
      timer.start();
      await time.advance(100);
      partitions.hangs = 0;
      fillLog(store, 0, 2 * MIB);
      fillLog(store, 1, 1);
      await time.advance(700);
      const before = store.partition(1).tape.length;
      expect(before).toBeGreaterThan(1);
      for (let i = 0; i < 10; i++) {
        fillLog(store, 1, 1);
        await time.advance(60);
      }
      expect(store.partition(1).tape.length).toBe(before + 10);
      timer.stop();
    },
  );

  it('counts turns that come a whole interval late', async () => {
    const { time, counters } = await world(50);
    await time.advance(200);
    expect(counters.lateTurns).toBe(0);
    await time.block(500);
    expect(counters.lateTurns).toBe(1);
  });
});

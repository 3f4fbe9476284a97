/** An owner that has much to catch up on: after an outage, or after a bulk upload. */
import { VirtualTime } from './live-time.fixture.js';
import { GroupEncoder, joinGroups } from './log-entry.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { MemoryStore } from './memory-store.js';
import { MemoryTape } from './memory-tape.js';
import { groupOf, makeOwner, tradeIdsOn, tradeOf } from './owner.fixture.js';
import { LOG_READ_BYTES_MAX } from './partition-store.js';
import { instrument, ListedRegistry } from './registry.fixture.js';

/** Each look at the wall clock, of which applying takes one, costs 100 ms. */
class SlowTime extends VirtualTime {
  private spentMs = 0;

  override nowUs(): number {
    this.spentMs += 100;
    return super.nowUs() + this.spentMs * 1_000;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.spentMs;
  }
}

const encoder = new GroupEncoder();
const ENTRIES = 40;
const TRADES_PER_ENTRY = 1_500;

describe('an owner with a backlog', () => {
  it('works it off over several turns of a bounded size, and lets the event loop turn in between', async () => {
    const time = new VirtualTime();
    const store = new MemoryStore(time, 'run');
    const registry = new ListedRegistry([instrument(1)]);
    const { owner } = makeOwner(new MemoryPartitionStore(store, 3_000), {
      registry,
      clock: time,
      timers: time,
    });
    await owner.acquire(0);
    await owner.settled();
    const kept = store.partition(0);
    for (let entry = 0; entry < ENTRIES; entry++) {
      const trades = Array.from({ length: TRADES_PER_ENTRY }, (_, i) => tradeOf(1, `${entry}.${i}`));
      const group = groupOf('spec', 'bulk', entry + 1, ...trades);
      kept.log.push({ id: ++kept.logTop, bytes: joinGroups([encoder.encode(group, group.ticks)]) });
    }
    const entryBytes = kept.log[0]!.bytes.length;
    expect(entryBytes * ENTRIES).toBeGreaterThan(2 * LOG_READ_BYTES_MAX);

    let loopTurns = 0;
    let counting = true;
    const count = () => {
      loopTurns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    let turns = 0;
    while (kept.log.length > 0 && turns < ENTRIES) {
      const before = loopTurns;
      await owner.turn();
      await owner.settled();
      turns++;
      if (kept.log.length > 0) expect(loopTurns).toBeGreaterThan(before);
    }
    counting = false;
    // One read passes its bound by a page at most.
    expect(turns).toBeGreaterThanOrEqual(
      Math.floor((entryBytes * ENTRIES) / (LOG_READ_BYTES_MAX + 4 * entryBytes)),
    );
    expect(turns).toBeGreaterThan(2);
    const tape = new MemoryTape(store);
    const { epoch } = await tape.load(0);
    const expected = Array.from(
      { length: ENTRIES * TRADES_PER_ENTRY },
      (_, i) => `${Math.floor(i / TRADES_PER_ENTRY)}.${i % TRADES_PER_ENTRY}`,
    );
    expect(tradeIdsOn(await tape.readAfter(0, epoch, 0, 1_000))).toEqual(expected);
  });

  it('ends a turn that takes long, renews every lease by it, and serves those first that it left out', async () => {
    const time = new SlowTime();
    const store = new MemoryStore(time, 'run');
    const partitions = Array.from({ length: 8 }, (_, i) => i);
    const registry = new ListedRegistry(partitions.map((i) => instrument(i + 1)));
    const { owner } = makeOwner(new MemoryPartitionStore(store, 60_000), {
      registry,
      clock: time,
      timers: time,
    });
    for (const partition of partitions) await owner.acquire(partition);
    await owner.settled();
    const append = (sequence: number) => {
      for (const partition of partitions) {
        const kept = store.partition(partition);
        const group = groupOf('spec', '1', sequence, tradeOf(partition + 1, `${sequence}`));
        kept.log.push({ id: ++kept.logTop, bytes: joinGroups([encoder.encode(group, group.ticks)]) });
      }
    };
    const waiting = () => partitions.filter((partition) => store.partition(partition).log.length > 0);
    const served: number[][] = [];
    for (let turns = 1; turns <= 4; turns++) {
      append(turns);
      const leases = partitions.map((partition) => store.partition(partition).lease?.untilMs ?? 0);
      const before = partitions.map((partition) => store.partition(partition).tape.length);
      expect(await owner.turn()).toBe(true);
      await owner.answered();
      served.push(partitions.filter((partition, i) => store.partition(partition).tape.length > before[i]!));
      for (const partition of partitions)
        expect(store.partition(partition).lease?.untilMs).toBeGreaterThan(leases[partition]!);
      expect(waiting().length).toBeGreaterThan(0);
    }
    expect(served.every((some) => some.length >= 2 && some.length < 8)).toBe(true);
    // Nobody is left out twice in a row once all others had their share.
    expect(new Set(served.slice(0, 4).flat()).size).toBe(8);
    while (await owner.turn()) await owner.answered();
    await owner.answered();
    expect(waiting()).toEqual([]);
    const tape = new MemoryTape(store);
    for (const partition of partitions) {
      const { epoch } = await tape.load(partition);
      expect(tradeIdsOn(await tape.readAfter(partition, epoch, 0, 100))).toEqual(['1', '2', '3', '4']);
    }
  });

  it('takes last turns over it when it stops', async () => {
    const time = new VirtualTime();
    const store = new MemoryStore(time, 'run');
    const registry = new ListedRegistry([instrument(1)]);
    const surroundings = { registry, clock: time, timers: time };
    const { owner } = makeOwner(new MemoryPartitionStore(store, 3_000), surroundings);
    await owner.acquire(0);
    await owner.settled();
    const kept = store.partition(0);
    for (let entry = 0; entry < ENTRIES; entry++) {
      const trades = Array.from({ length: TRADES_PER_ENTRY }, (_, i) => tradeOf(1, `${entry}.${i}`));
      const group = groupOf('spec', 'bulk', entry + 1, ...trades);
      kept.log.push({ id: ++kept.logTop, bytes: joinGroups([encoder.encode(group, group.ticks)]) });
    }
    await owner.stop();
    expect(kept.log).toEqual([]);
    expect(kept.lease).toBeUndefined();
  });
});

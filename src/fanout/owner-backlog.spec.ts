/** An owner that has much to catch up on: after an outage, or after a bulk upload. */
import { VirtualTime } from './live-time.fixture.js';
import { GroupEncoder, joinGroups } from './log-entry.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { MemoryStore } from './memory-store.js';
import { MemoryTape } from './memory-tape.js';
import { groupOf, makeOwner, tradeIdsOn, tradeOf } from './owner.fixture.js';
import { LOG_READ_BYTES_MAX } from './partition-store.js';
import { instrument, ListedRegistry } from './registry.fixture.js';

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
});

/** What an owner must not believe after a failover: log ids begin lower there than those it has read. */
import { decodeCheckpoint } from './checkpoint.js';
import { BadNetwork, type Fate, FaultyPartitionStore } from './faults.fixture.js';
import { VirtualTime } from './live-time.fixture.js';
import { GroupEncoder, joinGroups } from './log-entry.js';
import { copyOf } from './memory-copy.fixture.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { type MemoryPartition, MemoryStore } from './memory-store.js';
import { MemoryTape } from './memory-tape.js';
import { groupOf, makeOwner, tradeIdsOn, tradeOf } from './owner.fixture.js';
import type { OwnerSettings } from './owner-world.js';
import { instrument, ListedRegistry } from './registry.fixture.js';

const encoder = new GroupEncoder();

function world(settings: Partial<OwnerSettings> = {}) {
  const time = new VirtualTime();
  const store = new MemoryStore(time, 'run-1');
  const fates: Fate[] = [];
  const answered: (() => void)[] = [];
  const network = new BadNetwork(
    () => fates.shift() ?? 'served',
    () => answered.shift()?.(),
  );
  const { owner, counters } = makeOwner(
    new FaultyPartitionStore(new MemoryPartitionStore(store, 3_000), network),
    {
      ...{ registry: new ListedRegistry([instrument(1)]), clock: time, timers: time },
    },
    settings,
  );
  const kept = store.partition(0);
  return {
    ...{ time, owner, network },
    fates,
    /** What happens after the next call has run and before its answer is seen. */
    whenAnswered: (happens: () => void) => answered.push(happens),
    append(session: string, sequence: number) {
      const group = groupOf('spec', session, sequence, tradeOf(1, `${session}#${sequence}`));
      kept.log.push({ id: ++kept.logTop, bytes: joinGroups([encoder.encode(group, group.ticks)]) });
    },
    counters,
    store,
    expireLease() {
      kept.lease = undefined;
    },
    /** As it was when it was copied. */
    failoverTo(copy: MemoryPartition) {
      store.run = `${store.run}+`;
      Object.assign(kept, copyOf(copy), { lease: undefined });
    },
    /** The replica had nothing of the log. */
    failover() {
      store.run = 'run-2';
      Object.assign(kept, { log: [], logTop: 0, lease: undefined });
      if (kept.meta !== undefined) kept.meta.offset = '0-0';
    },
    async tape() {
      const tape = new MemoryTape(store);
      const { epoch } = await tape.load(0);
      return tradeIdsOn(await tape.readAfter(0, epoch, 0, 100));
    },
  };
}

/** Newest trade seq of the only symbol. */
function tradeSeqIn(checkpoint: Uint8Array | undefined): number {
  let newest = 0;
  decodeCheckpoint(checkpoint ?? new Uint8Array(0), {
    begin: () => undefined,
    image: (_sid, _seq, tradeSeq) => {
      newest = tradeSeq;
    },
    end: () => undefined,
  });
  return newest;
}

describe('an owner after a failover', () => {
  it('sends the batch in flight without its offset, which would trim what it has not read', async () => {
    const { owner, time, fates, append, failover, tape } = world();
    await owner.acquire(0);
    await owner.settled();
    append('a', 1);
    append('a', 2);
    fates.push('served', 'request_lost');
    await owner.turn();
    failover();
    append('b', 1);
    append('a', 1);
    append('a', 2);
    await time.advance(100);
    await owner.turn();
    await owner.settled();
    expect(await tape()).toEqual(['a#1', 'a#2', 'b#1']);
  });

  it.each([true, false])(
    'does not read on from an id of the other run (told of the reconnect: %s)',
    async (isTold) => {
      const { owner, network, append, failover, tape } = world();
      await owner.acquire(0);
      await owner.settled();
      append('a', 1);
      append('a', 2);
      await owner.turn();
      await owner.settled();
      failover();
      append('b', 5);
      append('a', 3);
      append('b', 6);
      if (isTold) network.reconnect();
      for (let i = 0; i < 3; i++) {
        await owner.turn();
        await owner.settled();
      }
      expect(await tape()).toEqual(['a#1', 'a#2', 'b#5', 'a#3', 'b#6']);
    },
  );

  it('puts back an epoch that the store has lost as a whole, with the checkpoint that it began with', async () => {
    const { owner, time, store, counters, append, expireLease, failoverTo, tape } = world();
    await owner.acquire(0);
    await owner.settled();
    append('a', 1);
    await owner.turn();
    await owner.settled();
    await owner.release(0);
    const older = copyOf(store.partition(0));
    store.run = 'run-2';
    await owner.acquire(0);
    await owner.settled();
    append('a', 2);
    await owner.turn();
    await owner.settled();
    expect(counters.epochs.run_changed).toBe(1);
    failoverTo(older);
    append('a', 3);
    for (let i = 0; i < 2; i++) {
      await owner.turn();
      await owner.settled();
    }
    expect(counters).toMatchObject({ refilled: 2, excludedTrades: 0 });
    expect(await tape()).toEqual(['a#2', 'a#3']);
    expireLease();
    const next = makeOwner(new MemoryPartitionStore(store, 3_000), {
      ...{ registry: new ListedRegistry([instrument(1)]), clock: time, timers: time },
    });
    await next.owner.acquire(0);
    expect(next.counters.epochs.state_lost).toBe(0);
    expect([...next.owner.owned()][0]?.epoch).toBe([...owner.owned()][0]?.epoch);
  });

  it.each(['idle', 'in flight'])(
    'does not trim the tape beyond a checkpoint that was lost with its heartbeat (a batch is %s then)',
    async (when) => {
      const tape = { ageMsMax: 60_000, bytesMax: 1_048_576 };
      const { owner, time, store, fates, append, failoverTo } = world({ checkpointBatches: 100, tape });
      await owner.acquire(0);
      await owner.settled();
      append('a', 1);
      await owner.turn();
      await owner.settled();
      const replica = copyOf(store.partition(0));
      await time.advance(1_000);
      owner.beat();
      await owner.settled();
      expect(store.partition(0).meta?.checkpoint?.number).toBe(2);
      await time.advance(90_000);
      append('a', 2);
      if (when === 'in flight') {
        fates.push('served', 'request_lost');
        await owner.turn();
      }
      failoverTo({ ...replica, log: store.partition(0).log });
      await time.advance(100);
      // An idle owner learns of the other run by its first read; one with a batch in flight has sent it again by now, and
      // commits once more that it has read the log anew.
      for (let i = 0; i < 2; i++) {
        await owner.turn();
        await owner.settled();
      }
      const newest = when === 'idle' ? 3 : 4;
      const state = await new MemoryTape(store).load(0);
      expect(state.number).toBe(newest);
      // What is left of the tape begins right behind the checkpoint that is stored.
      const from = store.partition(0).meta?.checkpoint?.number ?? 0;
      expect(from).toBeGreaterThan(0);
      expect(state.entries.map(({ number }) => number)).toEqual([2, 3, 4].slice(from - 1, newest - 1));
      // And once more everybody can be loaded without the tape.
      await time.advance(1_000);
      owner.beat();
      await owner.settled();
      expect(store.partition(0).meta?.checkpoint?.number).toBe(newest);
    },
  );

  it.each(['checkpoint', 'tape'] as const)('begins anew where the stored %s cannot be read', async (what) => {
    const { owner, time, store, append, expireLease, tape } = world({ checkpointBatches: 3 });
    await owner.acquire(0);
    await owner.settled();
    for (const sequence of [1, 2]) {
      append('a', sequence);
      await owner.turn();
      await owner.settled();
    }
    const kept = store.partition(0);
    expect(kept.meta).toMatchObject({ number: 3, checkpoint: { number: 3 } });
    append('a', 3);
    await owner.turn();
    await owner.settled();
    if (what === 'checkpoint') kept.image = kept.image?.subarray(0, -1);
    else kept.tape.push({ ...kept.tape.pop()!, bytes: Uint8Array.of(0xc1) });
    expireLease();
    append('a', 4);
    const next = makeOwner(new MemoryPartitionStore(store, 3_000), {
      ...{ registry: new ListedRegistry([instrument(1)]), clock: time, timers: time },
    });
    expect(await next.owner.acquire(0)).toBe(true);
    await next.owner.settled();
    expect(next.counters).toMatchObject({ epochs: { state_lost: 1 } });
    expect(next.counters.unreadableStates).toBeGreaterThan(0);
    expect(next.counters.unreadableSince(time.monotonicMs())).toEqual([0]);
    expect(next.counters.unreadableSince(time.monotonicMs() + 1)).toEqual([]);
    await next.owner.turn();
    await next.owner.settled();
    expect(await tape()).toEqual(['a#4']);
    // The images are those of the last checkpoint that could be read, or new.
    expireLease();
    const third = makeOwner(new MemoryPartitionStore(store, 3_000), {
      ...{ registry: new ListedRegistry([instrument(1)]), clock: time, timers: time },
    });
    await third.owner.acquire(0);
    await third.owner.settled();
    await third.owner.release(0);
    expect(third.counters.epochs.state_lost).toBe(0);
    expect(tradeSeqIn(kept.image)).toBe(what === 'checkpoint' ? 1 : 3);
  });

  it('does not go on from what it read on the way, when the store changed meanwhile', async () => {
    const { owner, network, whenAnswered, append, failover, tape } = world();
    await owner.acquire(0);
    await owner.settled();
    append('a', 1);
    append('a', 2);
    whenAnswered(() => {
      failover();
      network.reconnect();
      append('b', 1);
      append('a', 1);
    });
    for (let i = 0; i < 3; i++) {
      await owner.turn();
      await owner.settled();
    }
    expect(new Set(await tape())).toEqual(new Set(['a#1', 'a#2', 'b#1']));
  });
});

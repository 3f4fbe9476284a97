import { preferredNode } from '#market-data';
import { systemClock } from '../clock.js';
import { LiveLog } from './live-log.js';
import { VirtualTime } from './live-time.fixture.js';
import { systemTimers } from './live-timers.js';
import { MemoryNodeRegister } from './memory-node-register.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { MemoryStore } from './memory-store.js';
import { NODE_MS_MAX, type NodeListener, type NodeRegister } from './node-register.js';
import { groupOf, makeOwner, makeWriter, tradeIdsOn, tradeOf } from './owner.fixture.js';
import type { Owner } from './owner.js';
import { OwnerRun } from './owner-run.js';
import { Ownership } from './ownership.js';
import { instrument, ListedRegistry } from './registry.fixture.js';
import { describeAllForms, quietLog, type StoreForm } from './store-forms.fixture.js';
import { TurnTimer } from './turn-timer.js';

const PARTITIONS = 8;
const registry = new ListedRegistry(
  Array.from({ length: 24 }, (_, i) => instrument(i + 1)),
  PARTITIONS,
);

const preferred = (node: string, ...nodes: string[]) =>
  Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => preferredNode(p, nodes) === node);

const owned = (owner: Owner) => [...owner.owned()].map(({ partition }) => partition).sort((a, b) => a - b);

describeAllForms('Owners that share partitions', (open) => {
  const surroundings = { registry, clock: systemClock, timers: systemTimers };

  function run(form: StoreForm, node: string) {
    const { owner, counters } = makeOwner(form.partitions, surroundings, { heartbeatMs: 50 });
    const rareLog = new LiveLog(quietLog, systemClock);
    const settings = { node, partitions: PARTITIONS, leaseMs: 3_000 };
    const ownership = new Ownership(
      owner,
      form.register,
      settings,
      systemClock,
      systemTimers,
      quietLog,
      rareLog,
    );
    const timer = new TurnTimer(owner, 10, 50, systemClock, systemTimers, counters);
    const made = new OwnerRun(owner, ownership, timer, counters);
    made.start();
    return made;
  }

  /** Looks until it is so. */
  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  it('share them, hand them over when one comes, and take them back when it goes', async () => {
    const form = await open({ partitions: PARTITIONS, limits: { entriesMax: 20_000, marksMax: 100 } });
    const writer = makeWriter(form.tickLog, surroundings, { partitions: PARTITIONS, gatherMs: 1 });
    const first = run(form, 'first');
    await until(() => owned(first.owner).length === PARTITIONS);

    let offered = 0;
    let isOffering = true;
    const offering = (async () => {
      while (isOffering) {
        const sequence = ++offered;
        const ticks = Array.from({ length: 24 }, (_, i) => tradeOf(i + 1, `${sequence}`));
        expect(await writer.offer([groupOf('spec', '1', sequence, ...ticks)])).toEqual({ outcome: 'stored' });
      }
    })();

    const second = run(form, 'second');
    const shares = {
      first: preferred('first', 'first', 'second'),
      second: preferred('second', 'first', 'second'),
    };
    expect([shares.first.length, shares.second.length]).not.toContain(0);
    await until(
      () =>
        owned(first.owner).join() === shares.first.join() &&
        owned(second.owner).join() === shares.second.join(),
    );
    const soFar = offered;
    await until(() => offered > soFar + 5);
    await first.stop();
    await until(() => owned(second.owner).length === PARTITIONS);
    isOffering = false;
    await offering;
    await writer.stop();
    await second.stop();

    // Every trade once and in order, and no epoch but the first: hand-overs keep it.
    const expected = Array.from({ length: offered }, (_, i) => String(i + 1));
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { epoch, number } = await form.partitions.load(partition);
      const entries = await form.tape.readAfter(partition, epoch, 0, 100_000);
      expect(entries.map((entry) => entry.number)).toEqual(Array.from({ length: number }, (_, i) => i + 1));
      const symbols = [...registry.all()].filter(({ sid }) => registry.partition(sid) === partition);
      const ids = tradeIdsOn(entries);
      expect(ids).toHaveLength(offered * symbols.length);
      if (symbols.length === 1) expect(ids).toEqual(expected);
    }
    for (const { counters } of [first, second])
      expect(counters.epochs).toMatchObject({ run_changed: 0, state_lost: 0, gap: 0, meta_lost: 0 });
  }, 60_000);
});

/** A register whose connection the spec breaks. */
class BreakableRegister implements NodeRegister {
  private listener: NodeListener | undefined;

  constructor(private readonly register: NodeRegister) {}

  beat(node: string): Promise<readonly string[]> {
    return this.register.beat(node);
  }

  leave(node: string): Promise<void> {
    return this.register.leave(node);
  }

  watch(listener: NodeListener): () => void {
    this.listener = listener;
    return this.register.watch(listener);
  }

  break(): void {
    this.listener?.lost();
  }

  mend(): void {
    this.listener?.back();
  }
}

describe('Ownership', () => {
  function node(store: MemoryStore, time: VirtualTime, name: string) {
    const register = new BreakableRegister(new MemoryNodeRegister(store));
    const { owner, counters } = makeOwner(new MemoryPartitionStore(store, 3_000), {
      registry,
      clock: time,
      timers: time,
    });
    const settings = { node: name, partitions: PARTITIONS, leaseMs: 3_000 };
    const rareLog = new LiveLog(quietLog, time);
    const ownership = new Ownership(owner, register, settings, time, time, quietLog, rareLog);
    ownership.start();
    const run = new OwnerRun(owner, ownership, new TurnTimer(owner, 50, 500, time, time, counters), counters);
    return { owner, ownership, register, run };
  }

  function world() {
    const time = new VirtualTime();
    return { time, store: new MemoryStore(time, 'run') };
  }

  it('owns everything alone, and its share of it with others', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    await time.advance(1);
    expect(owned(a.owner)).toHaveLength(PARTITIONS);
    const b = node(store, time, 'b');
    await time.advance(2_000);
    expect(owned(a.owner)).toEqual(preferred('a', 'a', 'b'));
    expect(owned(b.owner)).toEqual(preferred('b', 'a', 'b'));
    expect(a.ownership.liveNodes).toEqual(['a', 'b']);
  });

  it('takes over from a node that died when its leases have run out', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    const b = node(store, time, 'b');
    await time.advance(2_000);
    // Dead: it neither looks nor renews from here on.
    void a.ownership.stop();
    for (let ms = 0; ms < NODE_MS_MAX + 1_500; ms += 100) {
      b.owner.beat();
      await time.advance(100);
    }
    expect(owned(b.owner)).toHaveLength(PARTITIONS);
  });

  it('does not contend for one lease time after its connection was lost', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    await time.advance(1);
    await a.owner.release(3);
    a.register.break();
    await time.advance(5_000);
    expect(a.owner.owns(3)).toBe(false);
    a.register.mend();
    await time.advance(2_900);
    expect(a.owner.owns(3)).toBe(false);
    await time.advance(700);
    expect(a.owner.owns(3)).toBe(true);
  });

  it('is not seen before it may contend, so that nobody gives back what it cannot take', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    const b = node(store, time, 'b');
    await time.advance(2_000);
    b.register.break();
    for (const partition of owned(b.owner)) await b.owner.release(partition);
    for (let ms = 0; ms < NODE_MS_MAX + 1_500; ms += 100) {
      store.nodes.delete('b');
      await time.advance(100);
    }
    expect(owned(a.owner)).toHaveLength(PARTITIONS);
    b.register.mend();
    for (let ms = 0; ms < 2_900; ms += 100) {
      a.owner.beat();
      await time.advance(100);
      expect(owned(a.owner)).toHaveLength(PARTITIONS);
    }
    for (let ms = 0; ms < 3_000; ms += 100) {
      a.owner.beat();
      b.owner.beat();
      await time.advance(100);
    }
    expect(owned(b.owner)).toEqual(preferred('b', 'a', 'b'));
  });

  it('is not seen by what it only believes to own: others may have taken it in the outage', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    const b = node(store, time, 'b');
    await time.advance(2_000);
    b.register.break();
    const hung = owned(b.owner);
    expect(hung).toEqual(preferred('b', 'a', 'b'));
    for (let ms = 0; ms < NODE_MS_MAX + 1_500; ms += 100) {
      store.nodes.delete('b');
      a.owner.beat();
      await time.advance(100);
    }
    expect(owned(a.owner)).toHaveLength(PARTITIONS);
    b.register.mend();
    // Its look comes before the answers to its commits.
    await time.advance(600);
    expect([...store.nodes.keys()]).toEqual(['a']);
    b.owner.beat();
    for (let ms = 0; ms < 2_000; ms += 100) {
      a.owner.beat();
      await time.advance(100);
    }
    expect(owned(b.owner)).toEqual([]);
    expect(owned(a.owner)).toHaveLength(PARTITIONS);
  });

  it('is seen at once when the store confirms what it owns', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    await time.advance(1);
    a.register.break();
    await time.advance(1_000);
    a.register.mend();
    store.nodes.delete('a');
    await time.advance(600);
    expect([...store.nodes.keys()]).toEqual([]);
    a.owner.beat();
    await time.advance(600);
    expect([...store.nodes.keys()]).toEqual(['a']);
  });

  it('owns also a partition whose stored state cannot be read, and says so for a while', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    await time.advance(1);
    expect(a.run.degraded(time.monotonicMs())).toBeNull();
    await a.owner.release(3);
    store.partition(3).image = Uint8Array.of(0xc1);
    await time.advance(1_000);
    expect(owned(a.owner)).toHaveLength(PARTITIONS);
    expect(a.run.degraded(time.monotonicMs())).toMatch(/^stored state of partition 3 could not be read/);
    expect(a.run.degraded(time.monotonicMs() + 601_000)).toBeNull();
  });

  it('leaves nothing of itself behind', async () => {
    const { time, store } = world();
    const a = node(store, time, 'a');
    await time.advance(1);
    await a.ownership.stop();
    const stopping = a.owner.stop();
    await time.advance(10);
    await stopping;
    await a.ownership.leave();
    expect([...store.nodes.keys()]).toEqual([]);
    for (let partition = 0; partition < PARTITIONS; partition++)
      expect(store.partition(partition).lease).toBeUndefined();
  });
});

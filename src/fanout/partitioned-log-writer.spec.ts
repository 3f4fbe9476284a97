import type { TickGroup } from '#market-data';
import { systemClock } from '../clock.js';
import { BadNetwork, type Fate, FaultyTickLog } from './faults.fixture.js';
import { VirtualTime } from './live-time.fixture.js';
import { systemTimers } from './live-timers.js';
import { LogEntryDecoder } from './log-entry.js';
import { groupOf, makeWriter, tradeOf } from './owner.fixture.js';
import type { LogWriterSettings } from './partitioned-log-writer.js';
import { instrument, ListedRegistry } from './registry.fixture.js';
import { describeAllForms, memoryForm, readEntries, type StoreForm } from './store-forms.fixture.js';
import type { OfferAnswer } from './tick-log-writer.js';

/** Sids of both partitions. */
const registry = new ListedRegistry(
  Array.from({ length: 8 }, (_, i) => instrument(i + 1)),
  2,
);
const sids = [1, 2, 3, 4, 5, 6, 7, 8];
const [here = 0] = sids.filter((sid) => registry.partition(sid) === 0);
const [there = 0] = sids.filter((sid) => registry.partition(sid) === 1);

const group = (sequence: number, ...on: number[]) =>
  groupOf('spec', '1', sequence, ...on.map((sid) => tradeOf(sid, `${sequence} on ${sid}`)));

/** `session#sequence` of the groups in the log of a partition. */
async function logged(form: StoreForm, partition: number): Promise<string[]> {
  const asked = await form.tickLog.append(partition, { run: '', entries: [], newMarks: [] });
  const groups: string[] = [];
  const run = asked.kind === 'run' ? asked.run : '';
  for (const { bytes } of await readEntries(form, partition, run)) {
    new LogEntryDecoder().decode(bytes, {
      group: (_source, session, sequence) => {
        groups.push(`${session}#${sequence}`);
        return false;
      },
      quote: () => undefined,
      trade: () => undefined,
    });
  }
  return groups;
}

/** As an owner that has committed all that the log holds. */
async function drain(form: StoreForm, partition: number): Promise<void> {
  const owner = await form.partitions.acquire(partition, 'lease');
  if (owner.kind !== 'acquired') throw new Error('Expected the lease');
  const last = (await readEntries(form, partition, owner.run)).at(-1);
  const { run, number } = owner;
  await form.partitions.commit(partition, {
    ...{ kind: 'batch', leaseToken: 'lease', epochToken: 'token', epoch: 1, number: number + 1, run },
    ...{ message: new Uint8Array(1), timeMs: 0, offset: last?.id ?? null, checkpoint: null },
    ...{ marksMoved: [], marksDropped: [], tapeKeepFrom: null },
  });
}

describeAllForms('PartitionedLogWriter', (open) => {
  const writerOf = (form: StoreForm, more: Partial<LogWriterSettings> = {}) =>
    makeWriter(
      form.tickLog,
      { registry, clock: systemClock, timers: systemTimers },
      { gatherMs: 1, ...more },
    );

  it('answers stored when every partition has its part', async () => {
    const form = await open();
    const writer = writerOf(form);
    expect(await writer.offer([group(1, here, there), group(2, there)])).toEqual({ outcome: 'stored' });
    expect(await logged(form, 0)).toEqual(['1#1']);
    expect(await logged(form, 1)).toEqual(['1#1', '1#2']);
    await writer.stop();
  });

  it('gathers what is offered within a few milliseconds into one entry', async () => {
    const form = await open();
    const writer = writerOf(form, { gatherMs: 20 });
    await Promise.all([1, 2, 3, 4].map((sequence) => writer.offer([group(sequence, here)])));
    expect(writer.counters).toMatchObject({ entries: 1, offersStored: 4, queueBytes: 0 });
    expect(await logged(form, 0)).toEqual(['1#1', '1#2', '1#3', '1#4']);
    await writer.stop();
  });

  it('begins a new entry where the next group would not fit, and splits none', async () => {
    const form = await open();
    const writer = writerOf(form, { entryBytesMax: 80 });
    await Promise.all([1, 2, 3].map((sequence) => writer.offer([group(sequence, here, here)])));
    expect(writer.counters.entries).toBe(3);
    await writer.stop();
  });

  it('answers busy while the log is full, and stores the resend once there is room', async () => {
    const form = await open({ limits: { entriesMax: 2, marksMax: 10 } });
    const writer = writerOf(form, { entryBytesMax: 1 });
    expect(await writer.offer([group(1, here)])).toEqual({ outcome: 'stored' });
    expect(await writer.offer([group(2, here)])).toEqual({ outcome: 'stored' });
    const full = await Promise.all([3, 4].map((sequence) => writer.offer([group(sequence, here)])));
    expect(full).toMatchObject([
      { outcome: 'busy', why: 'log_full' },
      { outcome: 'busy', why: 'log_full' },
    ]);
    const other = groupOf('other', '1', 1, tradeOf(there, 'the other partition has room'));
    expect(await writer.offer([other])).toEqual({ outcome: 'stored' });
    const owner = await form.partitions.acquire(0, 'lease');
    if (owner.kind !== 'acquired') throw new Error('Expected the lease');
    const [first] = await readEntries(form, 0, owner.run);
    await form.partitions.commit(0, {
      ...{ kind: 'batch', leaseToken: 'lease', epochToken: 't', epoch: 1, number: 1, run: owner.run },
      ...{ message: new Uint8Array(1), timeMs: 0, offset: first?.id ?? '', checkpoint: null },
      ...{ marksMoved: [], marksDropped: [], tapeKeepFrom: null },
    });
    expect(await writer.offer([group(3, here)])).toEqual({ outcome: 'stored' });
    expect(await logged(form, 0)).toEqual(['1#2', '1#3']);
    await writer.stop();
  });

  it('appends its tail again, before anything new, when the store comes back as another run', async () => {
    const form = await open();
    const writer = writerOf(form);
    for (let sequence = 1; sequence <= 3; sequence++) await writer.offer([group(sequence, here)]);
    await form.restart({ empty: true });
    expect(await writer.offer([group(4, here)])).toEqual({ outcome: 'stored' });
    expect(await logged(form, 0)).toEqual(['1#1', '1#2', '1#3', '1#4']);
    expect(writer.counters.entriesAgain).toBe(3);
    await writer.stop();
  });

  it('refuses what is offered after its stop, and stores what waited', async () => {
    const form = await open();
    const writer = writerOf(form, { gatherMs: 10_000 });
    const waiting = writer.offer([group(1, here)]);
    await writer.stop();
    expect(await waiting).toEqual({ outcome: 'stored' });
    expect(await writer.offer([group(2, here)])).toMatchObject({ outcome: 'busy', why: 'stopping' });
    expect(await logged(form, 0)).toEqual(['1#1']);
  });
});

/** A writer whose every append has a fate that the spec decides. */
async function badly(more: Partial<LogWriterSettings> = {}, limits = { entriesMax: 1_000, marksMax: 1_000 }) {
  const form = await memoryForm({ limits });
  const time = new VirtualTime();
  let fate: Fate = 'served';
  const network = new BadNetwork(() => fate);
  const writer = makeWriter(
    new FaultyTickLog(form.tickLog, network),
    { registry, clock: time, timers: time },
    more,
  );
  return {
    ...{ form, time, network, writer },
    setFate: (next: Fate) => {
      fate = next;
    },
  };
}

/** Answers in the order in which they came. */
function listed(offers: readonly Promise<OfferAnswer>[]): string[] {
  const answers: string[] = [];
  offers.forEach((offer, i) => {
    void offer.then((answer) => answers.push(`${i + 1} ${answer.outcome}`));
  });
  return answers;
}

describe('PartitionedLogWriter on a bad network', () => {
  it('repeats an append until it is answered', async () => {
    const { writer, time, form, setFate } = await badly();
    setFate('reply_lost');
    const answers = listed([writer.offer([group(1, here)])]);
    await time.advance(200);
    expect(answers).toEqual([]);
    setFate('served');
    await time.advance(100);
    expect(answers).toEqual(['1 stored']);
    // The log may hold it several times; the owner knows it by its name.
    expect(new Set(await logged(form, 0))).toEqual(new Set(['1#1']));
  });

  it('answers busy after five seconds without an answer, all that waits at once', async () => {
    const { writer, time, setFate } = await badly();
    setFate('request_lost');
    const offers = [1, 2, 3].map((sequence) => writer.offer([group(sequence, here)]));
    const answers = listed(offers);
    await time.advance(4_900);
    expect(answers).toEqual([]);
    expect(writer.degraded()).toBe('1 of 2 partitions do not answer appends');
    await time.advance(300);
    expect(answers).toEqual(['1 busy', '2 busy', '3 busy']);
    expect(await offers[0]).toMatchObject({ why: 'store_unavailable', retryAfterMs: 1_000 });
    setFate('served');
    const again = writer.offer([group(1, here)]);
    await time.advance(100);
    expect(await again).toEqual({ outcome: 'stored' });
    expect(writer.degraded()).toBeNull();
  });

  it('answers a session in the order of its offers, also when a later one was stored first', async () => {
    const { writer, time, form, setFate } = await badly();
    await writer.offer([group(1, there)].slice(1));
    setFate('request_lost');
    const first = writer.offer([group(1, here)]);
    await time.advance(20);
    setFate('served');
    const answers = listed([first, writer.offer([group(2, there)])]);
    await time.advance(10);
    expect(await logged(form, 1)).toEqual(['1#2']);
    expect(answers).toEqual([]);
    await time.advance(100);
    expect(answers).toEqual(['1 stored', '2 stored']);
  });

  it('fails everything behind a failed offer, also while an earlier one still waits', async () => {
    const { writer, time, form, setFate } = await badly({}, { entriesMax: 1, marksMax: 10 });
    const filler = writer.offer([groupOf('filler', '1', 1, tradeOf(here, 'filler'))]);
    await time.advance(10);
    expect(await filler).toEqual({ outcome: 'stored' });
    // 1 hangs in one partition while 2 is refused by the other, which is full.
    setFate('request_lost');
    const first = writer.offer([group(1, there)]);
    await time.advance(10);
    setFate('served');
    const second = writer.offer([group(2, here)]);
    await time.advance(10);
    // There is room again, but behind 2 nothing may be appended before 2 itself.
    await drain(form, 0);
    const answers = listed([first, second, writer.offer([group(3, here)]), writer.offer([group(4, there)])]);
    await time.advance(100);
    expect(answers).toEqual(['1 stored', '2 busy', '3 busy', '4 busy']);
    expect(await logged(form, 1)).toEqual(['1#1']);
    expect(await logged(form, 0)).toEqual([]);
    const again = writer.offer([group(2, here)]);
    await time.advance(10);
    expect(await again).toEqual({ outcome: 'stored' });
    await drain(form, 0);
    const further = writer.offer([group(3, here)]);
    await time.advance(10);
    expect(await further).toEqual({ outcome: 'stored' });
    expect(await logged(form, 0)).toEqual(['1#3']);
  });

  describe('with one session on two connections', () => {
    /** 5 waits in one partition while 6, and what comes behind it, failed in the other, which has room again. */
    async function sixFailed(...behind: readonly number[]) {
      const world = await badly({ entryBytesMax: 1 }, { entriesMax: 3, marksMax: 10 });
      const { writer, time, form, setFate } = world;
      const fillers = [1, 2, 3].map((sequence) => groupOf('filler', '1', sequence, tradeOf(here, 'filler')));
      const filled = writer.offer(fillers);
      await time.advance(10);
      expect(await filled).toEqual({ outcome: 'stored' });
      setFate('request_lost');
      const five = writer.offer([group(5, there)]);
      await time.advance(10);
      setFate('served');
      const failed = [6, ...behind].map((sequence) => writer.offer([group(sequence, here)]));
      await time.advance(10);
      await drain(form, 0);
      return { ...world, told: listed([five, ...failed]) };
    }

    it('takes nothing behind a failure because the other connection begins before it', async () => {
      const { writer, time, form, told } = await sixFailed();
      const returned = writer.offer([group(5, there)]);
      const buffered = writer.offer([group(7, here)]);
      await time.advance(10);
      expect(await logged(form, 0)).toEqual([]);
      const resent = writer.offer([group(6, here)]);
      await time.advance(100);
      expect(told).toEqual(['1 stored', '2 busy']);
      expect(await Promise.all([returned, buffered, resent])).toMatchObject([
        { outcome: 'stored' },
        { outcome: 'busy', why: 'log_full' },
        { outcome: 'stored' },
      ]);
      expect(await logged(form, 0)).toEqual(['1#6']);
    });

    it('takes nothing behind a second failure because the first has come again', async () => {
      const { writer, time, form, told } = await sixFailed(7);
      const returned = [writer.offer([group(5, there)]), writer.offer([group(6, here)])];
      const buffered = writer.offer([group(8, here)]);
      await time.advance(10);
      expect(await logged(form, 0)).toEqual(['1#6']);
      const resent = writer.offer([group(7, here)]);
      await time.advance(100);
      expect(told).toEqual(['1 stored', '2 busy', '3 busy']);
      expect(await Promise.all([...returned, buffered, resent])).toMatchObject([
        { outcome: 'stored' },
        { outcome: 'stored' },
        { outcome: 'busy' },
        { outcome: 'stored' },
      ]);
      expect(await logged(form, 0)).toEqual(['1#6', '1#7']);
    });

    it('looks at every group of an offer, as batches of both connections may be in it', async () => {
      const { writer, time, form } = await sixFailed();
      const both = writer.offer([group(5, there), group(7, here)]);
      const inOrder = writer.offer([group(5, there), group(6, here), group(7, here)]);
      await time.advance(100);
      expect(await both).toMatchObject({ outcome: 'busy' });
      expect(await inOrder).toEqual({ outcome: 'stored' });
      expect(await logged(form, 0)).toEqual(['1#6', '1#7']);
    });

    it('keeps a failure that nobody was told of when it forgets one that was told', async () => {
      const { writer, time, form, setFate } = await badly({ queueBytesMax: 300 });
      const tooMuch = () => group(5, ...Array.from({ length: 20 }, () => here));
      setFate('request_lost');
      const other = writer.offer([groupOf('other', '1', 1, tradeOf(there, 'it waits'))]);
      const offers = [
        writer.offer([tooMuch()]),
        // In the turn in which the old connection is told.
        writer.offer([group(4, there)]),
        writer.offer([tooMuch()]),
      ];
      expect(await offers[0]).toMatchObject({ outcome: 'busy', why: 'queue_full' });
      await time.advance(10);
      offers.push(writer.offer([group(6, here)]));
      setFate('served');
      await time.advance(100);
      expect((await Promise.all([other, ...offers])).map(({ outcome }) => outcome)).toEqual([
        ...['stored', 'busy', 'stored', 'busy', 'busy'],
      ]);
      expect(await logged(form, 0)).toEqual([]);
      const again = writer.offer([tooMuch(), group(6, here)]);
      await time.advance(100);
      expect(await again).toEqual({ outcome: 'stored' });
    });
  });

  it('answers busy when more waits than it may hold, and takes the resend', async () => {
    const { writer, time, setFate } = await badly({ queueBytesMax: 100 });
    setFate('request_lost');
    const offers = [1, 2, 3].map((sequence) => writer.offer([group(sequence, here)]));
    const answers = listed(offers);
    await time.advance(10);
    expect(answers).toEqual([]);
    setFate('served');
    await time.advance(100);
    expect(answers).toEqual(['1 stored', '2 stored', '3 busy']);
    expect(await offers[2]).toMatchObject({ why: 'queue_full' });
    const again = writer.offer([group(3, here)]);
    await time.advance(10);
    expect(await again).toEqual({ outcome: 'stored' });
  });

  it('takes an offer that is larger than what may wait when nothing waits', async () => {
    const { writer, time } = await badly({ queueBytesMax: 10 });
    const offers = [writer.offer([group(1, here, there)]), writer.offer([group(2, here)])];
    await time.advance(10);
    expect(await Promise.all(offers)).toMatchObject([
      { outcome: 'stored' },
      { outcome: 'busy', why: 'queue_full' },
    ]);
  });

  it('refuses new sessions where a partition has no room for their marks, and only those', async () => {
    const { writer, time, form } = await badly({}, { entriesMax: 100, marksMax: 1 });
    const acquired = await form.partitions.acquire(0, 'lease');
    if (acquired.kind !== 'acquired') throw new Error('Expected the lease');
    await form.partitions.commit(0, {
      ...{ kind: 'batch', leaseToken: 'lease', epochToken: 't', epoch: 1, number: 1, run: acquired.run },
      ...{ message: new Uint8Array(1), timeMs: 0, offset: null, checkpoint: null },
      ...{ marksMoved: [['mark:spec:1', '1 0 9']], marksDropped: [], tapeKeepFrom: null },
    });
    const offers = [
      writer.offer([groupOf('spec', 'new', 1, tradeOf(here, 'new'))]),
      writer.offer([group(2, here)]),
    ];
    await time.advance(100);
    expect(await offers[0]).toMatchObject({ outcome: 'busy', why: 'sessions_full' });
    expect(await offers[1]).toEqual({ outcome: 'stored' });
    expect(await logged(form, 0)).toEqual(['1#2']);
  });

  it('appends its tail again when the connection comes back, though nothing new is offered', async () => {
    const { writer, time, form, network } = await badly();
    const offer = writer.offer([group(1, here)]);
    await time.advance(10);
    await offer;
    await form.restart({ empty: true });
    network.reconnect();
    await time.advance(10);
    expect(await logged(form, 0)).toEqual(['1#1']);
  });

  it('lets the tail of another process come before what a session goes on with here', async () => {
    const { writer, time, form, network, setFate } = await badly();
    const surroundings = { registry, clock: time, timers: time };
    const elsewhere = makeWriter(form.tickLog, surroundings);
    const settled = async (offer: Promise<OfferAnswer>) => {
      await time.advance(20);
      return (await offer).outcome;
    };
    expect(await settled(elsewhere.offer([groupOf('other', '9', 1, tradeOf(here, 'other'))]))).toBe('stored');
    for (const sequence of [1, 2, 3])
      expect(await settled(writer.offer([group(sequence, here)]))).toBe('stored');
    // The store loses all of it, and the process that knows is the last one to hear of that.
    await form.restart({ empty: true });
    setFate('request_lost');
    network.reconnect();
    expect(await settled(elsewhere.offer([group(4, here), group(5, there)]))).toBe('busy');
    expect(await settled(elsewhere.offer([groupOf('other', '9', 2, tradeOf(here, 'other'))]))).toBe('stored');
    await time.advance(2_000);
    expect(await settled(elsewhere.offer([group(4, here), group(5, there)]))).toBe('busy');
    setFate('served');
    await time.advance(1_000);
    expect(await settled(elsewhere.offer([group(4, here), group(5, there)]))).toBe('stored');
    expect(await logged(form, 0)).toEqual(['9#1', '9#2', '1#1', '1#2', '1#3', '1#4']);
  });

  it('keeps of its tail what is young and fits', async () => {
    const { writer, time, form, network } = await badly({ tailMs: 1_000, tailBytesMax: 100 });
    const offer = async (sequence: number) => {
      const answer = writer.offer([group(sequence, here)]);
      await time.advance(10);
      expect(await answer).toEqual({ outcome: 'stored' });
    };
    await offer(1);
    await time.advance(1_100);
    for (const sequence of [2, 3, 4]) await offer(sequence);
    await form.restart({ empty: true });
    network.reconnect();
    await time.advance(10);
    expect(await logged(form, 0)).toEqual(['1#3', '1#4']);
  });

  it('keeps the tail of a quiet partition through a burst in another, long past', async () => {
    const { writer, time, form, network } = await badly({ tailMs: 1_000, tailBytesMax: 400 });
    const offer = async (...groups: TickGroup[]) => {
      const answer = writer.offer(groups);
      await time.advance(10);
      expect(await answer).toEqual({ outcome: 'stored' });
    };
    for (let sequence = 1; sequence <= 20; sequence++) await offer(group(sequence, here));
    const { tailEntriesCut } = writer.counters;
    expect(tailEntriesCut).toBeGreaterThan(0);
    await time.advance(1_000);
    for (const sequence of [21, 22, 23]) await offer(group(sequence, there));
    expect(writer.counters.tailEntriesCut).toBe(tailEntriesCut);
    await form.restart({ empty: true });
    network.reconnect();
    await time.advance(10);
    expect(await logged(form, 1)).toEqual(['1#21', '1#22', '1#23']);
    // What is old enough was replicated long ago.
    expect(await logged(form, 0)).toEqual([]);
  });

  it('appends its tail again before it stops, when the store comes back in time', async () => {
    const { writer, time, form, network, setFate } = await badly();
    const offer = writer.offer([group(1, here)]);
    await time.advance(10);
    await offer;
    await form.restart({ empty: true });
    setFate('request_lost');
    network.reconnect();
    const stopped = writer.stop();
    await time.advance(4_000);
    setFate('served');
    await time.advance(100);
    await stopped;
    expect(await logged(form, 0)).toEqual(['1#1']);
    expect(writer.counters.tailEntriesLeft).toBe(0);
  });

  it('stops after five seconds without the store, and counts what it leaves', async () => {
    const { writer, time, network, setFate } = await badly();
    const offer = writer.offer([group(1, here, there)]);
    await time.advance(10);
    await offer;
    setFate('request_lost');
    network.reconnect();
    const stopped = writer.stop();
    await time.advance(5_100);
    await stopped;
    expect(writer.counters.tailEntriesLeft).toBe(2);
  });

  it('stops within five seconds though nobody answers', async () => {
    const { writer, time, setFate } = await badly();
    setFate('request_lost');
    const answers = listed([writer.offer([group(1, here)])]);
    let stopped = false;
    void writer.stop().then(() => {
      stopped = true;
    });
    await time.advance(5_200);
    expect([stopped, answers]).toEqual([true, ['1 busy']]);
  });
});

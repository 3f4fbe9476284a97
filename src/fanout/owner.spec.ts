import { systemClock } from '../clock.js';
import { decodeCheckpoint } from './checkpoint.js';
import { BadNetwork, type Fate, FaultyPartitionStore } from './faults.fixture.js';
import { systemTimers } from './live-timers.js';
import { groupOf, makeOwner, makeWriter, OWNER_SETTINGS, tradeIdsOn, tradeOf } from './owner.fixture.js';
import type { Owner } from './owner.js';
import type { OwnerSettings } from './owner-world.js';
import type { PartitionStore } from './partition-store.js';
import type { PartitionedLogWriter } from './partitioned-log-writer.js';
import { instrument, ListedRegistry } from './registry.fixture.js';
import { describeAllForms, HandClock, type StoreForm } from './store-forms.fixture.js';

/** One partition, so that every trade of a spec is on one tape. */
const registry = new ListedRegistry([instrument(1), instrument(2)]);
const surroundings = { registry, clock: systemClock, timers: systemTimers };

function ownerOf(store: PartitionStore, more: Partial<OwnerSettings> = {}) {
  return makeOwner(store, surroundings, more);
}

function writerOf(form: StoreForm): PartitionedLogWriter {
  return makeWriter(form.tickLog, surroundings, { partitions: 1, gatherMs: 0 });
}

async function acquire(owner: Owner): Promise<void> {
  expect(await owner.acquire(0)).toBe(true);
  await owner.settled();
}

/** A turn, and the answers to what it sent. */
async function turn(owner: Owner): Promise<void> {
  await owner.turn();
  await owner.settled();
}

async function store(writer: PartitionedLogWriter, sequence: number, ...ids: string[]): Promise<void> {
  const answer = await writer.offer([groupOf('spec', '1', sequence, ...ids.map((id) => tradeOf(1, id)))]);
  expect(answer).toEqual({ outcome: 'stored' });
}

const positionOf = (owner: Owner) => [...owner.owned()].map(({ epoch, number }) => ({ epoch, number }))[0];

/** Everything on the tape of the present epoch. */
async function tapeOf(form: StoreForm): Promise<string[]> {
  const { epoch } = await form.partitions.load(0);
  return tradeIdsOn(await form.tape.readAfter(0, epoch, 0, 1_000));
}

/** Trades counted by the stored checkpoint. */
async function tradesInCheckpoint(form: StoreForm): Promise<number> {
  const { checkpoint } = await form.partitions.load(0);
  let trades = 0;
  decodeCheckpoint(checkpoint ?? new Uint8Array(), {
    begin: () => undefined,
    image: (_sid, _seq, tradeSeq) => {
      trades += tradeSeq;
    },
    end: () => undefined,
  });
  return trades;
}

describeAllForms('Owner', (open) => {
  it('publishes what the log holds, one batch a turn', async () => {
    const form = await open({ partitions: 1 });
    const { owner } = ownerOf(form.partitions);
    const writer = writerOf(form);
    await acquire(owner);
    expect(positionOf(owner)).toMatchObject({ number: 1 });
    await store(writer, 1, 'a', 'b');
    await store(writer, 2, 'c');
    await turn(owner);
    expect(positionOf(owner)).toMatchObject({ number: 2 });
    expect(await tapeOf(form)).toEqual(['a', 'b', 'c']);
    await turn(owner);
    expect(positionOf(owner)).toMatchObject({ number: 2 });
    await owner.stop();
  });

  it('goes on in the same epoch after an owner that died without a word', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    const dead = ownerOf(form.partitions).owner;
    await acquire(dead);
    await store(writer, 1, 'a');
    await turn(dead);
    await store(writer, 2, 'b');
    const before = positionOf(dead);
    await form.expireLease(0);
    const { owner, counters } = ownerOf(form.partitions);
    await acquire(owner);
    expect(positionOf(owner)).toEqual(before);
    await turn(owner);
    expect(positionOf(owner)).toEqual({ epoch: before?.epoch, number: (before?.number ?? 0) + 1 });
    expect(await tapeOf(form)).toEqual(['a', 'b']);
    expect(Object.values(counters.epochs)).toEqual([0, 0, 0, 0, 0, 0]);
    await owner.stop();
  });

  it('steps back when it stood still and another owns its partition', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    const stale = ownerOf(form.partitions);
    await acquire(stale.owner);
    await form.expireLease(0);
    const { owner } = ownerOf(form.partitions);
    await acquire(owner);
    await store(writer, 1, 'a');
    await turn(stale.owner);
    expect(stale.counters.answers.fenced).toBe(1);
    expect(positionOf(stale.owner)).toBeUndefined();
    await turn(owner);
    expect(await tapeOf(form)).toEqual(['a']);
    await owner.stop();
  });

  it('hands over with its last checkpoint, and keeps the epoch', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    const first = ownerOf(form.partitions).owner;
    await acquire(first);
    await store(writer, 1, 'a');
    await turn(first);
    const before = positionOf(first);
    await first.release(0);
    expect(positionOf(first)).toBeUndefined();
    expect((await form.partitions.load(0)).entries).toEqual([]);
    const { owner } = ownerOf(form.partitions);
    expect(await owner.acquire(0)).toBe(true);
    expect(positionOf(owner)).toEqual(before);
    await owner.stop();
  });

  it('takes a last turn when it stops', async () => {
    const form = await open({ partitions: 1 });
    const { owner } = ownerOf(form.partitions);
    await acquire(owner);
    await store(writerOf(form), 1, 'last');
    await owner.stop();
    expect(await tapeOf(form)).toEqual(['last']);
    expect(await tradesInCheckpoint(form)).toBe(1);
    expect(await form.partitions.acquire(0, 'free')).toMatchObject({ kind: 'acquired' });
  });

  it('takes it also of a partition whose heartbeat is in flight then', async () => {
    const form = await open({ partitions: 1 });
    const { owner } = ownerOf(form.partitions, { heartbeatMs: 0 });
    await acquire(owner);
    await store(writerOf(form), 1, 'last');
    owner.beat();
    await owner.stop();
    expect(await tapeOf(form)).toEqual(['last']);
  });

  it('publishes each trade once whatever replies are lost', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    const fates: Fate[] = [
      'reply_lost',
      'served',
      'request_lost',
      'reply_lost',
      'served',
      'late',
      'reply_lost',
    ];
    let calls = 0;
    let isFair = true;
    const network = new BadNetwork(() => (isFair ? 'served' : (fates[calls++ % fates.length] ?? 'served')));
    const { owner, counters } = ownerOf(new FaultyPartitionStore(form.partitions, network));
    await acquire(owner);
    isFair = false;
    const ids = Array.from({ length: 20 }, (_, i) => `t${i}`);
    for (const [i, id] of ids.entries()) {
      await store(writer, i + 1, id);
      await turn(owner);
      network.deliverLate(0);
    }
    isFair = true;
    await turn(owner);
    expect(await tapeOf(form)).toEqual(ids);
    expect(counters.answers.unavailable).toBeGreaterThan(5);
    expect(counters.answers.repeated).toBeGreaterThan(2);
    await owner.stop();
  }, 60_000);

  it('begins a new epoch from its memory when the store comes back empty', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    const { owner, counters } = ownerOf(form.partitions, { heartbeatMs: 0 });
    await acquire(owner);
    await store(writer, 1, 'a', 'b');
    await turn(owner);
    const before = positionOf(owner);
    await form.restart({ empty: true });
    owner.beat();
    await owner.settled();
    expect(counters.epochs.meta_lost).toBe(1);
    expect(counters.excludedTrades).toBe(2);
    expect(positionOf(owner)?.number).toBe(1);
    expect(positionOf(owner)?.epoch).toBeGreaterThan(before?.epoch ?? 0);
    expect(await tradesInCheckpoint(form)).toBe(2);
    // The feed process appends its tail again: the marks came from memory too.
    await store(writer, 2, 'c');
    await turn(owner);
    expect(await tapeOf(form)).toEqual(['c']);
    expect(await tradesInCheckpoint(form)).toBe(2);
    // And they are stored: the next owner knows a resend of what no tape has any more.
    await form.expireLease(0);
    const next = ownerOf(form.partitions).owner;
    await acquire(next);
    await store(writerOf(form), 1, 'a', 'b');
    await turn(next);
    expect(await tapeOf(form)).toEqual(['c']);
    await next.stop();
  });

  it('takes an epoch above a tape whose meta was lost', async () => {
    const form = await open({ partitions: 1 });
    const first = ownerOf(form.partitions).owner;
    await acquire(first);
    const before = positionOf(first)?.epoch ?? 0;
    await form.expireLease(0);
    await form.loseMeta(0);
    // Its clock is an hour behind: by time alone its epoch would be below the tape's.
    const clock = { ...systemClock, nowUs: () => systemClock.nowUs() - 3_600_000_000 };
    const { owner, counters } = makeOwner(form.partitions, { ...surroundings, clock });
    await acquire(owner);
    expect(counters.epochs).toMatchObject({ first: 1, refused: 1 });
    expect(positionOf(owner)).toEqual({ epoch: before + 1, number: 1 });
    await owner.stop();
  });

  it('says its position, renews its lease and stores a checkpoint while nothing comes', async () => {
    const form = await open({ partitions: 1 });
    const { owner } = ownerOf(form.partitions, { heartbeatMs: 0 });
    await acquire(owner);
    await store(writerOf(form), 1, 'a');
    await turn(owner);
    expect((await form.partitions.load(0)).entries).toHaveLength(1);
    await form.expireLease(0);
    owner.beat();
    await owner.settled();
    expect((await form.partitions.load(0)).entries).toEqual([]);
    expect(await tradesInCheckpoint(form)).toBe(1);
    expect(await form.partitions.acquire(0, 'another')).toEqual({ kind: 'held' });
    await owner.stop();
  });

  it('writes a checkpoint with every so many batches, and trims the tape up to it', async () => {
    const form = await open({ partitions: 1 });
    const tape = { ageMsMax: 60_000, bytesMax: 1 };
    const { owner } = ownerOf(form.partitions, { checkpointBatches: 5, tape });
    const writer = writerOf(form);
    await acquire(owner);
    for (let sequence = 1; sequence <= 11; sequence++) {
      await store(writer, sequence, `t${sequence}`);
      await turn(owner);
    }
    const state = await form.partitions.load(0);
    expect(state.number).toBe(12);
    expect(state.entries.map(({ number }) => number)).toEqual([11, 12]);
    const numbers = (await form.tape.readAfter(0, state.epoch, 0, 100)).map(({ number }) => number);
    expect(numbers).toEqual([11, 12]);
    await owner.stop();
  });

  it('knows a resend through another feed process, and loses none of a new session', async () => {
    const form = await open({ partitions: 1 });
    const { owner, counters } = ownerOf(form.partitions);
    await acquire(owner);
    const [here, there] = [writerOf(form), writerOf(form)];
    await store(here, 1, 'a');
    await store(here, 2, 'b');
    await store(there, 2, 'b');
    await store(there, 3, 'c');
    await turn(owner);
    await store(here, 3, 'c');
    const again = groupOf('spec', '2', 1, tradeOf(1, 'new session'));
    expect(await here.offer([again])).toEqual({ outcome: 'stored' });
    await turn(owner);
    expect(await tapeOf(form)).toEqual(['a', 'b', 'c', 'new session']);
    expect(counters.repeatedTicks).toBe(2);
    await owner.stop();
  });

  it('is not fooled by a resend after another owner took over', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    const dead = ownerOf(form.partitions).owner;
    await acquire(dead);
    await store(writer, 1, 'a');
    await turn(dead);
    await form.expireLease(0);
    const { owner } = ownerOf(form.partitions);
    await acquire(owner);
    await store(writer, 1, 'a');
    await store(writer, 2, 'b');
    await turn(owner);
    expect(await tapeOf(form)).toEqual(['a', 'b']);
    await owner.stop();
  });

  it('reads on in a turn of a long interval, as far as a batch may go, and leaves the rest to the next', async () => {
    const form = await open({ partitions: 1, limits: { entriesMax: 1_000, marksMax: 100 } });
    // Time stands still, so that the bytes end the turn and not a slow machine.
    const { owner } = makeOwner(
      form.partitions,
      { ...surroundings, clock: new HandClock() },
      { intervalMs: 1_000 },
    );
    const writer = makeWriter(form.tickLog, surroundings, {
      ...{ partitions: 1, gatherMs: 0, entryBytesMax: 1_024 },
    });
    await acquire(owner);
    const ids: string[] = [];
    for (let sequence = 1; sequence <= 60; sequence++) {
      const mine = Array.from({ length: 500 }, (_, i) => `${sequence}.${i}`.padEnd(64, '.'));
      ids.push(...mine);
      await store(writer, sequence, ...mine);
    }
    expect(await owner.turn()).toBe(true);
    await owner.answered();
    const soFar = await tapeOf(form);
    expect(soFar.length * 64).toBeGreaterThan(1_000_000);
    expect(soFar).toEqual(ids.slice(0, soFar.length));
    expect(await owner.turn()).toBe(false);
    await owner.answered();
    expect(await tapeOf(form)).toEqual(ids);
    await owner.stop();
  });
});

describeAllForms('Owner and registry', (open) => {
  it('reconciles before it applies a tick of a symbol that it does not know', async () => {
    const form = await open({ partitions: 1 });
    const behind = new ListedRegistry([instrument(1)]);
    const { owner, counters } = makeOwner(form.partitions, { ...surroundings, registry: behind });
    await acquire(owner);
    behind.addUnseen(instrument(2, { sizeScale: 2, volumeScale: 0 }));
    const group = groupOf('spec', '1', 1, tradeOf(2, 'new symbol', { size: 250 }));
    expect(await writerOf(form).offer([group])).toEqual({ outcome: 'stored' });
    await turn(owner);
    expect(behind.reconciled).toBe(1);
    expect(await tapeOf(form)).toEqual(['new symbol']);
    expect(counters.unknownTicks).toBe(0);
    await owner.stop();
  });

  it('waits with what it read while the registry does not answer', async () => {
    const form = await open({ partitions: 1 });
    const behind = new ListedRegistry([instrument(1)]);
    behind.unavailable = true;
    const { owner } = makeOwner(form.partitions, { ...surroundings, registry: behind });
    await acquire(owner);
    behind.addUnseen(instrument(2));
    await writerOf(form).offer([groupOf('spec', '1', 1, tradeOf(2, 'new symbol'))]);
    await turn(owner);
    expect(await tapeOf(form)).toEqual([]);
    behind.unavailable = false;
    await turn(owner);
    expect(await tapeOf(form)).toEqual(['new symbol']);
    await owner.stop();
  });
});

describeAllForms('A failover that lost the newest part', (open) => {
  it('is refilled from the ring where it reaches, and a new epoch where it does not', async () => {
    const form = await open({ partitions: 1 });
    const writer = writerOf(form);
    for (const ringMs of [OWNER_SETTINGS.ringMs, -1]) {
      const { owner, counters } = ownerOf(form.partitions, { heartbeatMs: 0, ringMs });
      await acquire(owner);
      const { epoch, number } = positionOf(owner) ?? { epoch: 0, number: 0 };
      const sequence = number * 10;
      await store(writer, sequence, `${number} kept`);
      await turn(owner);
      await store(writer, sequence + 1, `${number} lost`);
      await turn(owner);
      await form.loseNewest(0);
      owner.beat();
      await owner.settled();
      if (ringMs > 0) {
        expect(counters).toMatchObject({ refilled: 1, excludedTrades: 0 });
        expect(positionOf(owner)).toEqual({ epoch, number: number + 2 });
        expect(await tapeOf(form)).toEqual([`${number} kept`, `${number} lost`]);
      } else {
        expect(counters).toMatchObject({ refilled: 0, excludedTrades: 1, epochs: { gap: 1 } });
        expect(positionOf(owner)?.number).toBe(1);
        expect(await tradesInCheckpoint(form)).toBe(4);
      }
      await owner.release(0);
    }
  });
});

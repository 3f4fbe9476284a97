import { encodeHeartbeat } from './batch.js';
import {
  type AcquireAnswer,
  type Commit,
  LOG_PAGE_ENTRIES,
  LOG_READ_BYTES_MAX,
  LOG_START,
} from './partition-store.js';
import { describeAllForms, readEntries, type StoreForm } from './store-forms.fixture.js';
import type { TapeListener } from './tape.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (data: Uint8Array | null) => (data === null ? null : new TextDecoder().decode(data));

/** Everything that one owner says, with what differs. */
function commit(run: string, more: Partial<Commit>): Commit {
  return {
    kind: 'batch',
    leaseToken: 'lease-1',
    epochToken: 'epoch-token-1',
    epoch: 7,
    number: 1,
    run,
    message: bytes(`batch ${more.epoch ?? 7}-${more.number ?? 1}`),
    timeMs: 1_000,
    offset: null,
    checkpoint: null,
    marksMoved: [],
    marksDropped: [],
    tapeKeepFrom: null,
    ...more,
  };
}

async function acquired(form: StoreForm, token = 'lease-1', partition = 0) {
  const answer = await form.partitions.acquire(partition, token);
  if (answer.kind !== 'acquired') throw new Error(`Expected the lease of ${partition}, was ${answer.kind}`);
  return answer satisfies AcquireAnswer;
}

async function append(form: StoreForm, run: string, ...entries: string[]): Promise<void> {
  const answer = await form.tickLog.append(0, { run, entries: entries.map(bytes), newMarks: [] });
  expect(answer).toEqual({ kind: 'stored' });
}

/** Live messages of partition 0, as text. */
async function listen(form: StoreForm) {
  const messages: string[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const listener: TapeListener = {
    message(partition, data) {
      expect(partition).toBe(0);
      messages.push(textOf(data) ?? '');
      for (const { count, resolve } of waiting) if (messages.length >= count) resolve();
    },
    up: () => undefined,
    down: () => undefined,
  };
  const end = await form.tape.follow(listener);
  return {
    messages,
    end,
    count: (count: number) =>
      messages.length >= count
        ? Promise.resolve()
        : new Promise<void>((resolve) => waiting.push({ count, resolve })),
  };
}

describeAllForms('PartitionStore', (open) => {
  it('answers a first owner with an empty position', async () => {
    const form = await open();
    expect(await acquired(form)).toMatchObject({
      ...{ epoch: 0, number: 0, offset: LOG_START, runOfCommit: '', epochToken: '' },
      run: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    expect(await form.partitions.load(0)).toEqual({ epoch: 0, number: 0, checkpoint: null, entries: [] });
  });

  it('gives a lease to one owner, and again to the same token', async () => {
    const form = await open();
    await acquired(form);
    expect(await form.partitions.acquire(0, 'lease-2')).toEqual({ kind: 'held' });
    await acquired(form, 'lease-1');
    await acquired(form, 'lease-2', 1);
  });

  it('stores batches in order and hands the position to the next owner', async () => {
    const form = await open();
    const { run } = await acquired(form);
    const checkpoint = bytes('images at 1');
    const moved = [['mark:a:1', '5 0 9']] as const;
    expect(await form.partitions.commit(0, commit(run, { checkpoint, marksMoved: moved }))).toEqual({
      kind: 'stored',
    });
    await form.partitions.commit(0, commit(run, { number: 2, offset: '3-0' }));
    await form.expireLease(0);
    const next = await acquired(form, 'lease-2');
    expect(next).toMatchObject({ epoch: 7, number: 2, epochToken: 'epoch-token-1', offset: '3-0' });
    expect(next).toMatchObject({ run, runOfCommit: run, marks: new Map(moved) });
    const state = await form.partitions.load(0);
    expect(state).toMatchObject({ epoch: 7, number: 2 });
    expect(textOf(state.checkpoint)).toBe('images at 1');
    expect(state.entries.map((entry) => [entry.epoch, entry.number, textOf(entry.bytes)])).toEqual([
      [7, 2, 'batch 7-2'],
    ]);
  });

  it('answers a repeated commit and sends nothing', async () => {
    const form = await open();
    const live = await listen(form);
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    expect(await form.partitions.commit(0, commit(run, {}))).toEqual({ kind: 'repeated' });
    await form.partitions.commit(0, commit(run, { number: 2 }));
    await live.count(2);
    expect(live.messages).toEqual(['batch 7-1', 'batch 7-2']);
    expect(await form.tape.readAfter(0, 7, 0, 10)).toHaveLength(2);
    await live.end();
  });

  it('fences a stale owner', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.expireLease(0);
    await acquired(form, 'lease-2');
    for (const kind of ['batch', 'heartbeat'] as const) {
      expect(await form.partitions.commit(0, commit(run, { kind, number: 2 }))).toEqual({ kind: 'fenced' });
    }
    expect(await form.partitions.release(0, commit(run, {}), null)).toBe('not_owner');
    expect(await form.partitions.acquire(0, 'lease-3')).toEqual({ kind: 'held' });
  });

  it('takes a missing lease for the caller unless its epoch is older or another one', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.expireLease(0);
    const older = commit(run, { epoch: 6, number: 2, leaseToken: 'lease-0' });
    expect(await form.partitions.commit(0, older)).toEqual({ kind: 'old_epoch' });
    const another = commit(run, { number: 2, leaseToken: 'lease-0', epochToken: 'epoch-token-0' });
    expect(await form.partitions.commit(0, another)).toEqual({ kind: 'old_epoch' });
    expect(await form.partitions.commit(0, commit(run, { number: 2 }))).toEqual({ kind: 'stored' });
    expect(await form.partitions.acquire(0, 'lease-2')).toEqual({ kind: 'held' });
  });

  it('does not take a missing lease for an owner after whom another has written', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.expireLease(0);
    await acquired(form, 'lease-2');
    await form.partitions.commit(0, commit(run, { leaseToken: 'lease-2', kind: 'heartbeat' }));
    await form.expireLease(0);
    // Its number 2 is free, but the other may have given it out and died.
    expect(await form.partitions.commit(0, commit(run, { number: 2 }))).toEqual({ kind: 'fenced' });
    await acquired(form, 'lease-3');
  });

  it('says where a number does not follow, and stores nothing then', async () => {
    const form = await open();
    const { run } = await acquired(form);
    expect(await form.partitions.commit(0, commit(run, { number: 2 }))).toEqual({ kind: 'meta_lost' });
    await form.partitions.commit(0, commit(run, {}));
    expect(await form.partitions.commit(0, commit(run, { number: 3 }))).toEqual({ kind: 'gap', number: 1 });
    const newEpoch = commit(run, { epoch: 8, number: 2, epochToken: 'epoch-token-2' });
    expect(await form.partitions.commit(0, newEpoch)).toEqual({ kind: 'gap', number: 0 });
    expect(await form.tape.readAfter(0, 7, 0, 10)).toHaveLength(1);
    expect(await form.partitions.commit(0, { ...newEpoch, number: 1 })).toEqual({ kind: 'stored' });
    expect((await form.partitions.load(0)).epoch).toBe(8);
  });

  it('carries epochs of µs size exactly', async () => {
    const form = await open();
    const { run } = await acquired(form);
    const epoch = 1_791_234_567_890_123;
    await form.partitions.commit(0, commit(run, { epoch }));
    const smaller = commit(run, { epoch: epoch - 1, number: 1, epochToken: 'other' });
    expect(await form.partitions.commit(0, smaller)).toEqual({ kind: 'old_epoch' });
    const larger = commit(run, { epoch: epoch + 1, number: 1, epochToken: 'other' });
    expect(await form.partitions.commit(0, larger)).toEqual({ kind: 'stored' });
    expect(await form.partitions.load(0)).toMatchObject({ epoch: epoch + 1, number: 1 });
  });

  it('sends heartbeats through the same checks', async () => {
    const form = await open();
    const live = await listen(form);
    const { run } = await acquired(form);
    const beat = (number: number, more: Partial<Commit> = {}) =>
      form.partitions.commit(0, commit(run, { kind: 'heartbeat', number, message: bytes('beat'), ...more }));
    expect(await beat(0)).toEqual({ kind: 'meta_lost' });
    await form.partitions.commit(0, commit(run, {}));
    await form.partitions.commit(0, commit(run, { number: 2 }));
    expect(await beat(3)).toEqual({ kind: 'gap', number: 2 });
    expect(await beat(1)).toEqual({ kind: 'repeated' });
    expect(await beat(2, { checkpoint: bytes('images at 2') })).toEqual({ kind: 'stored' });
    await live.count(3);
    expect(live.messages).toEqual(['batch 7-1', 'batch 7-2', 'beat']);
    const state = await form.partitions.load(0);
    expect(textOf(state.checkpoint)).toBe('images at 2');
    expect(state.entries).toEqual([]);
    await live.end();
  });

  it('delivers after the commit, never inside it, the very bytes of the tape', async () => {
    const form = await open();
    const live = await listen(form);
    const { run } = await acquired(form);
    const message = encodeHeartbeat(7, 1, 5);
    await form.partitions.commit(0, commit(run, { message }));
    await live.count(1);
    const [entry] = await form.tape.readAfter(0, 7, 0, 1);
    expect(Buffer.from(entry?.bytes ?? [])).toEqual(Buffer.from(message));
    await live.end();
  });

  it('keeps marks that did not move, and drops those it is told to', async () => {
    const form = await open();
    const { run } = await acquired(form);
    const first = [
      ['mark:a:1', '1 0 9'],
      ['mark:b:1', '1 0 9'],
    ] as const;
    await form.partitions.commit(0, commit(run, { marksMoved: first }));
    const moved = [['mark:a:1', '2 0 9']] as const;
    await form.partitions.commit(0, commit(run, { number: 2, marksMoved: moved }));
    expect((await acquired(form)).marks).toEqual(new Map([...first, ...moved]));
    await form.partitions.commit(0, commit(run, { number: 3, marksDropped: ['mark:b:1'] }));
    expect((await acquired(form)).marks).toEqual(new Map(moved));
  });

  it('takes more marks at once than a Lua call has room for', async () => {
    const form = await open();
    const { run } = await acquired(form);
    const marksMoved = Array.from({ length: 9_000 }, (_, i) => [`mark:s:${i}`, '1 0 9'] as const);
    await form.partitions.commit(0, commit(run, { marksMoved }));
    expect((await acquired(form)).marks.size).toBe(9_000);
  });

  it('trims the log behind the offset and reads again from there', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await append(form, run, 'one', 'two', 'three');
    const read = await readEntries(form, 0, run);
    expect(read.map((entry) => textOf(entry.bytes))).toEqual(['one', 'two', 'three']);
    expect(await readEntries(form, 0, run, null)).toEqual(read);
    await form.partitions.commit(0, commit(run, { offset: read[1]?.id ?? '' }));
    expect(await readEntries(form, 0, run)).toEqual(read.slice(2));
    await form.partitions.commit(0, commit(run, { number: 2, offset: null }));
    expect(await readEntries(form, 0, run, null)).toEqual(read.slice(2));
    expect(await readEntries(form, 0, run, read[2]?.id)).toEqual([]);
  });

  it('ends a read of the log by its bytes', async () => {
    const form = await open();
    const { run } = await acquired(form);
    const entries = Array.from({ length: 10 }, () => new Uint8Array(64 * 1024));
    await form.tickLog.append(0, { run, entries, newMarks: [] });
    const read = await form.partitions.readLog(0, run, LOG_START);
    if (read.kind !== 'entries') throw new Error(`Expected entries, was ${read.kind}`);
    expect([read.entries.length, read.more]).toEqual([LOG_READ_BYTES_MAX / (64 * 1024), true]);
    expect(read.entries.length % LOG_PAGE_ENTRIES).toBe(0);
    const second = await form.partitions.readLog(0, run, read.entries.at(-1)?.id ?? '');
    expect(second).toMatchObject({ kind: 'entries', more: true });
    if (second.kind !== 'entries') throw new Error('Expected entries');
    const third = await form.partitions.readLog(0, run, second.entries.at(-1)?.id ?? '');
    if (third.kind !== 'entries') throw new Error('Expected entries');
    expect([second.entries.length, third.entries.length, third.more]).toEqual([LOG_PAGE_ENTRIES, 2, false]);
  });

  it('trims the tape before the batch to keep, exactly, and still refuses the ids', async () => {
    const form = await open();
    const { run } = await acquired(form);
    for (let number = 1; number <= 5; number++) await form.partitions.commit(0, commit(run, { number }));
    await form.partitions.commit(0, commit(run, { number: 6, tapeKeepFrom: { epoch: 7, number: 4 } }));
    const numbers = async (after: number) =>
      (await form.tape.readAfter(0, 7, after, 10)).map((entry) => entry.number);
    expect(await numbers(0)).toEqual([4, 5, 6]);
    const before = await form.tape.readBefore(0, 7, 6, 10);
    expect(before.map((entry) => entry.number)).toEqual([5, 4]);
  });

  it('keeps batches of an older epoch apart', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.partitions.commit(0, commit(run, { epoch: 8, epochToken: 'two' }));
    expect(await form.tape.readAfter(0, 7, 0, 10)).toHaveLength(1);
    expect((await form.tape.readBefore(0, 8, 2, 10)).map((entry) => entry.epoch)).toEqual([8]);
  });

  it('measures the tape backwards', async () => {
    const form = await open();
    const { run } = await acquired(form);
    for (let number = 1; number <= 3; number++) {
      await form.partitions.commit(
        0,
        commit(run, { number, message: new Uint8Array(number), timeMs: number }),
      );
    }
    const measured = await form.partitions.measureTape(0, null, 2);
    expect(measured).toEqual([
      { epoch: 7, number: 3, bytes: 3, timeMs: 3 },
      { epoch: 7, number: 2, bytes: 2, timeMs: 2 },
    ]);
    expect(await form.partitions.measureTape(0, { epoch: 7, number: 2 }, 2)).toEqual([
      { epoch: 7, number: 1, bytes: 1, timeMs: 1 },
    ]);
  });

  it('names the top of a tape whose meta was lost', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.partitions.commit(0, commit(run, { number: 2 }));
    await form.loseMeta(0);
    const behind = commit(run, { epoch: 6, epochToken: 'six' });
    expect(await form.partitions.commit(0, behind)).toEqual({ kind: 'refused', lastEpoch: 7 });
    expect(await form.partitions.commit(0, commit(run, { epoch: 8, epochToken: 'eight' }))).toEqual({
      kind: 'stored',
    });
  });

  it('stores nothing for an owner that believes in another run', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.restart({ empty: false });
    const answer = await form.partitions.commit(0, commit(run, { number: 2 }));
    if (answer.kind !== 'run') throw new Error(`Expected another run, was ${answer.kind}`);
    expect(answer.run).not.toBe(run);
    expect(await form.partitions.readLog(0, run, LOG_START)).toEqual(answer);
    expect(await form.partitions.commit(0, commit(answer.run, { kind: 'heartbeat' }))).toEqual({
      kind: 'stored',
    });
    await form.expireLease(0);
    const next = await acquired(form, 'lease-2');
    // The heartbeat proved that this run holds the number: the epoch may go on.
    expect(next).toMatchObject({ epoch: 7, number: 1, run: answer.run, runOfCommit: answer.run });
  });

  it('says that an emptied store has lost the partition', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    await form.restart({ empty: true });
    const answer = await form.partitions.commit(0, commit(run, { number: 2 }));
    if (answer.kind !== 'run') throw new Error(`Expected another run, was ${answer.kind}`);
    expect(await form.partitions.commit(0, commit(answer.run, { number: 2 }))).toEqual({ kind: 'meta_lost' });
    // The living owner has the lease meanwhile: nobody else may begin the partition anew.
    expect(await form.partitions.acquire(0, 'lease-2')).toEqual({ kind: 'held' });
  });

  it('releases with the last checkpoint, and announces it', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, {}));
    const released: number[] = [];
    const end = form.register.watch({
      lost: () => undefined,
      back: () => undefined,
      released: (partition) => released.push(partition),
    });
    // The subscription may take effect after the first release.
    while (released.length === 0) {
      await acquired(form);
      expect(await form.partitions.release(0, commit(run, {}), bytes('last'))).toBe('released');
      await new Promise(setImmediate);
    }
    end();
    expect(released[0]).toBe(0);
    expect(textOf((await form.partitions.load(0)).checkpoint)).toBe('last');
  });

  it('ignores a last checkpoint that is not of the stored position', async () => {
    const form = await open();
    const { run } = await acquired(form);
    await form.partitions.commit(0, commit(run, { checkpoint: bytes('at 1') }));
    await form.partitions.commit(0, commit(run, { number: 2 }));
    expect(await form.partitions.release(0, commit(run, { number: 1 }), bytes('wrong'))).toBe('released');
    const state = await form.partitions.load(0);
    expect(textOf(state.checkpoint)).toBe('at 1');
    expect(state.entries).toHaveLength(1);
    await acquired(form, 'lease-2');
  });
});

describeAllForms('NodeRegister', (open) => {
  it('knows the nodes that beat, and forgets one that leaves', async () => {
    const { register } = await open();
    expect(await register.beat('a')).toEqual(['a']);
    expect([...(await register.beat('b'))].sort()).toEqual(['a', 'b']);
    await register.leave('a');
    expect(await register.beat('b')).toEqual(['b']);
  });
});

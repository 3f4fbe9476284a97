import { LOG_START } from './partition-store.js';
import { describeAllForms, readEntries, type StoreForm } from './store-forms.fixture.js';

const entry = (text: string) => new TextEncoder().encode(text);

/** On a cluster each server has its own. */
async function runOf(form: StoreForm, partition = 0): Promise<string> {
  const answer = await form.tickLog.append(partition, { run: '', entries: [], newMarks: [] });
  if (answer.kind !== 'run') throw new Error(`Expected the run, was ${answer.kind}`);
  return answer.run;
}

async function stored(form: StoreForm, partition = 0): Promise<string[]> {
  const entries = await readEntries(form, partition, await runOf(form, partition));
  return entries.map(({ bytes }) => new TextDecoder().decode(bytes));
}

describeAllForms('TickLog', (open) => {
  it('stores entries in order, per partition', async () => {
    const form = await open();
    const run = await runOf(form);
    expect(await form.tickLog.append(0, { run, entries: [entry('a'), entry('b')], newMarks: [] })).toEqual({
      kind: 'stored',
    });
    const other = await runOf(form, 1);
    await form.tickLog.append(1, { run: other, entries: [entry('c')], newMarks: [] });
    expect(await stored(form)).toEqual(['a', 'b']);
    expect(await stored(form, 1)).toEqual(['c']);
  });

  it('stores all entries of an append or none when the log is full', async () => {
    const form = await open({ limits: { entriesMax: 3, marksMax: 10 } });
    const run = await runOf(form);
    const append = (...texts: string[]) =>
      form.tickLog.append(0, { run, entries: texts.map(entry), newMarks: [] });
    expect(await append('a', 'b')).toEqual({ kind: 'stored' });
    expect(await append('c', 'd')).toEqual({ kind: 'full' });
    expect(await append('c')).toEqual({ kind: 'stored' });
    expect(await append()).toEqual({ kind: 'stored' });
    const tail = { run, entries: [entry('d'), entry('e'), entry('f')], newMarks: [], isTail: true };
    expect(await form.tickLog.append(0, tail)).toEqual({ kind: 'stored' });
    expect(await form.tickLog.append(0, tail)).toEqual({ kind: 'full' });
    expect(await stored(form)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('tells a writer of another run, and stores nothing', async () => {
    const form = await open();
    const run = await runOf(form);
    await form.restart({ empty: false });
    const answer = await form.tickLog.append(0, { run, entries: [entry('a')], newMarks: [] });
    expect(answer).toEqual({ kind: 'run', run: expect.not.stringContaining(run) });
    expect(await stored(form)).toEqual([]);
  });

  it('refuses new sessions where the partition remembers as many as it may', async () => {
    const form = await open({ limits: { entriesMax: 10, marksMax: 2 } });
    const run = await runOf(form);
    const offer = (...newMarks: string[]) => form.tickLog.append(0, { run, entries: [entry('x')], newMarks });
    expect(await offer('mark:a:1', 'mark:b:1')).toEqual({ kind: 'stored' });
    const marksMoved = [
      ['mark:a:1', '1 0 9'],
      ['mark:b:1', '1 0 9'],
    ] as const;
    await form.partitions.acquire(0, 'lease');
    await form.partitions.commit(0, {
      ...{ kind: 'batch', leaseToken: 'lease', epochToken: 'token', epoch: 1, number: 1, run },
      ...{ message: entry('batch'), timeMs: 0, offset: LOG_START, checkpoint: entry('images') },
      ...{ marksMoved, marksDropped: [], tapeKeepFrom: null },
    });
    const refused = await offer('mark:a:1', 'mark:c:1', 'mark:d:1');
    expect(refused).toEqual({ kind: 'sessions_full', marks: ['mark:c:1', 'mark:d:1'] });
    expect(await offer('mark:a:1')).toEqual({ kind: 'stored' });
    expect(await offer()).toEqual({ kind: 'stored' });
  });
});

import { KeepBudget } from './keep-budget.js';
import { LiveLog } from './live-log.js';
import { VirtualTime } from './live-time.fixture.js';
import { LogTail } from './log-tail.js';
import { Offer } from './offer-order.js';
import { type AppendsWorld, PartitionAppends, type QueuedGroup } from './partition-appends.js';
import { quietLog } from './store-forms.fixture.js';
import type { AppendAnswer } from './tick-log.js';
import { WriterCounters } from './writer-counters.js';

/** Continuations between the last answer and the end of the pumping: more than there are. */
const MICROTASKS = 20;

function world(answer: () => AppendAnswer) {
  const time = new VirtualTime();
  const stored: string[] = [];
  const log: AppendsWorld['log'] = {
    append: (_partition, { entries }) => {
      const answered = answer();
      if (answered.kind === 'stored') stored.push(...entries.map((entry) => Buffer.from(entry).toString()));
      return Promise.resolve(answered);
    },
    together: (issue) => issue(),
    watch: () => () => undefined,
  };
  const appends = new PartitionAppends(
    0,
    {
      ...{ log, entryBytesMax: 1, counters: new WriterCounters(), clock: time, timers: time },
      rareLog: new LiveLog(quietLog, time),
    },
    new LogTail(10_000, new KeepBudget(1_000)),
  );
  return { appends, stored, time };
}

const group = (text: string, mark = 'mark:spec:1', moved = false): QueuedGroup => ({
  ...{ bytes: Buffer.from(text), mark, moved, sinceMs: 0 },
  offer: new Offer([{ sequence: 1, part: 0 }], 1, () => undefined),
});

describe('PartitionAppends', () => {
  it('appends what is pumped in the very moment in which it ends', async () => {
    for (let after = 0; after < MICROTASKS; after++) {
      const { appends, stored } = world(() => ({ kind: 'stored' }));
      appends.push(group('a'));
      appends.pump();
      for (let i = 0; i < after; i++) await Promise.resolve();
      appends.push(group('b'));
      appends.pump();
      for (let i = 0; i < MICROTASKS; i++) await Promise.resolve();
      expect([after, stored.map((entry) => entry.at(-1))]).toEqual([after, ['a', 'b']]);
    }
  });

  it('appends nothing of a session behind a group that waits for the tail of another process', async () => {
    let answer: AppendAnswer = { kind: 'run', run: 'one' };
    const { appends, stored, time } = world(() => answer);
    const settle = () => time.advance(1);
    const offer = async (...groups: QueuedGroup[]) => {
      for (const each of groups) appends.push(each);
      appends.pump();
      await settle();
    };
    const answerOnce = (run: string) => {
      answer = { kind: 'run', run };
      queueMicrotask(() => {
        answer = { kind: 'stored' };
      });
    };
    answerOnce('one');
    await offer(group('a'));
    answerOnce('two');
    // Their first was not known to be stored yet when the second came; by the third it was.
    await offer(group('b'), group('c', 'mark:spec:2', true), group('d', 'mark:spec:2'));
    expect(stored.map((entry) => entry.at(-1))).toEqual(['a', 'a', 'b']);
    await time.advance(3_000);
    await offer(group('c', 'mark:spec:2', true), group('d', 'mark:spec:2'));
    expect(stored.map((entry) => entry.at(-1))).toEqual(['a', 'a', 'b', 'c', 'd']);
  });
});

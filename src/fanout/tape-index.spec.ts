import { BatchRing, RingBudget } from './batch-ring.js';
import { memoryForm } from './store-forms.fixture.js';
import { TapeIndex } from './tape-index.js';

const batch = (number: number, more: { epoch?: number; timeMs?: number; bytes?: number } = {}) => ({
  ...{ epoch: 7, number, bytes: 10, timeMs: number * 1_000 },
  ...more,
});

describe('TapeIndex', () => {
  const index = (bytesMax: number, ...batches: ReturnType<typeof batch>[]) => {
    const made = new TapeIndex({ ageMsMax: 5_000, bytesMax });
    for (const one of batches) made.add(one, one.bytes, one.timeMs, one.number);
    return made;
  };

  it('keeps what is young and fits', () => {
    const tape = index(100, batch(1), batch(2));
    expect(tape.keepFrom(6_000, { epoch: 7, number: 2 })).toBeNull();
  });

  it('trims by age', () => {
    const tape = index(100, batch(1), batch(2), batch(3));
    expect(tape.keepFrom(7_500, { epoch: 7, number: 3 })).toMatchObject({ epoch: 7, number: 3 });
  });

  it('trims by bytes, across epochs', () => {
    const tape = index(25, batch(1, { epoch: 6 }), batch(2, { epoch: 6 }), batch(1), batch(2));
    const kept = tape.keepFrom(0, { epoch: 7, number: 2 });
    expect(kept).toMatchObject({ epoch: 7, number: 1 });
    tape.trimmed({ epoch: 7, number: 1 });
    expect(tape.keepFrom(0, { epoch: 7, number: 2 })).toBeNull();
  });

  it('never trims beyond the stored checkpoint', () => {
    const tape = index(5, batch(1), batch(2), batch(3));
    expect(tape.keepFrom(99_000, { epoch: 7, number: 1 })).toMatchObject({ number: 2 });
    expect(tape.keepFrom(99_000, { epoch: 6, number: 9 })).toBeNull();
    expect(tape.keepFrom(99_000, { epoch: 7, number: 3 })).toEqual({ epoch: 7, number: 4 });
  });

  it('counts the trades of what the store has lost', () => {
    const tape = index(25, batch(1), batch(2), batch(3));
    expect(tape.lost({ epoch: 7, number: 3 })).toBe(0);
    expect(tape.lost({ epoch: 7, number: 1 })).toBe(5);
    expect(tape.keepFrom(0, { epoch: 7, number: 9 })).toBeNull();
    expect(tape.lost(null)).toBe(1);
  });

  /** A tape of another owner with these times of the batches, from number 1. */
  async function tapeOf(timesMs: readonly number[]) {
    const form = await memoryForm();
    const acquired = await form.partitions.acquire(0, 'lease');
    if (acquired.kind !== 'acquired') throw new Error(`Expected the lease, was ${acquired.kind}`);
    for (const [i, timeMs] of timesMs.entries()) {
      const number = i + 1;
      await form.partitions.commit(0, {
        ...{ kind: 'batch', leaseToken: 'lease', epochToken: 'token', epoch: 7, number, run: acquired.run },
        ...{ message: new Uint8Array(10), timeMs, offset: null, checkpoint: null },
        ...{ marksMoved: [], marksDropped: [], tapeKeepFrom: null },
      });
    }
    return form.partitions;
  }

  it('measures the tape that another owner left', async () => {
    const left = await tapeOf(Array.from({ length: 1_203 }, (_, i) => i));
    const tape = index(11_530);
    await tape.measure(left, 0, { nowUs: () => 0, monotonicMs: () => 0 });
    expect(tape.keepFrom(0, { epoch: 7, number: 1_203 })).toMatchObject({ number: 51 });
  });

  it('ages what another owner left by its order where that owner’s clock was wrong', async () => {
    const hourMs = 3_600_000;
    const nowMs = 10 * hourMs;
    // In time, an hour behind, in time, an hour ahead, in time.
    const times = [nowMs - 4_000, nowMs - hourMs, nowMs - 3_000, nowMs + hourMs, nowMs - 1_000];
    const left = await tapeOf(times);
    const tape = index(100);
    await tape.measure(left, 0, { nowUs: () => nowMs * 1000, monotonicMs: () => 500_000 });
    const newest = { epoch: 7, number: 5 };
    expect(tape.keepFrom(500_000, newest)).toBeNull();
    expect(tape.keepFrom(501_500, newest)).toMatchObject({ number: 3 });
    expect(tape.keepFrom(504_900, newest)).toMatchObject({ number: 4 });
    expect(tape.keepFrom(505_100, newest)).toMatchObject({ number: 6 });
  });
});

describe('BatchRing', () => {
  const ringBatch = (number: number, storedMs: number, bytes = 10) => ({
    ...{ number, message: new Uint8Array(bytes), marksMoved: [], marksDropped: [], checkpoint: null },
    ...{ timeMs: 0, storedMs },
  });

  it('gives the batches after a number, or says that it does not reach back so far', () => {
    const ring = new BatchRing(1_000, new RingBudget(1_000));
    expect(ring.after(0)).toBeUndefined();
    for (const number of [4, 5, 6]) ring.push(ringBatch(number, 0));
    expect(ring.after(3)?.map((one) => one.number)).toEqual([4, 5, 6]);
    expect(ring.after(5)?.map((one) => one.number)).toEqual([6]);
    expect(ring.after(2)).toBeUndefined();
  });

  it('forgets by age and by the bytes of all rings together', () => {
    const budget = new RingBudget(35);
    const ring = new BatchRing(1_000, budget);
    const other = new BatchRing(1_000, budget);
    ring.push(ringBatch(1, 0));
    ring.push(ringBatch(2, 900));
    ring.push(ringBatch(3, 1_500));
    expect(ring.after(1)?.map((one) => one.number)).toEqual([2, 3]);
    expect(ring.after(0)).toBeUndefined();
    other.push(ringBatch(1, 1_500));
    ring.push(ringBatch(4, 1_500));
    expect(ring.after(1)).toBeUndefined();
    expect(ring.after(2)?.map((one) => one.number)).toEqual([3, 4]);
    expect(budget.bytes).toBe(30);
    ring.clear();
    expect(budget.bytes).toBe(10);
  });

  it('lets the oldest of all rings go first, and counts what went before its age', () => {
    let cut = 0;
    const budget = new RingBudget(3_000, () => cut++);
    const busy = new BatchRing(1_000, budget);
    const quiet = new BatchRing(1_000, budget);
    for (let number = 1; number <= 300; number++) busy.push(ringBatch(number, 0));
    for (const number of [1, 2, 3]) quiet.push(ringBatch(number, 2_000));
    expect(quiet.after(0)?.map((one) => one.number)).toEqual([1, 2, 3]);
    expect([busy.after(3)?.length, cut]).toEqual([297, 0]);
    for (let number = 301; number <= 597; number++) busy.push(ringBatch(number, 2_500));
    expect([quiet.after(0)?.length, busy.after(300)?.length, cut]).toEqual([3, 297, 0]);
    busy.push(ringBatch(598, 2_500));
    expect([quiet.after(0), quiet.after(1)?.length, cut]).toEqual([undefined, 2, 1]);
  });
});

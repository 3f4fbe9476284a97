import type { FeedBatch, StoredAnswer } from './batch-door.js';
import { Judgements } from './judgements.js';

const batch = (session: string, sequence: number, given: Partial<FeedBatch> = {}): FeedBatch => ({
  source: 'nyse',
  session,
  sequence,
  ticks: [1, 2],
  ...given,
});

function answerOf(message: string): StoredAnswer {
  return { outcome: 'stored', accepted: 1, rejected: [{ index: 1, reason: 'symbol_disabled', message }] };
}

describe('Judgements', () => {
  it('knows how each batch and each part of an upload was judged, the last time that it was offered', () => {
    const judgements = new Judgements();
    judgements.keep(batch('a', 0), answerOf('first'));
    judgements.keep(batch('a', 0, { firstPart: 1 }), answerOf('part 1'));
    judgements.keep(batch('b', 0), answerOf('other'));
    judgements.keep(batch('a', 0), answerOf('again'));
    expect(judgements.recall(batch('a', 0))).toEqual(answerOf('again'));
    expect(judgements.recall(batch('a', 0, { firstPart: 1 }))).toEqual(answerOf('part 1'));
    expect(judgements.recall(batch('b', 0))).toEqual(answerOf('other'));
    expect(judgements.recall(batch('a', 1))).toBeUndefined();
    expect(judgements.recall(batch('c', 0))).toBeUndefined();
  });

  it('does not take a batch of another length for a repeat', () => {
    const judgements = new Judgements();
    judgements.keep(batch('a', 1), answerOf('first'));
    expect(judgements.recall(batch('a', 1, { ticks: [1, 2, 3] }))).toBeUndefined();
  });

  it('forgets the oldest batches of a session with too many', () => {
    const judgements = new Judgements({ batchesPerSessionMax: 3, bytesPerSessionMax: 1e6, bytesMax: 1e6 });
    for (const sequence of [1, 2, 3, 1, 4]) judgements.keep(batch('a', sequence), answerOf('x'));
    const known = [1, 2, 3, 4].filter((sequence) => judgements.recall(batch('a', sequence)) !== undefined);
    expect(known).toEqual([1, 3, 4]);
  });

  it('bounds the bytes of a session, whatever its handler sends', () => {
    const judgements = new Judgements({
      batchesPerSessionMax: 100,
      bytesPerSessionMax: 5_000,
      bytesMax: 1e6,
    });
    judgements.keep(batch('quiet', 1), answerOf('x'));
    for (let sequence = 1; sequence <= 50; sequence++)
      judgements.keep(batch('loud', sequence), answerOf('x'.repeat(1_000)));
    expect(judgements.bytes).toBeLessThan(6_000);
    expect(judgements.recall(batch('quiet', 1))).toBeDefined();
    expect(judgements.recall(batch('loud', 50))).toBeDefined();
    expect(judgements.recall(batch('loud', 40))).toBeUndefined();
    judgements.keep(batch('loud', 51), answerOf('x'.repeat(9_000)));
    expect(judgements.recall(batch('loud', 51))).toBeUndefined();
  });

  it('bounds the bytes of all, and forgets first what was longest without a batch', () => {
    const judgements = new Judgements({
      batchesPerSessionMax: 100,
      bytesPerSessionMax: 1e6,
      bytesMax: 5_000,
    });
    judgements.keep(batch('a', 1), answerOf('x'));
    judgements.keep(batch('b', 1), answerOf('x'));
    judgements.keep(batch('a', 2), answerOf('x'));
    for (let sequence = 1; sequence <= 12; sequence++) judgements.keep(batch('c', sequence), answerOf('x'));
    expect(judgements.recall(batch('b', 1))).toBeUndefined();
    expect(judgements.recall(batch('a', 2))).toBeDefined();
    for (let i = 0; i < 500; i++) judgements.keep(batch(`d${i}`, 1), answerOf('x'));
    expect(judgements.bytes).toBeLessThanOrEqual(5_000);
    expect(judgements.recall(batch('a', 2))).toBeUndefined();
    expect(judgements.recall(batch('d499', 1))).toBeDefined();
  });
});

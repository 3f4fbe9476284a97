/** The checker itself: a good history passes, and every way to spoil one is seen and called by its name. */
import { Seeded } from '../support/seeded.js';
import { check } from './support/checker.js';
import { type GoodHistory, goodHistory } from './support/good-history.js';
import { INVARIANTS, type Invariant } from './support/history.js';

const SEEDS = 20;

/** Names of the breaches, each once. */
const named = (history: GoodHistory): string[] => [
  ...new Set(check(history).map(({ invariant }) => invariant)),
];

describe('a history in which all is well', () => {
  it('passes, with reconnects, gaps, a pair of lines and a new epoch in it', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const history = goodHistory(new Seeded(seed));
      expect([seed, check(history)]).toEqual([seed, []]);
      expect(history.published.length).toBeGreaterThan(50);
      const types = new Set(
        history.clients.flatMap(({ records }) => records.map(({ record }) => record.type)),
      );
      for (const type of ['image', 'update', 'trade', 'gap', 'position', 'stale', 'fresh'] as const)
        expect(types).toContain(type);
    }
  });

  it('passes with batches that a store lost and that nobody else needs to have lost', () => {
    const history = goodHistory(new Seeded(3));
    history.stored = null;
    expect(check(history)).toEqual([]);
  });
});

type Spoil = (history: GoodHistory, seeded: Seeded) => void;
const MUTATIONS: readonly (readonly [what: string, expected: Invariant, spoil: Spoil])[] = [
  ['a trade dropped from the tape', 'lost', (h, s) => h.dropTrade(s)],
  ['a whole batch dropped from the tape', 'tape_hole', (h, s) => h.dropBatch(s)],
  ['a trade that is on the tape twice', 'doubled', (h, s) => h.repeatTrade(s)],
  ['two trades of a source swapped', 'reordered', (h, s) => h.swapTrades(s)],
  ['a trade that nobody sent', 'foreign', (h, s) => h.inventTrade(s)],
  ['a valid tick refused', 'refused', (h) => h.refused.push('alpha #3: crossed')],
  ['a number used for two batches', 'two_meanings', (h, s) => h.reuseNumber(s)],
  ['an epoch that goes back on the tape', 'epoch_backwards', (h) => h.turnEpochsRound()],
  ['a client that is shown an older epoch', 'epoch_backwards', (h, s) => h.showOldEpoch(s)],
  ['a trade told twice', 'seq_backwards', (h, s) => h.tellTwice(s, 'trade')],
  ['an update told twice', 'seq_backwards', (h, s) => h.tellTwice(s, 'update')],
  ['a trade left out for a client', 'silent_hole', (h, s) => h.forget(s, 'trade')],
  ['a gap left out', 'silent_hole', (h, s) => h.forget(s, 'gap')],
  ['a gap that names too little', 'silent_hole', (h, s) => h.shrinkGap(s)],
  ['a gap of what the client has', 'gap_wrong', (h, s) => h.inventGap(s)],
  ['another price told', 'trade_differs', (h, s) => h.changePrice(s)],
  ['the last trade not told', 'missing_trade', (h, s) => h.forgetLast(s, 'trade')],
  ['the last update not told', 'image_old', (h, s) => h.forgetLast(s, 'update')],
  ['a field of an update changed', 'image_differs', (h, s) => h.changeField(s)],
  ['an update before the image of a connection', 'image_differs', (h, s) => h.forgetImage(s)],
  ['a fresh subscriber shown an old image', 'image_old', (h, s) => h.ageImage(s)],
  ['a trade counted twice', 'sum_wrong', (h, s) => h.countTwice(s)],
  ['a stale that no fresh follows', 'stale_stays', (h, s) => h.forgetLastFresh(s)],
  ['a breach of the protocol', 'breach', (h) => h.clients[0]!.faults.push('update before welcome')],
  ['a process that ended', 'restarted', (h) => h.endProcess()],
  ['a process that grew', 'memory', (h) => h.growProcess()],
];

describe('a spoilt history', () => {
  it.each(MUTATIONS)('%s: %s', (_what, expected, spoil) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const seeded = new Seeded(seed);
      const history = goodHistory(seeded);
      spoil(history, seeded);
      expect([seed, named(history)]).toEqual([seed, expect.arrayContaining([expected])]);
    }
  });

  it('is spoilt here in every way that the checker knows', () => {
    const tried = new Set(MUTATIONS.map(([, expected]) => expected));
    expect([...tried].sort()).toEqual(Object.keys(INVARIANTS).sort());
  });

  it('tells what was found where', () => {
    const history = goodHistory(new Seeded(1));
    history.dropTrade(new Seeded(5));
    const [finding] = check(history).filter(({ invariant }) => invariant === 'lost');
    expect(finding!.witness).toMatch(/^S\d: \S+-\d+ of \S+$/);
  });
});

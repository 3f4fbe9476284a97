import { type Faults, Leg, type Outcome } from './leg.fixture.js';

const RUNS = 40;

async function runs(faults: Faults): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= RUNS; seed++) outcomes.push(await new Leg(seed * 7_919, faults).run());
  return outcomes;
}

/** Holds whatever happens: nothing doubled, nothing out of order, numbers without a hole in their epoch. */
function expectOrder(outcomes: readonly Outcome[]): void {
  for (const { doubled, misordered, misnumbered, stat } of outcomes)
    expect({ doubled, misordered, misnumbered, stat }).toEqual({
      ...{ doubled: [], misordered: [], misnumbered: [], stat },
    });
}

function total(outcomes: readonly Outcome[], what: string): number {
  return outcomes.reduce((sum, { stat }) => sum + (stat[what] ?? 0), 0);
}

describe('the leg from the feed to the tape', () => {
  it('publishes every acknowledged tick exactly once while owners die and stand still', async () => {
    const outcomes = await runs({ kills: true, failovers: false, restarts: true });
    expectOrder(outcomes);
    for (const { lost, excluded, stat } of outcomes)
      expect({ lost, excluded, stat }).toMatchObject({ lost: [], excluded: 0 });
    expect(outcomes.reduce((sum, { acked }) => sum + acked, 0)).toBeGreaterThan(RUNS * 100);
    expect(total(outcomes, 'killed')).toBeGreaterThan(RUNS);
    expect(total(outcomes, 'fenced')).toBeGreaterThan(0);
    expect(total(outcomes, 'repeated')).toBeGreaterThan(0);
  }, 120_000);

  it('loses nothing to a failover that forgets the newest part, while feed process and owner live', async () => {
    const outcomes = await runs({ kills: false, failovers: true, restarts: true });
    expectOrder(outcomes);
    for (const { lost, excluded, stat } of outcomes)
      expect({ beyond: Math.max(0, lost.length - excluded), stat }).toEqual({ beyond: 0, stat });
    expect(total(outcomes, 'refilled')).toBeGreaterThan(RUNS);
    expect(total(outcomes, 'entriesAgain')).toBeGreaterThan(RUNS);
  }, 120_000);

  it('neither doubles nor reorders when both happen at once', async () => {
    expectOrder(await runs({ kills: true, failovers: true, restarts: true }));
  }, 120_000);
});

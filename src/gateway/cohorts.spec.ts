import fc from 'fast-check';
import { type Cohort, Cohorts } from './cohorts.js';
import { NO_SIDS, withSids } from './sid-list.js';

const list = (...sids: number[]) => withSids(NO_SIDS, sids);

describe('Cohorts', () => {
  it('bring sessions with the same symbols together, and part them again', () => {
    const cohorts = new Cohorts(2);
    const first = cohorts.enter(list(1, 2, 3));
    expect(cohorts.enter(list(3, 2, 1))).toBe(first);
    expect(cohorts.enter(list(1, 2))).not.toBe(first);
    expect(first.sessions).toBe(2);
    cohorts.leave(first);
    cohorts.leave(first);
    expect(cohorts.enter(list(1, 2, 3))).not.toBe(first);
  });

  it('keep nothing of those that are gone, and tell equal hashes apart', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.array(fc.integer({ min: 1, max: 5 }))), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const cohorts = new Cohorts(1);
        const entered: Cohort[] = [];
        for (const [enter, sids] of all) {
          if (enter || entered.length === 0) entered.push(cohorts.enter(list(...sids)));
          else cohorts.leave(entered.splice(sids.length % entered.length, 1)[0]!);
          for (const cohort of entered)
            expect(cohort.sessions).toBe(entered.filter((other) => other === cohort).length);
        }
        for (const cohort of entered) cohorts.leave(cohort);
        expect(cohorts.size).toBe(0);
      }),
    );
  });
});

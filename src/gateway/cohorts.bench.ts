/** Sessions with 50 symbols each enter the cohorts of a lane and leave them, among 1000 others. */
import { equal } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { Cohorts } from './cohorts.js';
import { MarketGateway } from './market-gateway.fixture.js';
import { NO_SIDS, withSids } from './sid-list.js';

const SESSIONS = 64;
const FOLLOWED = 50;
const market = new MarketGateway(500);
const listOf = () => withSids(NO_SIDS, market.choose(FOLLOWED));

const cohorts = new Cohorts(2);
const others = Array.from({ length: 1000 }, () => cohorts.enter(listOf()));
const alone = Array.from({ length: SESSIONS }, listOf);
// Equal symbols, in lists of their own, as sessions bring them.
const shared = others.slice(0, SESSIONS).map(({ sids }) => sids.slice());

for (const [name, lists, sessions] of [
  ['enter and leave alone', alone, 1],
  ['enter and leave beside another', shared, 2],
] as const) {
  measure(name, {
    items: SESSIONS,
    run() {
      let together = 0;
      for (const list of lists) {
        const cohort = cohorts.enter(list);
        together += cohort.sessions;
        cohorts.leave(cohort);
      }
      return together;
    },
    verify(together) {
      equal(together, SESSIONS * sessions);
      equal(cohorts.size, others.length);
    },
  });
}

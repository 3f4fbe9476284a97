/** What a session of 500 symbols does with its list when it subscribes to 50 more and unsubscribes again. */
import { deepEqual, equal } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { hashSids, hasSid, NO_SIDS, withoutSids, withSids } from './sid-list.js';

const CHANGED = 50;
const all = Array.from({ length: 550 }, (_, i) => 1 + i * 3);
const some = all.filter((_, i) => i % 11 === 5);
const whole = withSids(NO_SIDS, all);
const before = withoutSids(whole, new Set(some));

measure('join a symbol', {
  items: CHANGED,
  run: () => withSids(before, some),
  verify: (list) => deepEqual([...list], all),
});

measure('leave a symbol', {
  items: CHANGED,
  run: () => withoutSids(whole, new Set(some)),
  verify: (list) => deepEqual([list.length, some.some((sid) => hasSid(list, sid))], [500, false]),
});

measure('find a symbol', {
  items: whole.length,
  run() {
    let found = 0;
    for (const sid of all) if (hasSid(whole, sid)) found++;
    return found;
  },
  verify: (found) => equal(found, all.length),
});

measure('hash a symbol', {
  items: whole.length,
  run: () => hashSids(whole),
  verify: (hash) => equal(hash !== hashSids(before) && hash === hashSids(withSids(before, some)), true),
});

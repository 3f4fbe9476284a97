import fc from 'fast-check';
import { hashSids, hasSid, NO_SIDS, sameSids, withoutSids, withSids } from './sid-list.js';

const sids = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });

const sorted = (set: Iterable<number>) => [...set].sort((a, b) => a - b);

describe('lists of sids', () => {
  it('behave as sets do, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), sids), { maxLength: 12 }), (steps) => {
        let list = NO_SIDS;
        const set = new Set<number>();
        for (const [add, changed] of steps) {
          list = add ? withSids(list, changed) : withoutSids(list, new Set(changed));
          for (const sid of changed) add ? set.add(sid) : set.delete(sid);
          expect([...list]).toEqual(sorted(set));
        }
        for (let sid = 0; sid <= 61; sid++) expect(hasSid(list, sid)).toBe(set.has(sid));
      }),
    );
  });

  it('are never changed: a step that changes nothing gives the same list', () => {
    fc.assert(
      fc.property(sids, sids, (first, second) => {
        const list = withSids(NO_SIDS, first);
        const before = [...list];
        const more = withSids(list, second);
        const less = withoutSids(list, new Set(second));
        expect([...list]).toEqual(before);
        expect(more === list).toBe(second.every((sid) => before.includes(sid)));
        expect(less === list).toBe(!second.some((sid) => before.includes(sid)));
      }),
    );
  });

  it('are the same, with the same hash, whatever way the symbols came', () => {
    fc.assert(
      fc.property(sids, (all) => {
        const forward = withSids(NO_SIDS, all);
        const backward = [...all].reverse().reduce((list, sid) => withSids(list, [sid]), NO_SIDS);
        expect(sameSids(forward, backward)).toBe(true);
        expect(hashSids(forward)).toBe(hashSids(backward));
        expect(sameSids(forward, withSids(forward, [61]))).toBe(false);
      }),
    );
  });

  it('of one sid each spread over the hashes', () => {
    const hashes = new Set(Array.from({ length: 10_000 }, (_, sid) => hashSids(Int32Array.of(sid))));
    expect(hashes.size).toBeGreaterThan(9_990);
  });
});

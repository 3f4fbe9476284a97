import { Acknowledged } from './acknowledged.js';

describe('Acknowledged', () => {
  it('knows the highest sequence of each session', () => {
    const acknowledged = new Acknowledged();
    expect(acknowledged.last('nyse', 's1')).toBeNull();
    acknowledged.note('nyse', 's1', 5);
    acknowledged.note('nyse', 's1', 4);
    acknowledged.note('nyse', 's2', 1);
    expect([acknowledged.last('nyse', 's1'), acknowledged.last('nyse', 's2')]).toEqual([5, 1]);
    expect(acknowledged.last('nyses', '1')).toBeNull();
  });

  it('tells sequence 0 from nothing', () => {
    const acknowledged = new Acknowledged();
    acknowledged.note('nyse', 's1', 0);
    expect([acknowledged.last('nyse', 's1'), acknowledged.last('nyse', 's2')]).toEqual([0, null]);
  });

  it('forgets the sessions that were longest without an acknowledgement, and stays bounded', () => {
    const acknowledged = new Acknowledged(3);
    for (const session of ['a', 'b', 'c']) acknowledged.note('nyse', session, 1);
    acknowledged.note('nyse', 'a', 2);
    acknowledged.note('nyse', 'd', 1);
    expect(['a', 'b', 'c', 'd'].map((session) => acknowledged.last('nyse', session))).toEqual([
      2,
      null,
      1,
      1,
    ]);
    expect(acknowledged.size).toBe(3);
  });
});

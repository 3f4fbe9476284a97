import { grantRung, ladder } from './rates.js';

const hzOf = (coalesceIntervalMs: number) => ladder(coalesceIntervalMs).map(({ hz }) => hz);

describe('the ladder of rates', () => {
  it.each([
    [50, [20, 10, 5, 2, 1]],
    [100, [10, 5, 2, 1]],
    [250, [4, 2, 1]],
    [1000, [1]],
    [2000, [0.5]],
    [0, [200, 10, 5, 2, 1]],
  ])('has the rungs below the service rate of one per %d ms', (intervalMs, hz) => {
    expect(hzOf(intervalMs)).toEqual(hz);
  });

  it('counts an interval of 0 as the shortest turn', () => {
    expect(ladder(0)[0]).toEqual({ index: 0, hz: 200, intervalMs: 5 });
  });

  it.each([
    [null, 20],
    [1000, 20],
    [20, 20],
    [19.9, 10],
    [10, 10],
    [7, 5],
    [5, 5],
    [2.5, 2],
    [1, 1],
    [0.2, 1],
  ])('grants for a wish of %s Hz the fastest rung that is not above it', (wish, granted) => {
    expect(grantRung(ladder(50), wish, null).hz).toBe(granted);
  });

  it.each([
    [null, 100, 10],
    [5, 100, 5],
    [null, 70, 10],
    [null, 20, 20],
    [null, 60_000, 1],
  ])('caps a wish of %s Hz by the interval of the symbol, %d ms', (wish, capMs, granted) => {
    expect(grantRung(ladder(50), wish, capMs).hz).toBe(granted);
  });

  it('grants a slow service rate whatever is wished', () => {
    expect(grantRung(ladder(2000), 5, null).hz).toBe(0.5);
    expect(grantRung(ladder(2000), 0.1, null).hz).toBe(0.5);
  });
});

import fc from 'fast-check';
import { Fifo } from './fifo.js';

describe('Fifo', () => {
  it('gives what was put in, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3_000), fc.nat(3_000)), { maxLength: 6 }), (steps) => {
        const fifo = new Fifo<number>();
        const expected: number[] = [];
        let next = 0;
        for (const [pushes, shifts] of steps) {
          for (let i = 0; i < pushes; i++) {
            fifo.push(next);
            expected.push(next++);
          }
          const shifted = Array.from({ length: shifts }, () => fifo.shift());
          expect(shifted.filter((item) => item !== undefined)).toEqual(expected.splice(0, shifts));
          expect(fifo.first).toBe(expected[0]);
          for (const index of [0, 1, expected.length - 1, expected.length])
            if (index >= 0) expect(fifo.at(index)).toBe(expected[index]);
          expect(fifo.all()).toEqual(expected);
          expect(fifo).toHaveLength(expected.length);
        }
      }),
      { numRuns: 30 },
    );
  });
});

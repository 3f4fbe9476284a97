import fc from 'fast-check';
import { LineWindows } from './line-windows.js';

const minute = 60_000_000;

function windows() {
  const gaps: string[] = [];
  const lines = new LineWindows((line) => gaps.push(line));
  return { lines, gaps, check: (sequence: number, nowMs = 0) => lines.check(0, 'A', sequence, 1, nowMs) };
}

describe('LineWindows', () => {
  it('tells newest, late and duplicate numbers apart', () => {
    const { check } = windows();
    expect([10, 11, 11, 14, 12, 12, 10, 13].map((n) => check(n))).toEqual([
      ...['newest', 'newest', 'duplicate', 'newest', 'late', 'duplicate', 'duplicate', 'late'],
    ]);
  });

  it('agrees with a set of the last 64 numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -70, max: 70 }), { maxLength: 200 }), (jumps) => {
        const { check } = windows();
        const seen = new Set([1_000]);
        let top = 1_000;
        expect(check(1_000)).toBe('newest');
        for (const jump of jumps) {
          const sequence = top + jump;
          const verdict =
            sequence > top ? 'newest' : seen.has(sequence) || sequence <= top - 64 ? 'duplicate' : 'late';
          expect(check(sequence)).toBe(verdict);
          seen.add(sequence);
          top = Math.max(top, sequence);
        }
      }),
    );
  });

  it('keeps symbols and line names apart', () => {
    const { lines } = windows();
    expect(lines.check(0, 'A', 5, 1, 0)).toBe('newest');
    expect(lines.check(1, 'A', 5, 1, 0)).toBe('newest');
    expect(lines.check(0, 'X', 5, 1, 0)).toBe('newest');
    expect(lines.check(0, 'A', 5, 1, 0)).toBe('duplicate');
  });

  it('arbitrates eight lines of a symbol, and takes further ones as they come', () => {
    const { lines } = windows();
    for (let i = 0; i < 8; i++) lines.check(0, `line ${i}`, 1, 1, 0);
    expect(lines.check(0, 'one too many', 1, 1, 0)).toBe('newest');
    expect(lines.check(0, 'one too many', 1, 1, 0)).toBe('newest');
    expect(lines.check(0, 'line 7', 1, 1, 0)).toBe('duplicate');
  });

  it('counts a hole as one gap when it was not filled for a second', () => {
    const { lines, gaps, check } = windows();
    check(1, 0);
    check(5, 0);
    check(2, 100);
    check(3, 200);
    lines.countGaps(999);
    expect(gaps).toEqual([]);
    lines.countGaps(1_000);
    expect(gaps).toEqual(['A']);
    lines.countGaps(5_000);
    expect(gaps).toEqual(['A']);
  });

  it('counts no gap for a hole that the other line filled', () => {
    const { lines, gaps, check } = windows();
    check(1, 0);
    check(4, 0);
    check(3, 500);
    check(2, 900);
    check(40, 950);
    lines.countGaps(1_500);
    expect(gaps).toEqual([]);
    lines.countGaps(2_000);
    expect(gaps).toEqual(['A']);
  });

  it('takes a low number with a much later time as a line that began anew', () => {
    const { lines } = windows();
    lines.check(0, 'A', 9_000, minute, 0);
    expect(lines.check(0, 'A', 1, minute, 0)).toBe('duplicate');
    expect(lines.check(0, 'A', 1, 3 * minute, 0)).toBe('newest');
    expect(lines.check(0, 'A', 2, 3 * minute, 0)).toBe('newest');
    expect(lines.check(0, 'A', 1, 3 * minute, 0)).toBe('duplicate');
  });
});

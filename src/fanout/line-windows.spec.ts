import fc from 'fast-check';
import { type LineWindow, LineWindows, MISSING_MAX } from './line-windows.js';

const minute = 60_000_000;

function restored(window: Partial<LineWindow>): LineWindow {
  return {
    ...{ line: 'A', top: 1, near: 1, far: 0, newestUs: minute, movedMs: Number.NaN, missing: [] },
    ...{ moved: false, ...window },
  };
}

function windows() {
  const gaps: string[] = [];
  const counts = { replaced: 0 };
  const lines = new LineWindows({
    gap: (line) => gaps.push(line),
    lineReplaced: () => {
      counts.replaced++;
    },
  });
  return {
    lines,
    gaps,
    counts,
    check: (sequence: number, nowMs = 0) => lines.check(0, 'A', sequence, 1, true, nowMs),
  };
}

describe('LineWindows', () => {
  it('tells newest, late and duplicate numbers apart', () => {
    const { check } = windows();
    expect([10, 11, 11, 14, 12, 12, 10, 13].map((n) => check(n))).toEqual([
      ...['newest', 'newest', 'duplicate', 'newest', 'late', 'duplicate', 'duplicate', 'late'],
    ]);
  });

  it('agrees with a set of all numbers: one that came twice is a repeat, one that the line left out is late', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -70, max: 70 }), { maxLength: 200 }), (jumps) => {
        const { check } = windows();
        const seen = new Set([1_000]);
        let top = 1_000;
        expect(check(1_000)).toBe('newest');
        for (const jump of jumps) {
          const sequence = top + jump;
          const isOld = seen.has(sequence) || (sequence <= top - 64 && sequence < 1_000);
          const verdict = sequence > top ? 'newest' : isOld ? 'duplicate' : 'late';
          expect(check(sequence)).toBe(verdict);
          seen.add(sequence);
          top = Math.max(top, sequence);
        }
      }),
    );
  });

  it('keeps symbols and line names apart', () => {
    const { lines } = windows();
    expect(lines.check(0, 'A', 5, 1, true, 0)).toBe('newest');
    expect(lines.check(1, 'A', 5, 1, true, 0)).toBe('newest');
    expect(lines.check(0, 'X', 5, 1, true, 0)).toBe('newest');
    expect(lines.check(0, 'A', 5, 1, true, 0)).toBe('duplicate');
  });

  it('arbitrates eight lines of a symbol; the ninth takes the place of the one that was silent longest', () => {
    const { lines, counts } = windows();
    for (let i = 0; i < 8; i++) lines.check(0, `line ${i}`, 1, i === 5 ? 1 : 10 + i, true, 0);
    expect(lines.check(0, 'ninth', 1, 20, true, 0)).toBe('newest');
    expect(lines.check(0, 'ninth', 1, 20, true, 0)).toBe('duplicate');
    for (const i of [0, 1, 2, 3, 4, 6, 7])
      expect(lines.check(0, `line ${i}`, 1, 1, true, 0)).toBe('duplicate');
    expect(counts.replaced).toBe(1);
    expect(lines.of(0)).toHaveLength(8);
    expect(lines.check(0, 'line 5', 1, 1, true, 0)).toBe('newest');
    expect(counts.replaced).toBe(2);
  });

  it('keeps to eight lines also when checkpoint and tape bring back more', () => {
    const { lines } = windows();
    for (let i = 0; i < 9; i++) lines.restore(0, restored({ line: `line ${i}`, newestUs: 100 - i }));
    expect(lines.of(0).map(({ line }) => line)).toEqual([
      ...['line 0', 'line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'line 6', 'line 8'],
    ]);
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
    lines.check(0, 'A', 9_000, minute, true, 0);
    expect(lines.check(0, 'A', 1, minute, true, 0)).toBe('duplicate');
    expect(lines.check(0, 'A', 1, 3 * minute, true, 0)).toBe('newest');
    expect(lines.check(0, 'A', 2, 3 * minute, true, 0)).toBe('newest');
    expect(lines.check(0, 'A', 1, 3 * minute, true, 0)).toBe('duplicate');
  });

  it('believes no clock of ours: without exchange times a line begins anew after an hour of silence', () => {
    const { lines } = windows();
    const hourMs = 3_600_000;
    lines.check(0, 'A', 9_000, minute, false, 0);
    expect(lines.check(0, 'A', 9_000, 60 * minute, false, 5)).toBe('duplicate');
    expect(lines.check(0, 'A', 1, 60 * minute, false, hourMs)).toBe('duplicate');
    expect(lines.check(0, 'A', 1, 61 * minute, false, hourMs + 1)).toBe('newest');
    expect(lines.check(0, 'A', 1, 99 * minute, false, hourMs + 2)).toBe('duplicate');
    // An owner that has just taken over knows of no silence.
    lines.restore(1, restored({ top: 50 }));
    expect(lines.check(1, 'A', 50, 999 * minute, false, 9 * hourMs)).toBe('duplicate');
    expect(lines.check(1, 'A', 3, 999 * minute, false, 10 * hourMs + 1)).toBe('newest');
  });

  it.each([
    ['at its first number', 1],
    ['at numbers that had not come', 20],
  ])('takes a line that began anew inside the window, %s, for a new one', (_where, first) => {
    const { lines, gaps } = windows();
    for (let sequence = 20; sequence <= 50; sequence++)
      if (sequence !== 30) lines.check(0, 'A', sequence, minute, true, 0);
    for (let sequence = first; sequence <= 60; sequence++)
      expect(lines.check(0, 'A', sequence, 3 * minute, true, 100)).toBe('newest');
    expect(lines.check(0, 'A', first, 3 * minute, true, 100)).toBe('duplicate');
    // 30 came in the new numbering only.
    lines.countGaps(5_000);
    expect(gaps).toEqual(['A']);
  });

  it('counts no gap for a filled hole that the window has moved past', () => {
    const { lines, gaps, check } = windows();
    check(1, 0);
    check(4, 0);
    check(2, 50);
    check(3, 50);
    for (let sequence = 5; sequence <= 500; sequence++) check(sequence, 100);
    lines.countGaps(1_000);
    expect(gaps).toEqual([]);
  });

  it('takes what fills a hole as late, however far the line has gone on', () => {
    const { lines, gaps, check } = windows();
    check(1, 0);
    check(4, 0);
    check(2, 50);
    for (let sequence = 5; sequence <= 500; sequence++) check(sequence, 100);
    expect(check(3, 150)).toBe('late');
    expect(check(3, 160)).toBe('duplicate');
    expect(check(2, 160)).toBe('duplicate');
    lines.countGaps(1_000);
    expect(gaps).toEqual([]);
  });

  it('knows for a minute what is missing, also when it counts as a gap already', () => {
    const { lines, gaps, check } = windows();
    check(1, 0);
    check(10, 0);
    check(1_000, 30_000);
    lines.countGaps(1_000);
    expect(gaps).toEqual(['A']);
    lines.countGaps(59_999);
    expect(check(5, 59_999)).toBe('late');
    lines.countGaps(60_000);
    expect(check(6, 60_000)).toBe('duplicate');
    expect(check(500, 60_000)).toBe('late');
    expect(gaps).toEqual(['A', 'A']);
  });

  it('forgets the oldest holes where there are too many, and counts them at once', () => {
    const { lines, gaps, check } = windows();
    for (let i = 0; i <= MISSING_MAX; i++) check(2 * i, 0);
    expect(gaps).toEqual([]);
    check(2 * MISSING_MAX + 2, 0);
    expect(gaps).toEqual(['A']);
    expect(check(1, 10)).toBe('duplicate');
    expect(check(3, 10)).toBe('late');
    lines.countGaps(1_000);
    expect(gaps).toHaveLength(MISSING_MAX);
  });

  it('keeps to that limit also where one wide hole is filled here and there', () => {
    const { lines, gaps, check } = windows();
    check(0, 0);
    check(4 * MISSING_MAX, 0);
    for (let i = 1; i <= MISSING_MAX; i++) {
      expect(gaps).toEqual([]);
      expect(check(2 * i, 0)).toBe('late');
    }
    expect(gaps).toEqual(['A']);
    expect(check(3, 0)).toBe('duplicate');
    expect(lines.of(0)[0]!.missing).toEqual([]);
  });

  it('goes on where the owner before was: what is missing is known, its gap was counted there', () => {
    const { lines, gaps } = windows();
    lines.restore(0, restored({ top: 500, missing: [3, 5, 9, 9] }));
    lines.restore(0, restored({ top: 600, missing: [3, 3, 5, 5] }));
    lines.beginAt(7_000);
    expect(lines.check(0, 'A', 4, 1, true, 7_000)).toBe('duplicate');
    expect(lines.check(0, 'A', 5, 1, true, 7_000)).toBe('late');
    lines.countGaps(66_999);
    expect(lines.check(0, 'A', 9, 1, true, 66_999)).toBe('duplicate');
    expect(lines.check(0, 'A', 3, 1, true, 66_999)).toBe('late');
    lines.countGaps(67_000);
    expect(gaps).toEqual([]);
    expect(lines.of(0)[0]!.missing).toEqual([]);
  });

  it('forgets after a minute what the owner before missed', () => {
    const { lines } = windows();
    lines.restore(0, restored({ top: 500, missing: [3, 5] }));
    lines.beginAt(7_000);
    lines.countGaps(67_000);
    expect(lines.check(0, 'A', 4, 1, true, 67_000)).toBe('duplicate');
  });

  it('agrees with a set about what is missing and for how long', () => {
    const step = fc.record({
      jump: fc.integer({ min: -400, max: 100 }),
      waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10_000 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { lines, check } = windows();
        const missingSince = new Map<number, number>();
        let [top, nowMs] = [1_000, 0];
        check(top);
        for (const { jump, waitMs } of steps) {
          nowMs += waitMs;
          lines.countGaps(nowMs);
          for (const [sequence, ms] of missingSince) if (nowMs >= ms + 60_000) missingSince.delete(sequence);
          const sequence = top + jump;
          const verdict = check(sequence, nowMs);
          if (sequence > top) {
            expect(verdict).toBe('newest');
            for (let one = top + 1; one < sequence; one++) missingSince.set(one, nowMs);
            top = sequence;
          } else if (sequence <= top - 64) {
            expect(verdict).toBe(missingSince.has(sequence) ? 'late' : 'duplicate');
          }
          missingSince.delete(sequence);
          const { missing } = lines.of(0)[0]!;
          const ranges = Array.from({ length: missing.length / 2 }, (_, i) => [
            missing[2 * i]!,
            missing[2 * i + 1]!,
          ]);
          const all = ranges.flatMap(([from, to]) =>
            Array.from({ length: to! - from! + 1 }, (_, i) => from! + i),
          );
          expect(all).toEqual([...missingSince.keys()].sort((a, b) => a - b));
        }
      }),
    );
  });

  it('agrees with a set about which holes were filled within their second', () => {
    const step = fc.record({
      jump: fc.integer({ min: -20, max: 4 }),
      waitMs: fc.integer({ min: 0, max: 200 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { lines, gaps, check } = windows();
        const holes: { dueMs: number; missing: Set<number> }[] = [];
        let [top, nowMs, expected] = [1_000, 0, 0];
        check(top);
        for (const { jump, waitMs } of steps) {
          nowMs += waitMs;
          lines.countGaps(nowMs);
          for (; holes[0] !== undefined && holes[0].dueMs <= nowMs; holes.shift())
            if (holes[0].missing.size > 0) expected++;
          const sequence = top + jump;
          check(sequence, nowMs);
          for (const { missing } of holes) missing.delete(sequence);
          if (jump > 1) {
            const missing = new Set(Array.from({ length: jump - 1 }, (_, i) => top + 1 + i));
            holes.push({ dueMs: nowMs + 1_000, missing });
          }
          top = Math.max(top, sequence);
          expect(gaps).toHaveLength(expected);
        }
      }),
    );
  });
});

import fc from 'fast-check';
import { SessionMarks } from './session-marks.js';

describe('SessionMarks', () => {
  it('admits a group once, and nothing below it', () => {
    const marks = new SessionMarks();
    expect(marks.admit('a', '1', 5, 0, 9)).toBe(true);
    expect(marks.admit('a', '1', 5, 0, 9)).toBe(false);
    expect(marks.admit('a', '1', 5, 1, 9)).toBe(true);
    expect(marks.admit('a', '1', 5, 0, 9)).toBe(false);
    expect(marks.admit('a', '1', 4, 7, 9)).toBe(false);
    expect(marks.admit('a', '1', 7, 0, 9)).toBe(true);
    expect(marks.admit('a', '2', 1, 0, 9)).toBe(true);
    expect(marks.admit('b', '1', 1, 0, 9)).toBe(true);
  });

  it('gives the moved ones to one commit, and goes on from what a commit stored', () => {
    const session = fc.tuple(fc.string(), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(session, fc.nat(20), fc.nat(3))), (groups) => {
        const marks = new SessionMarks();
        const stored = new Map<string, string>();
        for (const [[source, name], sequence, part] of groups) {
          const alone = new SessionMarks(stored);
          expect(alone.admit(source, name, sequence, part, 9)).toBe(
            marks.admit(source, name, sequence, part, 9),
          );
          for (const [field, value] of marks.takeMoved()) stored.set(field, value);
          expect(marks.takeMoved()).toEqual([]);
        }
        expect(new Map(marks.all())).toEqual(stored);
        expect(marks.size).toBe(stored.size);
      }),
    );
  });

  it('keeps names apart that differ only in colons and percent signs', () => {
    const marks = new SessionMarks();
    marks.admit('a:b', 'c', 1, 0, 9);
    marks.admit('a', 'b:c', 1, 0, 9);
    marks.admit('a%3Ab', 'c', 1, 0, 9);
    const again = new SessionMarks(new Map(marks.takeMoved()));
    expect(again.size).toBe(3);
    expect(again.admit('a%3Ab', 'c', 1, 0, 9)).toBe(false);
    expect(again.admit('a:b', 'c', 1, 0, 9)).toBe(false);
  });

  it('forgets a session after 24 h without a tick', () => {
    const marks = new SessionMarks();
    marks.admit('a', '1', 5, 0, 1_000);
    marks.admit('a', '2', 5, 0, 50_000);
    marks.takeMoved();
    expect(marks.expire(1_000 + 86_400)).toEqual([]);
    expect(marks.expire(1_001 + 86_400)).toEqual(['mark:a:1']);
    expect(marks.size).toBe(1);
  });
});

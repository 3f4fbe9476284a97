import { SessionMoves } from './session-moves.js';

describe('SessionMoves', () => {
  it('knows who was here all the time: from the beginning, one after the other, repeats too', () => {
    const moves = new SessionMoves();
    expect(moves.offered('a', 1, 1)).toBe(false);
    expect(moves.offered('a', 2, 4)).toBe(false);
    expect(moves.offered('a', 2, 4)).toBe(false);
    expect(moves.offered('a', 5, 5)).toBe(false);
    expect(moves.offered('upload', 0, 0)).toBe(false);
  });

  it('sees who comes with a later number, or comes back with a hole, until that is stored', () => {
    const moves = new SessionMoves();
    expect(moves.offered('a', 7, 7)).toBe(true);
    expect(moves.offered('a', 8, 8)).toBe(true);
    expect(moves.offered('a', 7, 7)).toBe(true);
    moves.stored('a', 7);
    expect(moves.offered('a', 8, 9)).toBe(false);
    expect(moves.offered('a', 11, 11)).toBe(true);
    moves.stored('a', 9);
    expect(moves.offered('a', 11, 11)).toBe(true);
    moves.stored('a', 11);
    expect(moves.offered('a', 12, 12)).toBe(false);
  });

  it('forgets who was silent longest', () => {
    const moves = new SessionMoves();
    for (let i = 0; i <= 20_000; i++) moves.offered(`s${i}`, 1, 1);
    expect([moves.offered('s1', 2, 2), moves.offered('s0', 2, 2)]).toEqual([false, true]);
  });
});

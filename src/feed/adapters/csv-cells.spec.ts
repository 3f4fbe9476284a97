import { csvCells, delimiterOf } from './csv-cells.js';

describe('csvCells', () => {
  it.each([
    ['a,b', ['a', 'b']],
    [' a , b ', ['a', 'b']],
    ['a,', ['a', '']],
    [',', ['', '']],
    ['', ['']],
    ['"a,b",c', ['a,b', 'c']],
    ['"a ""b""", "c" ,d', ['a "b"', 'c', 'd']],
    ['"",x,""', ['', 'x', '']],
    ['a,5" pipe', ['a', '5" pipe']],
  ])('splits %s', (line, cells) => {
    expect(csvCells(line)).toEqual(cells);
  });

  it.each(['"a', '"a"b,c', 'x,"a""'])('refuses %s', (line) => {
    expect(csvCells(line)).toBeUndefined();
  });

  it('splits by other delimiters, judged by a line', () => {
    expect(csvCells('"a;b";c', ';')).toEqual(['a;b', 'c']);
    expect(['a,b;c', 'a;b\tc', 'a\tb', 'a'].map(delimiterOf)).toEqual([',', ';', '\t', ',']);
  });
});

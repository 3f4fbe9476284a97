import fc from 'fast-check';
import { parseTicks } from './tick-json.js';

describe('parseTicks', () => {
  const same: readonly string[] = [
    '{"exchangeTimeNs":null}',
    '{"exchangeTimeNs":"1759999999000123999"}',
    '{"exchangeTimeNs":1.5e18}',
    '{"exchangeTimeNs":-1759999999000123999}',
    '{"note":"\\"exchangeTimeNs\\":1759999999000123999}"}',
    '{"note":"exchangeTimeNs","other":1759999999000123}',
    '[1,2,{"a":"exchangeTimeNs"}]',
  ];
  it.each(same)('leaves %s as it is', (text) => {
    expect(parseTicks(text)).toEqual(JSON.parse(text));
  });

  it.each([
    '{"exchangeTimeNs":1759999999000123999}',
    '{"a":1,"exchangeTimeNs" : 1759999999000123999 ,"b":2}',
    '{\n"exchangeTimeNs":\t1759999999000123999\n}',
  ])('keeps every digit of %j', (text) => {
    expect(parseTicks(text)).toMatchObject({ exchangeTimeNs: '1759999999000123999' });
  });

  it('keeps every digit in arrays of ticks', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 10n ** 17n, max: 4n * 10n ** 18n })), (times) => {
        const text = `[${times.map((ns) => `{"exchangeTimeNs":${ns}}`).join(',')}]`;
        expect(parseTicks(text)).toEqual(times.map((ns) => ({ exchangeTimeNs: String(ns) })));
      }),
    );
  });

  it('changes nothing else, in any JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseTicks(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('takes hostile text in a time that grows with its length only', () => {
    const key = '"exchangeTimeNs"';
    for (const text of [
      `{${`${key}:`.repeat(50_000)}`,
      `{${key}${' '.repeat(500_000)}`,
      `{${key}:${'1'.repeat(500_000)}`,
    ])
      expect(() => parseTicks(text)).toThrow(SyntaxError);
  });
});

import { timeParser } from './time-format.js';

const US = Date.UTC(2020, 0, 1, 17, 0, 0) * 1000;

describe('timeParser', () => {
  it.each([
    ['us', '1577898000000065', US + 65],
    ['ms', '1577898000065', US + 65_000],
    ['ms', '1577898000065.25', US + 65_250],
    ['s', '1577898000', US],
    ['s', '1577898000.123456789', US + 123_456],
    ['ns', '1577898000000065999', US + 65],
    ['iso', '2020-01-01T17:00:00Z', US],
    ['iso', '2020-01-01 17:00:00.000065', US + 65],
    ['iso', '2020-01-01T18:30:00.5+01:30', US + 500_000],
    ['iso', '2020-01-01T12:00-05:00', US],
    [undefined, '1577898000000000', US],
    [undefined, '2020-01-01T17:00:00Z', US],
    ['yyyyMMdd HHmmssSSS', '20200101 170000065', US + 65_000],
    ['yyyyMMdd HHmmss', '20200101 170000', US],
    ['dd.MM.yyyy HH:mm:ss.SSSSSS', '01.01.2020 17:00:00.000065', US + 65],
    ['yyyy/MM/dd', '2020/01/01', Date.UTC(2020, 0, 1) * 1000],
    ['yyyy-MM-ddTHH:mm:ss.SSSSSSSSSZ', '2020-01-01T17:00:00.000065999Z', US + 65],
  ])('reads %s %s', (format, text, us) => {
    expect(timeParser(format)!(text)).toBe(us);
  });

  it.each([
    ['us', 'soon'],
    ['us', '-5'],
    ['iso', '2020-02-30T00:00:00Z'],
    ['iso', '2020-01-01T24:00:00Z'],
    ['iso', '01/02/2020'],
    ['yyyyMMdd HHmmss', '20200101'],
    ['yyyyMMdd', '20201301'],
  ])('refuses %s %s', (format, text) => {
    expect(timeParser(format)!(text)).toBeUndefined();
  });

  it.each(['', 'HHmmss', 'yyyyMM', 'yyyyMMdd dd', 'micros'])('knows that "%s" is no format', (format) => {
    expect(timeParser(format)).toBeUndefined();
  });
});

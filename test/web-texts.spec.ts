import {
  ageText,
  amountText,
  changePercent,
  decimalsOf,
  percentText,
  priceText,
  sizeText,
} from '../web/src/number-text.js';
import { pageOptions, queryWith, symbolsOf } from '../web/src/page-options.js';

describe('numbers on the screen', () => {
  it.each([
    [101.23, 4, 2],
    [101.2345, 4, 4],
    [100, 4, 0],
    [0.0000001, 8, 7],
    [-37.6, 2, 1],
    [0, 8, 0],
    [8.115, 3, 3],
  ])('finds the decimals of %p at scale %i', (value, scale, decimals) => {
    expect(decimalsOf(value, scale)).toBe(decimals);
  });

  it.each([
    [priceText(66_123.4, 2), '66,123.40'],
    [priceText(0.0000001, 7), '0.0000001'],
    [priceText(-37.63, 2), '-37.63'],
    [priceText(null, 2), '–'],
    [sizeText(1_200, 0), '1,200'],
    [sizeText(0.015, 8), '0.015'],
    [amountText(412_345), '412,345'],
    [amountText(51_234_567), '51.23M'],
    [amountText(7_200_000_000), '7.20B'],
    [amountText(0.05), '0.05'],
    [amountText(null), '–'],
    [ageText(400), '0.4 s'],
    [ageText(9_990), '9.9 s'],
    [ageText(61_000), '61 s'],
    [ageText(600_000), '10 min'],
    [ageText(-5), '0.0 s'],
    [ageText(null), '–'],
  ])('shows %s', (shown, expected) => {
    expect(shown).toBe(expected);
  });

  it('shows change with a sign, and none where there is nothing to compare with', () => {
    expect(percentText(changePercent(101, 100))).toBe('+1.00%');
    expect(percentText(changePercent(99, 100))).toBe('−1.00%');
    expect(percentText(changePercent(100.001, 100))).toBe('0.00%');
    expect(percentText(changePercent(-37, -36))).toBe('−2.78%');
    expect(percentText(changePercent(1, 0))).toBe('–');
    expect(percentText(changePercent(1, null))).toBe('–');
  });
});

describe('the address of the page', () => {
  it('names symbols and codec', () => {
    expect(pageOptions('?symbols=aapl,BTC-USD,AAPL&codec=json')).toEqual({
      symbols: ['AAPL', 'BTC-USD'],
      codec: 'json',
    });
    expect(pageOptions('?symbols=')).toEqual({ symbols: [], codec: 'msgpack' });
    expect(pageOptions('?codec=xml').codec).toBe('msgpack');
    expect(pageOptions('').symbols).toContain('AAPL');
  });

  it('comes back the same from what it is set to', () => {
    const symbols = ['AAPL', 'BTC/USD', 'BRK.B', 'A_B-C'];
    const query = queryWith('?codec=json&symbols=OLD', symbols);
    expect(query).toBe('?symbols=AAPL,BTC/USD,BRK.B,A_B-C&codec=json');
    expect(pageOptions(query)).toEqual({ symbols, codec: 'json' });
  });

  it('tells symbols from what is none', () => {
    expect(symbolsOf(' msft, <b>;  brk.b\n')).toEqual({ symbols: ['MSFT', 'BRK.B'], faults: ['<B>'] });
  });
});

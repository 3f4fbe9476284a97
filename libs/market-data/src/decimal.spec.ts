import fc from 'fast-check';
import { formatScaled, powerOfTen, scaleDecimal } from './decimal.js';

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const scale = fc.integer({ min: 0, max: 12 });
const digits = (maxLength: number) =>
  fc.string({ minLength: 1, maxLength, unit: fc.constantFrom(...'0123456789') });

/** The same question in exact arithmetic. */
function scaledText(sign: string, whole: string, fraction: string, scaleOf: number): number | 'off_scale' {
  const unscaled = BigInt(whole + fraction);
  const power = 10n ** BigInt(scaleOf);
  const divisor = 10n ** BigInt(fraction.length);
  const product = unscaled * power;
  if (product % divisor !== 0n || product / divisor > SAFE) return 'off_scale';
  return Number(product / divisor) * (sign === '-' && product !== 0n ? -1 : 1);
}

/** The shortest decimal that is this double, without exponent. */
function plainText(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(mantissa)!;
  const point = whole.length + Number(exponent);
  const all = whole + fraction;
  return point > 0 ? sign + all.padEnd(point, '0') : `${sign}0.${'0'.repeat(-point)}${all}`;
}

describe('scaleDecimal, of text', () => {
  it('agrees with exact arithmetic', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', '-'),
        digits(20),
        fc.option(digits(20)),
        scale,
        (sign, whole, fraction, scaleOf) => {
          const text = sign + whole + (fraction === null ? '' : `.${fraction}`);
          expect(scaleDecimal(text, scaleOf)).toBe(scaledText(sign, whole, fraction ?? '', scaleOf));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['101.25', 4, 1_012_500],
    ['-12.50', 2, -1_250],
    ['0', 0, 0],
    ['-0', 2, 0],
    ['-0.00', 2, 0],
    ['007.5', 1, 75],
    ['1.10000', 1, 11],
    ['9007199254740991', 0, 9_007_199_254_740_991],
    ['9007199254740992', 0, 'off_scale'],
    ['9007199254740993', 0, 'off_scale'],
    ['90071992547409.91', 2, 9_007_199_254_740_991],
    ['0.00000001', 8, 1],
    ['0.001', 2, 'off_scale'],
    ['1'.repeat(32), 2, 'off_scale'],
  ])('takes %s at scale %i as %s', (text, scaleOf, expected) => {
    expect(scaleDecimal(text, scaleOf)).toBe(expected);
  });

  it.each([
    '',
    '-',
    '+1',
    '.5',
    '5.',
    '1e3',
    '1E-7',
    ' 1',
    '1 ',
    '1,5',
    '0x10',
    'NaN',
    'Infinity',
    '--1',
    '1.2.3',
    '١',
    `${'1'.repeat(33)}`,
  ])('calls %j malformed', (text) => {
    expect(scaleDecimal(text, 4)).toBe('malformed');
  });
});

describe('scaleDecimal, of a number', () => {
  it('gives back every decimal of up to 15 digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), scale, (scaled, scaleOf) => {
        expect(scaleDecimal(Number(formatScaled(scaled, scaleOf)), scaleOf)).toBe(scaled);
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes a double for its shortest decimal, and for no other', () => {
    const doubles = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.tuple(fc.maxSafeInteger(), scale).map(([scaled, scaleOf]) => scaled / 10 ** scaleOf),
    );
    fc.assert(
      fc.property(doubles, scale, (value, scaleOf) => {
        const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(plainText(value))!;
        expect(scaleDecimal(value, scaleOf)).toBe(scaledText(sign, whole, fraction, scaleOf));
      }),
      { numRuns: 10_000 },
    );
  });

  it.each([
    [0.1 + 0.2, 2, 'off_scale'],
    [0.3, 2, 30],
    [1.005, 3, 1_005],
    [405891236121.926, 4, 4_058_912_361_219_260],
    [9007199254740991, 0, 9_007_199_254_740_991],
    [8.41, 2, 841],
    [-0, 2, 0],
    [1e21, 0, 'off_scale'],
    [1e-7, 8, 10],
    [5e-324, 12, 'off_scale'],
    [2 ** 53, 0, 'off_scale'],
    [Number.NaN, 2, 'malformed'],
    [Number.POSITIVE_INFINITY, 2, 'malformed'],
    [null, 2, 'malformed'],
    [undefined, 2, 'malformed'],
    [true, 2, 'malformed'],
    [10n, 2, 'malformed'],
    [['1'], 2, 'malformed'],
    [{}, 2, 'malformed'],
  ])('takes %p at scale %i as %s', (value, scaleOf, expected) => {
    expect(scaleDecimal(value, scaleOf)).toBe(expected);
  });
});

describe('formatScaled', () => {
  it('writes the plain decimal: no exponent, no trailing zeros, a JSON number, and back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 22 }), (scaled, scaleOf) => {
        const text = formatScaled(scaled, scaleOf);
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
        expect(text.startsWith('-')).toBe(scaled < 0);
        expect(Number.isFinite(JSON.parse(text))).toBe(true);
        expect(scaleDecimal(text, scaleOf)).toBe(scaled);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    [-5, 3, '-0.005'],
    [1_234_500, 4, '123.45'],
    [1, 8, '0.00000001'],
    [0, 4, '0'],
    [-0, 4, '0'],
    [100, 2, '1'],
    [100, 0, '100'],
    [Number.MAX_SAFE_INTEGER, 12, '9007.199254740991'],
    [Number.MIN_SAFE_INTEGER, 0, '-9007199254740991'],
  ])('writes %i at scale %i as %s', (scaled, scaleOf, expected) => {
    expect(formatScaled(scaled, scaleOf)).toBe(expected);
  });
});

describe('powerOfTen', () => {
  it('is exact', () => {
    for (let exponent = 0; exponent <= 22; exponent++)
      expect(BigInt(powerOfTen(exponent))).toBe(10n ** BigInt(exponent));
  });

  it.each([-1, 23, 1.5, Number.NaN])('refuses the scale %p', (exponent) => {
    expect(() => powerOfTen(exponent)).toThrow(`Expected a scale from 0 to 22, was ${exponent}`);
  });
});

/**
 * Decimals in and out of scaled integers. At the door a price becomes price × 10^scale, an exact integer below
 * 2^53, and stays one until a screen shows it: no float drifts on the way.
 */
export type DecimalFault = 'malformed' | 'off_scale';

const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);
/** Below this, value × power is off by less than a half: its own error of 1/8 and the product's of 1/16. */
const PRODUCT_EXACT_MAX = 2 ** 50;
const DECIMAL_TEXT = /^(-?)(\d{1,32})(?:\.(\d{1,32}))?$/;

/** 10^scale; exact for 0 ≤ scale ≤ 22. */
export function powerOfTen(scale: number): number {
  const power = POWERS[scale];
  if (power === undefined) throw new RangeError(`Expected a scale from 0 to 22, was ${scale}`);
  return power;
}

/**
 * Scales a decimal to an integer.
 * @param value a finite number, or text such as `-12.50` (no exponent, no leading `+`)
 * @param scale decimals that the instrument allows, 0 to 22
 * @returns value × 10^scale, |result| < 2^53; `off_scale` when decimals or range do not fit; else `malformed`
 */
export function scaleDecimal(value: unknown, scale: number): number | DecimalFault {
  if (typeof value === 'number') return scaleNumber(value, scale);
  if (typeof value === 'string') return scaleText(value, scale);
  return 'malformed';
}

function scaleNumber(value: number, scale: number): number | DecimalFault {
  if (!Number.isFinite(value)) return 'malformed';
  const power = powerOfTen(scale);
  const scaled = Math.round(value * power);
  if (!Number.isSafeInteger(scaled)) return 'off_scale';
  // Here the product may be off by one: 405891236121.926 × 10^4. What was meant is the shortest decimal of the double.
  if (Math.abs(scaled) > PRODUCT_EXACT_MAX) return scaleText(String(value), scale);
  // Both operands are exact, so the quotient is the double nearest to the decimal: equal iff no digit was cut.
  return scaled / power === value ? scaled + 0 : 'off_scale';
}

function scaleText(text: string, scale: number): number | DecimalFault {
  const match = DECIMAL_TEXT.exec(text);
  if (match === null) return 'malformed';
  const fraction = match[3] ?? '';
  for (let i = scale; i < fraction.length; i++) if (fraction[i] !== '0') return 'off_scale';
  const digits = Number((match[2] ?? '') + fraction.slice(0, scale).padEnd(scale, '0'));
  if (!Number.isSafeInteger(digits)) return 'off_scale';
  return match[1] === '-' && digits !== 0 ? -digits : digits;
}

/**
 * The plain decimal of a scaled integer, a valid JSON number: never an exponent, no trailing zeros.
 * `formatScaled(-5, 3)` is `-0.005`, `formatScaled(1234500, 4)` is `123.45`.
 */
export function formatScaled(scaled: number, scale: number): string {
  const text = scaled < 0 ? String(-scaled) : String(scaled);
  const sign = scaled < 0 ? '-' : '';
  if (scale === 0) return sign + text;
  const digits = text.length > scale ? text : text.padStart(scale + 1, '0');
  const point = digits.length - scale;
  let end = digits.length;
  while (end > point && digits.charCodeAt(end - 1) === 48) end--;
  return end === point
    ? sign + digits.slice(0, point)
    : `${sign}${digits.slice(0, point)}.${digits.slice(point, end)}`;
}

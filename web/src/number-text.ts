/** Numbers as the screen shows them. A row keeps its decimals once it needed them, so that columns stay still. */

/** What stands where nothing is known. */
export const UNKNOWN = '–';

const grouped = new Map<string, Intl.NumberFormat>();

function format(min: number, max: number): Intl.NumberFormat {
  const key = `${min}-${max}`;
  let known = grouped.get(key);
  if (known === undefined) {
    known = new Intl.NumberFormat('en-US', { minimumFractionDigits: min, maximumFractionDigits: max });
    grouped.set(key, known);
  }
  return known;
}

/** Decimals that a value really has, at most `scale`. */
export function decimalsOf(value: number, scale: number): number {
  let scaled = Math.round(value * 10 ** scale);
  let decimals = scale;
  while (decimals > 0 && scaled % 10 === 0) {
    scaled /= 10;
    decimals--;
  }
  return decimals;
}

/** Cents, or as many decimals as the scale has where it has fewer. */
export function priceDecimalsMin(scale: number): number {
  return Math.min(2, scale);
}

export function priceText(price: number | null, decimals: number): string {
  return price === null ? UNKNOWN : format(decimals, decimals).format(price);
}

export function sizeText(size: number | null, scale: number): string {
  return size === null ? UNKNOWN : format(0, Math.min(scale, 4)).format(size);
}

/** Amounts from a million in millions, billions, trillions: the column keeps its width. */
export function amountText(amount: number | null): string {
  if (amount === null) return UNKNOWN;
  if (amount < 1_000_000) return format(0, amount < 10_000 ? 2 : 0).format(amount);
  for (const [unit, letter] of UNITS)
    if (amount >= unit) return `${format(2, 2).format(amount / unit)}${letter}`;
  return format(0, 0).format(amount);
}

const UNITS = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
] as const;

/** Change from `base` in per cent, null where there is none to speak of. */
export function changePercent(last: number | null, base: number | null): number | null {
  return last === null || base === null || base === 0 ? null : ((last - base) / Math.abs(base)) * 100;
}

export function percentText(percent: number | null): string {
  if (percent === null) return UNKNOWN;
  const text = format(2, 2).format(Math.abs(percent));
  if (text === '0.00') return '0.00%';
  return `${percent < 0 ? '−' : '+'}${text}%`;
}

/** `0.4 s` to `9.9 s`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function ageText(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

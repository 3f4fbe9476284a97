/**
 * Times in files: a unit of an integer (`us`, `ms`, `s`, `ns`), `iso`, or a pattern of `yyyy MM dd HH mm ss` and one
 * run of `S` for decimals of a second, with anything else literal, e.g. `yyyyMMdd HHmmssSSS`. Without a zone it is UTC.
 */

/** @returns µs since the epoch, cut to an integer; undefined when the text is not such a time */
export type TimeParser = (text: string) => number | undefined;

const UNITS: Readonly<Record<string, { readonly digits: number }>> = {
  s: { digits: 6 },
  ms: { digits: 3 },
  us: { digits: 0 },
  ns: { digits: -3 },
};
const NUMBER = /^(\d{1,19})(?:\.(\d{1,19}))?$/;
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:Z|([+-])(\d{2}):?(\d{2}))?$/;
const TOKEN = /yyyy|MM|dd|HH|mm|ss|S{1,9}/g;

/**
 * @param format as above; undefined: `us` for a plain integer, else `iso`
 * @returns undefined when the format is none
 */
export function timeParser(format: string | undefined): TimeParser | undefined {
  if (format === undefined) return (text) => (/^\d+$/.test(text) ? inUnit(text, 0) : iso(text));
  if (format === 'iso') return iso;
  const unit = UNITS[format];
  return unit === undefined ? patternParser(format) : (text) => inUnit(text, unit.digits);
}

/** Moves the point by text, because a float of seconds or ns has lost its µs already. */
function inUnit(text: string, digits: number): number | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  const us = digits < 0 ? whole.slice(0, digits) : whole + fraction.slice(0, digits).padEnd(digits, '0');
  return whenSafe(Number(us));
}

function iso(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, zoneHour, zoneMinute] = match;
  const us = assemble({ year, month, day, hour, minute, second, fraction });
  if (us === undefined || sign === undefined) return us;
  const zoneUs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000_000;
  return sign === '+' ? us - zoneUs : us + zoneUs;
}

interface TimeParts {
  readonly year: string | undefined;
  readonly month: string | undefined;
  readonly day: string | undefined;
  readonly hour: string | undefined;
  readonly minute: string | undefined;
  readonly second: string | undefined;
  readonly fraction: string;
}

const PART_OF_TOKEN: Readonly<Record<string, keyof TimeParts>> = {
  yyyy: 'year',
  MM: 'month',
  dd: 'day',
  HH: 'hour',
  mm: 'minute',
  ss: 'second',
  S: 'fraction',
};

/** Undefined unless the pattern has a whole date, and nothing twice. */
function patternParser(pattern: string): TimeParser | undefined {
  const order: (keyof TimeParts)[] = [];
  let source = '';
  let from = 0;
  for (const { 0: token, index } of pattern.matchAll(TOKEN)) {
    source += `${literal(pattern.slice(from, index))}(\\d{${token.length}})`;
    order.push(PART_OF_TOKEN[token.startsWith('S') ? 'S' : token]!);
    from = index + token.length;
  }
  source += literal(pattern.slice(from));
  const whole = ['year', 'month', 'day'].every((part) => order.includes(part as keyof TimeParts));
  if (!whole || new Set(order).size !== order.length) return undefined;
  const expression = new RegExp(`^${source}$`);
  return (text) => {
    const match = expression.exec(text);
    if (match === null) return undefined;
    const part = (name: keyof TimeParts) => match[order.indexOf(name) + 1];
    const has = (name: keyof TimeParts) => (order.includes(name) ? part(name) : undefined);
    return assemble({
      year: has('year'),
      month: has('month'),
      day: has('day'),
      hour: has('hour'),
      minute: has('minute'),
      second: has('second'),
      fraction: has('fraction') ?? '',
    });
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Undefined for what no calendar has; a leap second counts as the second after it. */
function assemble(parts: TimeParts): number | undefined {
  const [year, month, day] = [Number(parts.year), Number(parts.month), Number(parts.day)];
  const [hour, minute, second] = [
    Number(parts.hour ?? 0),
    Number(parts.minute ?? 0),
    Number(parts.second ?? 0),
  ];
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const ms = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
  return whenSafe(ms * 1000 + Number(parts.fraction.slice(0, 6).padEnd(6, '0')));
}

function whenSafe(us: number): number | undefined {
  return Number.isSafeInteger(us) ? us : undefined;
}

/**
 * Which column of a CSV is which field of a tick. The text of a map is a list of `field=column` and `field:constant`,
 * separated by commas; a column is a number from 0 or a name in the header; a time may carry its format:
 * `time=0:yyyyMMdd HHmmssSSS,bidPrice=1,askPrice=2,symbol:EURUSD`.
 */
import { type TimeParser, timeParser } from './time-format.js';

/** Fields of a tick that a column or constant may give. */
export const TICK_FIELDS = [
  'type',
  'symbol',
  'bidPrice',
  'bidSize',
  'askPrice',
  'askSize',
  'price',
  'size',
  'tradeId',
  'conditions',
  'line',
  'sequence',
] as const;
export type TickField = (typeof TICK_FIELDS)[number];

/** `time` with the formats that other names of it stand for. */
const TIME_FIELDS: Readonly<Record<string, string | undefined>> = {
  time: undefined,
  exchangeTimeUs: 'us',
  exchangeTimeNs: 'ns',
};

export interface ColumnMap {
  /** Place of each field that is read from a column, from 0. */
  readonly places: Readonly<Partial<Record<TickField, number>>>;
  readonly constants: Readonly<Partial<Record<TickField, string>>>;
  readonly time: { readonly place: number; readonly parse: TimeParser } | undefined;
  /** Whether the first line is a header for certain: columns were given by name. */
  readonly named: boolean;
}

/** What is wrong with a map, in words that follow `TICKCAST_REPLAY_COLUMNS: `. */
export class ColumnMapFault {
  constructor(readonly message: string) {}
}

interface Entry {
  readonly field: string;
  readonly column: string | undefined;
  readonly constant: string | undefined;
  readonly format: string | undefined;
}

/**
 * @param text the map; null: the header must name the fields themselves
 * @param firstLine cells of the file's first line: names are looked up there
 */
export function columnMap(text: string | null, firstLine: readonly string[]): ColumnMap | ColumnMapFault {
  const entries = text === null ? namedByHeader(firstLine) : text.split(',').map(entryOf);
  const map = new MapInMaking(firstLine);
  for (const entry of entries) {
    const fault = entry instanceof ColumnMapFault ? entry : map.take(entry);
    if (fault !== undefined) return fault;
  }
  return map.done(text === null);
}

function entryOf(text: string): Entry | ColumnMapFault {
  const match = /^\s*([A-Za-z]+)\s*([=:])\s*(.*?)\s*$/.exec(text);
  if (match === null) {
    return new ColumnMapFault(`expected field=column or field:constant, was ${JSON.stringify(text.trim())}`);
  }
  const [, field = '', sign, rest = ''] = match;
  if (rest === '') return new ColumnMapFault(`${field} has neither a column nor a constant`);
  if (sign === ':') return { field, column: undefined, constant: rest, format: undefined };
  const colon = rest.indexOf(':');
  if (colon === -1) return { field, column: rest, constant: undefined, format: undefined };
  return { field, column: rest.slice(0, colon).trim(), constant: undefined, format: rest.slice(colon + 1) };
}

function namedByHeader(header: readonly string[]): Entry[] {
  return header
    .filter((name) => isTickField(name) || name in TIME_FIELDS)
    .map((name) => ({ field: name, column: name, constant: undefined, format: undefined }));
}

class MapInMaking {
  private readonly places: Partial<Record<TickField, number>> = {};
  private readonly constants: Partial<Record<TickField, string>> = {};
  private time: ColumnMap['time'];
  private named = false;

  constructor(private readonly header: readonly string[]) {}

  /** @returns a fault, or undefined when the entry fits */
  take({ field, column, constant, format }: Entry): ColumnMapFault | undefined {
    if (field in TIME_FIELDS) return this.takeTime(field, column, format);
    if (!isTickField(field)) {
      return new ColumnMapFault(
        `there is no field ${JSON.stringify(field)}; allowed: time, ${TICK_FIELDS.join(', ')}`,
      );
    }
    if (this.places[field] !== undefined || this.constants[field] !== undefined) return twice(field);
    if (format !== undefined) return new ColumnMapFault(`${field} has a format, which only time can have`);
    if (column === undefined) {
      this.constants[field] = constant ?? '';
      return field === 'type' && kindOf(constant ?? '') === undefined
        ? new ColumnMapFault(`type is ${JSON.stringify(constant)}; allowed: quote, trade`)
        : undefined;
    }
    const place = this.placeOf(column);
    if (typeof place !== 'number') return place;
    this.places[field] = place;
    return undefined;
  }

  private takeTime(
    field: string,
    column: string | undefined,
    format: string | undefined,
  ): ColumnMapFault | undefined {
    if (column === undefined) return new ColumnMapFault(`${field} needs a column, it cannot be a constant`);
    if (this.time !== undefined) return twice('time');
    const place = this.placeOf(column);
    if (typeof place !== 'number') return place;
    const parse = timeParser(format ?? TIME_FIELDS[field]);
    if (parse === undefined) {
      return new ColumnMapFault(
        `${JSON.stringify(format)} is no time format; allowed: us, ms, s, ns, iso, or a pattern with yyyy, MM and dd`,
      );
    }
    this.time = { place, parse };
    return undefined;
  }

  private placeOf(column: string): number | ColumnMapFault {
    if (/^\d{1,4}$/.test(column)) return Number(column);
    this.named = true;
    const place = this.header.indexOf(column);
    return place === -1
      ? new ColumnMapFault(
          `the first line has no column ${JSON.stringify(column)}; it has: ${this.header.join(', ').slice(0, 200)}`,
        )
      : place;
  }

  /** @param byHeader whether there was no map: then the way out is to give one */
  done(byHeader: boolean): ColumnMap | ColumnMapFault {
    const { places, constants, time } = this;
    const has = (field: TickField) => places[field] !== undefined || constants[field] !== undefined;
    const way = byHeader ? '; give a map, or a first line with the names of the fields' : '';
    if (!has('symbol')) return new ColumnMapFault(`nothing gives the symbol${way}`);
    if (!has('price') && !(has('bidPrice') && has('askPrice'))) {
      return new ColumnMapFault(`neither price, nor bidPrice and askPrice are given${way}`);
    }
    return { places, constants, time, named: this.named };
  }
}

function twice(field: string): ColumnMapFault {
  return new ColumnMapFault(`${field} is given twice`);
}

function isTickField(name: string): name is TickField {
  return (TICK_FIELDS as readonly string[]).includes(name);
}

/** `quote` or `trade` as files write them, in any case, or their first letter; undefined for anything else. */
export function kindOf(text: string): 'quote' | 'trade' | undefined {
  const kind = text.toLowerCase();
  if (kind === 'quote' || kind === 'q') return 'quote';
  return kind === 'trade' || kind === 't' ? 'trade' : undefined;
}

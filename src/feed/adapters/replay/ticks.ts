/**
 * Lines of a file become ticks as feed handlers send them. Numbers stay the text that the file has, so that no digit
 * is lost; whether a tick is good is for the door to say.
 */
import { csvCells } from '../csv-cells.js';
import { type ColumnMap, kindOf, type TickField } from './column-map.js';

/** What one line says. */
export type LineReading =
  | { readonly outcome: 'tick'; readonly tick: object; readonly timeUs: number | null }
  /** Blank, or a header. */
  | { readonly outcome: 'nothing' }
  | { readonly outcome: 'fault'; readonly message: string };

export interface LineReader {
  /** @param first whether it is the first line of the file that is not blank */
  read(line: string, first: boolean): LineReading;
}

const NOTHING: LineReading = { outcome: 'nothing' };

/** NDJSON: each line is a tick in the documented form. */
export class NdjsonLines implements LineReader {
  read(line: string): LineReading {
    if (line.trim() === '') return NOTHING;
    const tick = parsed(line);
    if (typeof tick !== 'object' || tick === null || Array.isArray(tick)) {
      return fault(`Expected a JSON object, was ${shown(line)}`);
    }
    return { outcome: 'tick', tick, timeUs: timeOf(tick) };
  }
}

/** Undefined when the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** When the venue, or else the recorder, saw this tick: the pace of the replay. */
function timeOf(tick: object): number | null {
  if ('exchangeTimeUs' in tick && typeof tick.exchangeTimeUs === 'number') return tick.exchangeTimeUs;
  if (
    'exchangeTimeNs' in tick &&
    (typeof tick.exchangeTimeNs === 'string' || typeof tick.exchangeTimeNs === 'number')
  ) {
    const us = Math.floor(Number(tick.exchangeTimeNs) / 1000);
    return Number.isSafeInteger(us) ? us : null;
  }
  return 'receiveTimeUs' in tick && typeof tick.receiveTimeUs === 'number' ? tick.receiveTimeUs : null;
}

const LINE_FIELDS: readonly TickField[] = ['line', 'sequence'];
const QUOTE_FIELDS: readonly TickField[] = ['bidPrice', 'askPrice', 'bidSize', 'askSize'];
const TRADE_FIELDS: readonly TickField[] = ['price', 'size', 'tradeId', 'conditions'];
/** An empty cell of these is "no market on that side"; any other empty cell is left out. */
const NULL_WHEN_EMPTY: ReadonlySet<TickField> = new Set(['bidPrice', 'askPrice']);

/** CSV through a column map. */
export class CsvLines implements LineReader {
  private readonly cellsMin: number;

  constructor(
    private readonly map: ColumnMap,
    private readonly delimiter: string,
  ) {
    const places = [...Object.values(map.places), map.time?.place ?? 0];
    this.cellsMin = Math.max(...places) + 1;
  }

  read(line: string, first: boolean): LineReading {
    if (line.trim() === '' || (first && this.map.named)) return NOTHING;
    const cells = csvCells(line, this.delimiter);
    if (cells === undefined) return fault(`Expected closed quotes, was ${shown(line)}`);
    if (first && this.isHeader(cells)) return NOTHING;
    if (cells.length < this.cellsMin) {
      return fault(`Expected at least ${this.cellsMin} cells, was ${cells.length}: ${shown(line)}`);
    }
    const timeUs = this.timeUs(cells);
    if (timeUs === undefined) return fault(`Expected a time of the given format, was ${shown(line)}`);
    const kind = this.kind(cells);
    if (kind === undefined) return fault(`Expected the type quote or trade, was ${shown(line)}`);
    return { outcome: 'tick', tick: this.tick(kind, cells, timeUs), timeUs };
  }

  /** Columns given by number say nothing of a header: it is a first line with words where prices should be. */
  private isHeader(cells: readonly string[]): boolean {
    const { bidPrice, askPrice, price } = this.map.places;
    const prices = [bidPrice, askPrice, price].filter((place) => place !== undefined);
    return prices.length > 0 && prices.every((place) => /^[^\d]*[A-Za-z]/.test(cells[place] ?? ''));
  }

  /** Null when there is none; undefined when it cannot be read. */
  private timeUs(cells: readonly string[]): number | null | undefined {
    const { time } = this.map;
    const cell = time === undefined ? '' : (cells[time.place] ?? '');
    return cell === '' ? null : time?.parse(cell);
  }

  /** As the map or the line says; else a line with a trade price is a trade, any other a quote. */
  private kind(cells: readonly string[]): 'quote' | 'trade' | undefined {
    const type = this.value('type', cells);
    if (type !== undefined && type !== '') return kindOf(type);
    const price = this.value('price', cells);
    const quotes = this.value('bidPrice', cells) !== undefined;
    return price !== undefined && (price !== '' || !quotes) ? 'trade' : 'quote';
  }

  private tick(kind: 'quote' | 'trade', cells: readonly string[], timeUs: number | null): object {
    const tick: Record<string, unknown> = { type: kind, symbol: this.value('symbol', cells) };
    if (timeUs !== null) tick['exchangeTimeUs'] = timeUs;
    for (const field of kind === 'quote' ? QUOTE_FIELDS : TRADE_FIELDS) this.put(tick, field, cells);
    for (const field of LINE_FIELDS) this.put(tick, field, cells);
    return tick;
  }

  private put(tick: Record<string, unknown>, field: TickField, cells: readonly string[]): void {
    const value = this.value(field, cells);
    if (value === undefined) return;
    if (value === '') {
      if (NULL_WHEN_EMPTY.has(field)) tick[field] = null;
    } else tick[field] = field === 'sequence' ? Number(value) : value;
  }

  private value(field: TickField, cells: readonly string[]): string | undefined {
    const place = this.map.places[field];
    return place === undefined ? this.map.constants[field] : cells[place];
  }
}

function fault(message: string): LineReading {
  return { outcome: 'fault', message };
}

function shown(line: string): string {
  return JSON.stringify(line.length > 120 ? `${line.slice(0, 120)}…` : line);
}

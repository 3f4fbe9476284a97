/**
 * Real daily bars for the simulator to bridge: `symbol,date,open,high,low,close,volume`, with or without that header
 * (with it, in any order), dates as `2020-03-16`. Bars of symbols that are not in the registry are left out and counted.
 */
import { type Instrument, SCALE_MAX, scaleDecimal } from '#market-data';
import { csvCells } from '../csv-cells.js';
import { AdapterError, wordsOf } from '../feed-adapter.js';
import { type FileLine, readLines } from '../file-lines.js';

/** Prices by the instrument's priceScale, volume by its sizeScale: scaled integers. */
export interface DailyBar {
  /** Midnight UTC of the bar's date, µs since the epoch. */
  readonly dateUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

/** About 120 bytes each: 2,000 years of one symbol, or 4 years of 500. */
export const BARS_MAX = 500_000;

const COLUMNS = ['symbol', 'date', 'open', 'high', 'low', 'close', 'volume'] as const;
type Column = (typeof COLUMNS)[number];
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const YEAR_MIN = 1980;
const YEAR_MAX = 2099;

export type BarInstrument = Pick<Instrument, 'priceScale' | 'sizeScale'>;

export class DailyBars {
  /** Bars of each symbol, oldest first. */
  readonly bySymbol = new Map<string, DailyBar[]>();
  /** Every date that has a bar, oldest first: simulated day n is the n-th of these. */
  readonly datesUs: readonly number[];

  private constructor(
    bars: ReadonlyMap<string, ReadonlyMap<number, DailyBar>>,
    /** Lines whose symbol is not in the registry. */
    readonly unknownSymbolLines: number,
  ) {
    const dates = new Set<number>();
    for (const [symbol, byDate] of bars) {
      this.bySymbol.set(
        symbol,
        [...byDate.values()].sort((a, b) => a.dateUs - b.dateUs),
      );
      for (const dateUs of byDate.keys()) dates.add(dateUs);
    }
    this.datesUs = [...dates].sort((a, b) => a - b);
  }

  /**
   * Reads a file of bars, `.gz` too.
   * @param instrumentOf the registry's lookup
   * @throws AdapterError `bars_file_unreadable`, or `bars_invalid` with the number of the line
   */
  static async read(
    path: string,
    instrumentOf: (symbol: string) => BarInstrument | undefined,
  ): Promise<DailyBars> {
    const reading = new Reading(path, instrumentOf);
    try {
      for await (const lines of readLines(path)) for (const line of lines) reading.take(line);
    } catch (error) {
      if (error instanceof AdapterError) throw error;
      throw new AdapterError(
        'bars_file_unreadable',
        `TICKCAST_SIMULATOR_BARS is ${JSON.stringify(path)}, which cannot be read: ${wordsOf(error)}`,
        error,
      );
    }
    return new DailyBars(reading.bars, reading.unknownSymbolLines);
  }
}

/** One pass over a file of bars. */
class Reading {
  readonly bars = new Map<string, Map<number, DailyBar>>();
  unknownSymbolLines = 0;
  private places: Readonly<Record<Column, number>> = placesOf(COLUMNS);
  private lineNumber = 0;
  private count = 0;

  constructor(
    private readonly path: string,
    private readonly instrumentOf: (symbol: string) => BarInstrument | undefined,
  ) {}

  take(line: FileLine): void {
    this.lineNumber++;
    if (typeof line !== 'string') throw this.fault('a line of CSV', line.message);
    if (line.trim() === '') return;
    const cells = csvCells(line);
    if (cells === undefined) throw this.fault('closed quotes', line.slice(0, 120));
    if (this.lineNumber === 1 && this.takeHeader(cells)) return;
    const symbol = this.cell(cells, 'symbol');
    const instrument = this.instrumentOf(symbol);
    if (instrument === undefined) this.unknownSymbolLines++;
    else this.add(symbol, this.bar(cells, instrument));
  }

  private takeHeader(cells: readonly string[]): boolean {
    const names = cells.map((cell) => cell.toLowerCase());
    if (!names.includes('symbol') || !names.includes('open')) return false;
    const missing = COLUMNS.filter((column) => !names.includes(column));
    if (missing.length > 0)
      throw this.fault(`a header with ${COLUMNS.join(', ')}`, `no ${missing.join(', ')}`);
    this.places = placesOf(names);
    return true;
  }

  private bar(cells: readonly string[], { priceScale, sizeScale }: BarInstrument): DailyBar {
    const price = (column: Column) => this.scaled(cells, column, priceScale, 1);
    const bar = {
      dateUs: this.date(this.cell(cells, 'date')),
      open: price('open'),
      high: price('high'),
      low: price('low'),
      close: price('close'),
      volume: this.scaled(cells, 'volume', sizeScale, 0),
    };
    if (bar.low > Math.min(bar.open, bar.close) || bar.high < Math.max(bar.open, bar.close)) {
      throw this.fault('low <= open, close <= high', cells.join(','));
    }
    return bar;
  }

  private add(symbol: string, bar: DailyBar): void {
    let byDate = this.bars.get(symbol);
    if (byDate === undefined) this.bars.set(symbol, (byDate = new Map()));
    if (byDate.has(bar.dateUs)) throw this.fault('one bar per symbol and date', `a second one of ${symbol}`);
    byDate.set(bar.dateUs, bar);
    if (++this.count > BARS_MAX) throw this.fault(`at most ${BARS_MAX} bars`, 'more');
  }

  private cell(cells: readonly string[], column: Column): string {
    const cell = cells[this.places[column]];
    if (cell === undefined || cell === '') throw this.fault(`a ${column}`, 'none');
    return cell;
  }

  private scaled(cells: readonly string[], column: Column, scale: number, min: number): number {
    const cell = this.cell(cells, column);
    const scaled = scaleDecimal(cell, Math.min(scale, SCALE_MAX));
    if (typeof scaled === 'number' && scaled >= min) return scaled;
    throw this.fault(
      `${column} to be a decimal ${min > 0 ? 'above 0' : 'from 0 on'} with at most ${scale} decimals, as the instrument has`,
      cell,
    );
  }

  private date(text: string): number {
    const match = DATE.exec(text);
    const [year, month, day] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])];
    const ms = Date.UTC(year, month - 1, day);
    const real = match !== null && new Date(ms).toISOString().startsWith(text);
    if (real && year >= YEAR_MIN && year <= YEAR_MAX) return ms * 1000;
    throw this.fault(`a date from ${YEAR_MIN}-01-01 to ${YEAR_MAX}-12-31`, text);
  }

  private fault(expected: string, found: string): AdapterError {
    return new AdapterError(
      'bars_invalid',
      `TICKCAST_SIMULATOR_BARS: expected ${expected}, was ${JSON.stringify(found)} (${this.path}, line ${this.lineNumber})`,
    );
  }
}

function placesOf(names: readonly string[]): Record<Column, number> {
  const place = (column: Column) => names.indexOf(column);
  return {
    symbol: place('symbol'),
    date: place('date'),
    open: place('open'),
    high: place('high'),
    low: place('low'),
    close: place('close'),
    volume: place('volume'),
  };
}

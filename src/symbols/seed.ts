/** What a registry that was never filled begins with: the built-in list of real symbols, or the operator's file. */
import { readFile } from 'node:fs/promises';
import { ConfigError } from '../config.js';
import { describeFaults, type InstrumentDefinition, seedInstrument } from './instrument-rules.js';
import builtIn from './symbols.seed.json' with { type: 'json' };

/** One bad list is often bad all over: the first faults say enough. */
const FAULTS_SHOWN_MAX = 10;

/**
 * Reads the seed: a JSON array of `{symbol, name, exchange?, group, priceScale, sizeScale, volumeScale, enabled?,
 * tradingStatus?, coalesceIntervalMs?}`.
 * @param file path; null = the built-in list
 * @param symbolsMax instruments that the registry may hold
 * @throws ConfigError naming each bad entry
 */
export async function readSeed(
  file: string | null,
  symbolsMax: number,
): Promise<readonly InstrumentDefinition[]> {
  if (file === null) return parseSeed(builtIn, 'The built-in seed', symbolsMax);
  const name = `TICKCAST_SYMBOLS_FILE (${file})`;
  let list: unknown;
  try {
    list = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new ConfigError([`${name}: ${(error as Error).message}`]);
  }
  return parseSeed(list, name, symbolsMax);
}

function parseSeed(list: unknown, name: string, symbolsMax: number): readonly InstrumentDefinition[] {
  if (!Array.isArray(list))
    throw new ConfigError([`${name}: Expected an array of instruments, was ${kindOf(list)}`]);
  const faults: string[] = [];
  if (list.length > symbolsMax) {
    faults.push(
      `${name}: Expected at most ${symbolsMax} instruments (TICKCAST_SYMBOLS_MAX), was ${list.length}`,
    );
  }
  const placeBySymbol = new Map<string, number>();
  const definitions: InstrumentDefinition[] = [];
  for (const [i, entry] of list.entries()) {
    const place = `${name}: entry ${i + 1}${symbolIn(entry)}`;
    const parsed = seedInstrument.safeParse(entry);
    if (!parsed.success) {
      faults.push(`${place}: ${describeFaults(parsed.error)}`);
      continue;
    }
    const earlier = placeBySymbol.get(parsed.data.symbol);
    if (earlier !== undefined) faults.push(`${place}: the same symbol as entry ${earlier}`);
    placeBySymbol.set(parsed.data.symbol, i + 1);
    definitions.push(parsed.data);
  }
  if (faults.length > 0) throw new ConfigError(shorten(faults, name));
  return definitions;
}

function shorten(faults: readonly string[], name: string): readonly string[] {
  if (faults.length <= FAULTS_SHOWN_MAX) return faults;
  const more = faults.length - FAULTS_SHOWN_MAX;
  return [...faults.slice(0, FAULTS_SHOWN_MAX), `${name}: ${more} more faults`];
}

function symbolIn(entry: unknown): string {
  if (typeof entry !== 'object' || entry === null || !('symbol' in entry)) return '';
  return ` (${String(entry.symbol)})`;
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

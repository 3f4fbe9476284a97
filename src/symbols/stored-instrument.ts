/** How instruments and audit entries lie in Redis. What is read is checked: others may have written there. */
import type { Instrument } from '#market-data';
import { describeFaults, storedInstrument } from './instrument-rules.js';
import type { AuditEntry, ChangeNote } from './symbol-store.js';

/** @returns the instrument, or what is wrong with the text */
export function tryInstrument(text: string): Instrument | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `Expected JSON, ${(error as Error).message}`;
  }
  const parsed = storedInstrument.safeParse(value);
  return parsed.success ? Object.freeze(parsed.data) : describeFaults(parsed.error);
}

/** @throws an Error that says what is wrong with the text */
export function instrumentOf(text: string): Instrument {
  const instrument = tryInstrument(text);
  if (typeof instrument === 'string') throw new Error(`Expected an instrument in the store: ${instrument}`);
  return instrument;
}

/** @param fields of the stream entry, names and values in turn */
export function auditEntryOf(id: string, fields: readonly string[]): AuditEntry {
  const values: Record<string, string> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) values[fields[i]!] = fields[i + 1]!;
  const { note = '{}', version = '0', symbols = '[]', before = '', after = '' } = values;
  return Object.freeze({
    ...(JSON.parse(note) as ChangeNote),
    id,
    version: Number(version),
    symbols: JSON.parse(symbols) as readonly string[],
    before: instrumentOrNull(before),
    after: instrumentOrNull(after),
  });
}

/** An entry that an older or newer version wrote is still worth reading without what is not understood of it. */
function instrumentOrNull(text: string): Instrument | null {
  const instrument = text === '' ? null : tryInstrument(text);
  return typeof instrument === 'string' ? null : instrument;
}

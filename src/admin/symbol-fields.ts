/** Bodies of operators as definitions and patches of the registry. */
import { Problem } from '../problem.js';
import type { InstrumentDefinition, InstrumentPatch } from '../symbols/instrument-rules.js';
import type { CreateSymbolBody, PatchSymbolBody } from './symbol-bodies.js';

const SCALES = ['priceScale', 'sizeScale', 'volumeScale'] as const;
const CHANGEABLE = ['name', 'exchange', 'group', 'tradingStatus', 'coalesceIntervalMs'] as const;

export function definitionOf(body: CreateSymbolBody): InstrumentDefinition {
  return {
    symbol: body.symbol,
    name: body.name ?? '',
    exchange: body.exchange ?? '',
    group: body.group,
    priceScale: body.priceScale,
    sizeScale: body.sizeScale,
    volumeScale: body.volumeScale,
    enabled: body.enabled ?? true,
    tradingStatus: body.tradingStatus ?? 'open',
    coalesceIntervalMs: body.coalesceIntervalMs ?? null,
  };
}

/** Only what was given. @throws Problem scale_fixed, also when the scale is the one that holds; invalid_body */
export function patchOf(body: PatchSymbolBody, symbol: string): InstrumentPatch {
  const fixed = SCALES.filter((scale) => body[scale] !== undefined);
  if (fixed.length > 0) {
    const detail = `${fixed.join(', ')} of ${symbol}: create another symbol for another scale`;
    throw new Problem('scale_fixed', { detail, symbol, fields: fixed });
  }
  const given = CHANGEABLE.filter((field) => body[field] !== undefined);
  if (given.length === 0) {
    throw new Problem('invalid_body', { detail: `Expected one of ${CHANGEABLE.join(', ')}`, errors: [] });
  }
  return Object.fromEntries(given.map((field) => [field, body[field]]));
}

/**
 * What an instrument's reference data may be. The stored registry, the seed file and the operators' requests are all
 * held to these rules, so that nothing gets in by one door that another would refuse.
 */

import { z } from 'zod';
import { type Instrument, SCALE_MAX, SYMBOL_PATTERN, TRADING_STATUSES } from '#market-data';

/** Everything about an instrument but what the store gives it. */
export type InstrumentDefinition = Omit<Instrument, 'sid' | 'version' | 'statusReason'>;

/** What may change in the life of an instrument; its symbol, sid and scales may not. */
export type InstrumentPatch = Partial<
  Pick<Instrument, 'name' | 'exchange' | 'group' | 'enabled' | 'tradingStatus' | 'coalesceIntervalMs'>
>;

/** Tables are indexed by sid: one absurd sid must not make them absurdly long. Twice what TICKCAST_SYMBOLS_MAX may be. */
export const SID_MAX = 2_000_000;
export const NAME_CHARACTERS_MAX = 120;
/** One line of any script, without control characters; may be empty. */
export const NAME_PATTERN = /^\P{Cc}{0,120}$/u;
/** A venue code such as XNAS, or empty. */
export const EXCHANGE_PATTERN = /^[A-Z0-9._-]{0,16}$/;
export const GROUP_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** One per second is the slowest rate that a gateway has. */
export const COALESCE_INTERVAL_MS_MAX = 1_000;

const scale = z.int().min(0).max(SCALE_MAX);
const definitionFields = {
  symbol: z.string().regex(SYMBOL_PATTERN),
  name: z.string().regex(NAME_PATTERN),
  exchange: z.string().regex(EXCHANGE_PATTERN),
  group: z.string().regex(GROUP_PATTERN),
  priceScale: scale,
  sizeScale: scale,
  volumeScale: scale,
  enabled: z.boolean(),
  tradingStatus: z.enum(TRADING_STATUSES),
  coalesceIntervalMs: z.int().min(1).max(COALESCE_INTERVAL_MS_MAX).nullable(),
};

const volumeFits = (entry: { sizeScale: number; volumeScale: number }) =>
  entry.volumeScale <= entry.sizeScale;
const volumeFault = { path: ['volumeScale'], message: 'Expected at most sizeScale' };

/** As the store holds it. Fields that a later version adds are left out. */
export const storedInstrument = z
  .object({
    ...definitionFields,
    sid: z.int().min(1).max(SID_MAX),
    statusReason: z.string().nullable().default(null),
    version: z.int().min(1),
  })
  .refine(volumeFits, volumeFault);

/** As a seed file has it: strict, and what is left out is usual. */
export const seedInstrument = z
  .strictObject({
    ...definitionFields,
    exchange: definitionFields.exchange.default(''),
    enabled: definitionFields.enabled.default(true),
    tradingStatus: definitionFields.tradingStatus.default('open'),
    coalesceIntervalMs: definitionFields.coalesceIntervalMs.default(null),
  })
  .refine(volumeFits, volumeFault);

/** What is wrong, each as `field: what`, in one line. */
export function describeFaults(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${issue.message}`)
    .join('; ');
}

/** Whether everything that people and clients see is the same; versions aside. */
export function sameInstrument(a: Instrument, b: Instrument): boolean {
  return (
    a.symbol === b.symbol &&
    a.name === b.name &&
    a.exchange === b.exchange &&
    a.group === b.group &&
    sameBinding(a, b) &&
    a.enabled === b.enabled &&
    a.tradingStatus === b.tradingStatus &&
    (a.statusReason ?? null) === (b.statusReason ?? null) &&
    a.coalesceIntervalMs === b.coalesceIntervalMs
  );
}

/** Whether both say the same of what is fixed for life: an integer once stored must never mean another price. */
export function sameBinding(a: Instrument, b: Instrument): boolean {
  return (
    a.sid === b.sid &&
    a.symbol === b.symbol &&
    a.priceScale === b.priceScale &&
    a.sizeScale === b.sizeScale &&
    a.volumeScale === b.volumeScale
  );
}

/**
 * Why a tick was not taken. The one table: the answer to the feed handler, the metric's label and the docs all
 * come from here. A duplicate is not a reason: a resend is accepted, and the owner drops and counts it.
 */
export const REJECT_REASONS = {
  malformed: 'The tick is not of the documented form: a key is missing, of the wrong type, or out of range.',
  unknown_symbol: 'No instrument has this symbol, and symbols are not registered by their first tick.',
  symbol_disabled: 'Operators have switched this symbol off.',
  crossed: 'The bid is above the ask; set TICKCAST_CROSSED_QUOTES=accept to take and flag such quotes.',
  stale: 'exchangeTimeUs is older than TICKCAST_TICK_AGE_MS_MAX allows.',
  off_scale:
    "The value has more decimals than the instrument's scale, or does not fit in 53 bits once scaled.",
  registry_conflict:
    'The symbol is bound to another sid than the one already known here; operators were alarmed.',
  registry_full: 'The registry holds TICKCAST_SYMBOLS_MAX symbols; the first tick cannot register another.',
} as const;
export type RejectReason = keyof typeof REJECT_REASONS;

export const REJECT_REASON_NAMES = Object.keys(REJECT_REASONS) as readonly RejectReason[];

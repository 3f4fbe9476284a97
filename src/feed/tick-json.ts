/**
 * JSON of ticks. A bare integer of nanoseconds does not fit a JS number: JSON.parse would round it before anyone could
 * cut it to µs. So it is put into quotes first, in texts that have such a key at all.
 */
const NS_KEY = '"exchangeTimeNs"';
// In valid JSON an unescaped quote before and after the name, and a colon, are a key: inside a string they would be
// escaped. (A key that ends in `\"exchangeTimeNs` is taken too; no tick has one.)
const BARE_NANOSECONDS = /"exchangeTimeNs"\s*:\s*(\d{4,20})(?=[\s,}])/g;

/** @throws SyntaxError when the text is not JSON */
export function parseTicks(text: string): unknown {
  return JSON.parse(text.includes(NS_KEY) ? text.replace(BARE_NANOSECONDS, `${NS_KEY}:"$1"`) : text);
}

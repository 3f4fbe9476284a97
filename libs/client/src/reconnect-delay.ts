/**
 * How long to stay away after a lost connection: full jitter, so that the clients of a lost gateway do not come back
 * together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
import { reconnectAfter } from '#wire';

export const BASE_MS = 250;
export const CAP_MS = 20_000;

/**
 * @param attempt failed or short-lived connections since the last good one, from 0
 * @param random from 0 to below 1
 * @returns ms from 0 to below min(CAP_MS, BASE_MS × 2^attempt)
 */
export function fullJitterMs(attempt: number, random: () => number): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 30));
}

/**
 * @param closeCode of the socket
 * @param goodbyeMs `retryAfterMs` of a `goodbye`, or null; the service has put its own jitter into it
 * @returns ms to wait, or null: do not come back
 */
export function reconnectDelayMs(
  closeCode: number,
  goodbyeMs: number | null,
  attempt: number,
  random: () => number,
): number | null {
  const rule = reconnectAfter(closeCode);
  if (rule === 'never') return null;
  const own = rule === 'now' && attempt === 0 ? 0 : fullJitterMs(attempt, random);
  return Math.max(own, goodbyeMs ?? 0);
}

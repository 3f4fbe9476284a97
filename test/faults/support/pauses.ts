/** How long something that goes on all the time stood still, and when it went on. */
import type { Noted } from './history.js';

/** Shorter ones are the rhythm of the traffic, not a fault. */
const PAUSE_MS_MIN = 600;

export interface Pause {
  readonly ms: number;
  /** When it ended; where there was none to speak of, minus infinity. */
  readonly endMs: number;
}

/** @param timesMs rising; @param fromMs and @param toMs bounds of what is looked at */
export function pauseOf(timesMs: readonly number[], fromMs: number, toMs: number): Pause {
  let before = fromMs;
  let ms = 0;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const at of [...timesMs.filter((one) => one >= fromMs && one <= toMs), toMs]) {
    if (at - before > ms) ms = at - before;
    if (at - before > PAUSE_MS_MIN) endMs = at;
    before = at;
  }
  return { ms, endMs };
}

/** The longest pause of any symbol that this client was shown, and the end of the last one. */
export function pauseOfClient(records: readonly Noted[], fromMs: number, toMs: number): Pause {
  const times = new Map<number, number[]>();
  for (const { atMs, record } of records) {
    if (record.type !== 'image' && record.type !== 'update') continue;
    const ofSymbol = times.get(record.sid) ?? [];
    times.set(record.sid, ofSymbol);
    ofSymbol.push(atMs);
  }
  const pauses = [...times.values()].map((each) => pauseOf(each, fromMs, toMs));
  return {
    ms: Math.max(0, ...pauses.map(({ ms }) => ms)),
    endMs: Math.max(Number.NEGATIVE_INFINITY, ...pauses.map(({ endMs }) => endMs)),
  };
}

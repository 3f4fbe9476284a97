/**
 * Sets of symbols as sorted arrays of sids: 4 bytes a symbol where a Set takes 40, and a walk in the order of the
 * tables. A list is never changed once made, so sessions with the same symbols can share one.
 */
export type SidList = Int32Array;

export const NO_SIDS: SidList = new Int32Array(0);

/** Place of the first entry that is not below sid. */
function lowerBound(list: SidList, sid: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! < sid) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hasSid(list: SidList, sid: number): boolean {
  return list[lowerBound(list, sid)] === sid;
}

/** The list with these sids, too; the same list when it has them all. */
export function withSids(list: SidList, added: Iterable<number>): SidList {
  const missing = Int32Array.from([...new Set(added)].filter((sid) => !hasSid(list, sid))).sort();
  if (missing.length === 0) return list;
  const merged = new Int32Array(list.length + missing.length);
  let i = 0;
  let j = 0;
  for (let at = 0; at < merged.length; at++) {
    const takeOld = j >= missing.length || (i < list.length && list[i]! < missing[j]!);
    merged[at] = takeOld ? list[i++]! : missing[j++]!;
  }
  return merged;
}

/** The list without these sids; the same list when it has none of them. */
export function withoutSids(list: SidList, removed: ReadonlySet<number>): SidList {
  const kept = list.filter((sid) => !removed.has(sid));
  return kept.length === list.length ? list : kept;
}

/** Same symbols in both. */
export function sameSids(a: SidList, b: SidList): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A 32-bit hash of the symbols in a list. */
export function hashSids(list: SidList): number {
  let hash = list.length;
  for (const sid of list) {
    hash = Math.imul(hash ^ sid, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

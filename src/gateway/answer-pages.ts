/** Long answers go out in pages of at most 64 KiB, each a record of its own that says whether another follows. */
import type { ControlRecord } from '#wire';

/** Leaves room for the record around the items. */
const PAGE_BYTES_MAX = 60 * 1024;

/**
 * Cuts items into pages; at least one, possibly empty.
 * @param bytesOf an upper estimate of an item's bytes in the widest dialect
 */
export function pages<T>(items: readonly T[], bytesOf: (item: T) => number): T[][] {
  const all: T[][] = [[]];
  let room = PAGE_BYTES_MAX;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (bytes > room && all[all.length - 1]!.length > 0) {
      all.push([]);
      room = PAGE_BYTES_MAX;
    }
    all[all.length - 1]!.push(item);
    room -= bytes;
  }
  return all;
}

/** JSON bytes of a record or a part of it; msgpack is shorter. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value)) + 1;
}

/** Sends one record per page. */
export function sendPages<T>(
  items: readonly T[],
  send: (record: ControlRecord) => void,
  record: (page: readonly T[], first: boolean, more: boolean) => ControlRecord,
): void {
  const all = pages(items, jsonBytes);
  all.forEach((page, i) => {
    send(record(page, i === 0, i < all.length - 1));
  });
}

import { Packr } from 'msgpackr';

const packr = new Packr({ useRecords: false });

/** A heartbeat of a position long past, grown at its end as messages may: of so many bytes, and of no meaning. */
export function encodePadded(bytes: number): Buffer {
  return packr.pack([2, 1, 0, 1, 'x'.repeat(bytes)]);
}

/**
 * Images of all symbols in typed arrays, indexed by sid. Used twice: as the gateway's table, which follows every
 * batch, and as each lane's state, which is the table as that lane last flushed it.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';

/** Epoch of a symbol that has no state. Real epochs are above it. */
export const NO_EPOCH = 0;

export class Images {
  /** values[sid × IMAGE_FIELD_COUNT + field]; NaN = null. */
  values: Float64Array;
  seq: Float64Array;
  epoch: Float64Array;
  timeUs: Float64Array;

  constructor(capacity = 1024) {
    this.values = new Float64Array(capacity * IMAGE_FIELD_COUNT).fill(Number.NaN);
    this.seq = new Float64Array(capacity);
    this.epoch = new Float64Array(capacity);
    this.timeUs = new Float64Array(capacity);
  }

  /** Sids below this have room. */
  get capacity(): number {
    return this.seq.length;
  }

  /** Makes room for a sid. */
  reserve(sid: number): void {
    if (sid < this.capacity) return;
    const capacity = grownCapacity(this.capacity, sid);
    const values = new Float64Array(capacity * IMAGE_FIELD_COUNT).fill(Number.NaN);
    values.set(this.values);
    this.values = values;
    this.seq = grown(this.seq, capacity);
    this.epoch = grown(this.epoch, capacity);
    this.timeUs = grown(this.timeUs, capacity);
  }

  has(sid: number): boolean {
    return sid < this.capacity && this.epoch[sid] !== NO_EPOCH;
  }

  /** Takes over the whole image of one symbol, or that there is none. */
  copy(from: Images, sid: number): void {
    this.reserve(sid);
    if (!from.has(sid)) {
      this.forget(sid);
      return;
    }
    const offset = sid * IMAGE_FIELD_COUNT;
    for (let field = offset; field < offset + IMAGE_FIELD_COUNT; field++)
      this.values[field] = from.values[field]!;
    this.seq[sid] = from.seq[sid]!;
    this.epoch[sid] = from.epoch[sid]!;
    this.timeUs[sid] = from.timeUs[sid]!;
  }

  forget(sid: number): void {
    if (sid >= this.capacity) return;
    this.values.fill(Number.NaN, sid * IMAGE_FIELD_COUNT, (sid + 1) * IMAGE_FIELD_COUNT);
    this.seq[sid] = 0;
    this.epoch[sid] = NO_EPOCH;
    this.timeUs[sid] = 0;
  }

  /** Mask of the fields of one symbol that differ from another table's. */
  difference(from: Images, sid: number): number {
    const offset = sid * IMAGE_FIELD_COUNT;
    let mask = 0;
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++) {
      const mine = this.values[offset + field]!;
      const theirs = from.values[offset + field]!;
      // NaN is "unknown" in both: only one of them is a difference.
      if (mine !== theirs && !(Number.isNaN(mine) && Number.isNaN(theirs))) mask |= 1 << field;
    }
    return mask;
  }
}

/** At least twice the capacity, and room for the sid. */
export function grownCapacity(capacity: number, sid: number): number {
  return Math.max(capacity * 2, sid + 1);
}

/** A larger copy of a typed array. */
export function grown<T extends Float64Array | Int32Array | Uint8Array>(array: T, capacity: number): T {
  const larger = new (array.constructor as new (length: number) => T)(capacity);
  larger.set(array);
  return larger;
}

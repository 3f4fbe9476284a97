/**
 * The owner's images of one partition, in typed arrays by slot. `current` is what the ticks make of an image,
 * `published` what was last given a number: their difference is the next update. Beside them stands what only owners
 * need to go on: both sequences, the volume's remainder, the turnover, the day.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';

const FIELDS = IMAGE_FIELD_COUNT;
const SLOTS_FIRST = 64;

export class ImageTable {
  /** `current[slot * IMAGE_FIELD_COUNT + field]`, NaN = unknown. */
  current = filled(SLOTS_FIRST * FIELDS);
  published = filled(SLOTS_FIRST * FIELDS);
  /** Exchange time of the newest tick, else its receive time; µs. */
  currentUs = new Float64Array(SLOTS_FIRST);
  publishedUs = new Float64Array(SLOTS_FIRST);
  sids = new Float64Array(SLOTS_FIRST);
  /** Newest published state and trade, 0 before the first. */
  seqs = new Float64Array(SLOTS_FIRST);
  tradeSeqs = new Float64Array(SLOTS_FIRST);
  /** Size units that do not fill a volume unit yet. */
  volumeRemainders = new Float64Array(SLOTS_FIRST);
  /** Σ price × size of the day, both scaled; a float, the vwap is rounded from it. */
  turnovers = new Float64Array(SLOTS_FIRST);
  /** Size units in one volume unit; 0 while the instrument was not looked up. */
  volumeUnits = new Float64Array(SLOTS_FIRST);
  /** Days since the Unix epoch, UTC, of the day that volume and high belong to; NaN before the first trade. */
  days = filled(SLOTS_FIRST);

  private readonly slotsBySid = new Map<number, number>();
  private capacity = SLOTS_FIRST;

  /** Slots in use: 0 to size - 1. */
  get size(): number {
    return this.slotsBySid.size;
  }

  /** Slot of a sid; one without has an empty image. */
  slot(sid: number): number {
    return this.slotsBySid.get(sid) ?? this.add(sid);
  }

  private add(sid: number): number {
    const slot = this.slotsBySid.size;
    if (slot === this.capacity) this.grow();
    this.slotsBySid.set(sid, slot);
    this.sids[slot] = sid;
    return slot;
  }

  private grow(): void {
    this.capacity *= 2;
    const { capacity } = this;
    this.current = widened(this.current, capacity * FIELDS, Number.NaN);
    this.published = widened(this.published, capacity * FIELDS, Number.NaN);
    this.days = widened(this.days, capacity, Number.NaN);
    this.currentUs = widened(this.currentUs, capacity, 0);
    this.publishedUs = widened(this.publishedUs, capacity, 0);
    this.sids = widened(this.sids, capacity, 0);
    this.seqs = widened(this.seqs, capacity, 0);
    this.tradeSeqs = widened(this.tradeSeqs, capacity, 0);
    this.volumeRemainders = widened(this.volumeRemainders, capacity, 0);
    this.volumeUnits = widened(this.volumeUnits, capacity, 0);
    this.turnovers = widened(this.turnovers, capacity, 0);
  }

  /**
   * The image as it is becomes the published one.
   * @returns the fields in which they differed; 0: nothing changed, and its time stays what it was
   */
  publish(slot: number): number {
    const { current, published } = this;
    const start = slot * FIELDS;
    let mask = 0;
    for (let field = 0; field < FIELDS; field++) {
      const now = current[start + field]!;
      const was = published[start + field]!;
      // NaN equals nothing, itself included: unknown twice is no change.
      if (now === was || (Number.isNaN(now) && Number.isNaN(was))) continue;
      published[start + field] = now;
      mask |= 1 << field;
    }
    if (mask === 0) this.currentUs[slot] = this.publishedUs[slot]!;
    else this.publishedUs[slot] = this.currentUs[slot]!;
    return mask;
  }

  /** Puts back published values: those of `mask` from `values[field]`. */
  restore(slot: number, mask: number, timeUs: number, values: Float64Array): void {
    const start = slot * FIELDS;
    for (let field = 0; field < FIELDS; field++) {
      if ((mask & (1 << field)) === 0) continue;
      this.current[start + field] = values[field]!;
      this.published[start + field] = values[field]!;
    }
    this.currentUs[slot] = timeUs;
    this.publishedUs[slot] = timeUs;
  }
}

type Numbers = Float64Array<ArrayBuffer>;

function filled(length: number): Numbers {
  return new Float64Array(length).fill(Number.NaN);
}

function widened(array: Numbers, length: number, rest: number): Numbers {
  const wide = new Float64Array(length);
  wide.set(array);
  if (rest !== 0) wide.fill(rest, array.length);
  return wide;
}

/**
 * What one turn changed: the slots that ticks touched, and their trades in order. Emptied and reused: arrays only grow,
 * since one that is cut to nothing is made anew, push by push, in every turn.
 */
const SLOTS_FIRST = 64;
const TRADES_FIRST = 64;
const NONE = -1;

export class TurnChanges {
  /** Slots that were touched; the arrays by position count as far as this. */
  size = 0;
  /** By position: the order in which slots were first touched. */
  slots = new Int32Array(SLOTS_FIRST);
  masks = new Int32Array(SLOTS_FIRST);
  tradeCounts = new Int32Array(SLOTS_FIRST);
  /** -1: none. */
  firstTrades = new Int32Array(SLOTS_FIRST);
  private lastTrades = new Int32Array(SLOTS_FIRST);

  /** Trades of all slots; the arrays by trade count as far as this. */
  trades = 0;
  prices = new Float64Array(TRADES_FIRST);
  /** NaN = unknown. */
  sizes = new Float64Array(TRADES_FIRST);
  timesUs = new Float64Array(TRADES_FIRST);
  readonly ids: (string | null)[] = [];
  readonly conditions: (string | null)[] = [];
  /** The next trade of the same symbol; -1: none. */
  nexts = new Int32Array(TRADES_FIRST);

  /** By slot. Kept + 1, so that a fresh array says "untouched". */
  private positions = new Int32Array(SLOTS_FIRST);

  /** @returns position of the slot */
  touch(slot: number): number {
    if (slot >= this.positions.length) this.positions = widened(this.positions, slot + 1);
    const known = this.positions[slot]!;
    if (known !== 0) return known - 1;
    if (this.size === this.slots.length) this.growSlots();
    const position = this.size++;
    this.positions[slot] = position + 1;
    this.slots[position] = slot;
    this.masks[position] = 0;
    this.tradeCounts[position] = 0;
    this.firstTrades[position] = NONE;
    return position;
  }

  private growSlots(): void {
    const wide = this.size + 1;
    this.slots = widened(this.slots, wide);
    this.masks = widened(this.masks, wide);
    this.tradeCounts = widened(this.tradeCounts, wide);
    this.firstTrades = widened(this.firstTrades, wide);
    this.lastTrades = widened(this.lastTrades, wide);
  }

  trade(
    position: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    if (this.trades === this.prices.length) this.growTrades();
    const trade = this.trades++;
    this.prices[trade] = price;
    this.sizes[trade] = size;
    this.timesUs[trade] = timeUs;
    this.ids[trade] = id;
    this.conditions[trade] = conditions;
    this.nexts[trade] = NONE;
    if (this.tradeCounts[position] === 0) this.firstTrades[position] = trade;
    else this.nexts[this.lastTrades[position]!] = trade;
    this.lastTrades[position] = trade;
    this.tradeCounts[position]!++;
  }

  private growTrades(): void {
    const wide = this.trades + 1;
    this.prices = widened(this.prices, wide);
    this.sizes = widened(this.sizes, wide);
    this.timesUs = widened(this.timesUs, wide);
    this.nexts = widened(this.nexts, wide);
  }

  clear(): void {
    const { slots, positions } = this;
    for (let position = 0; position < this.size; position++) positions[slots[position]!] = 0;
    this.size = 0;
    this.trades = 0;
  }
}

function widened<A extends Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(
  array: A,
  atLeast: number,
): A {
  const wide = new (array.constructor as new (length: number) => A)(Math.max(atLeast, array.length * 2));
  wide.set(array);
  return wide;
}

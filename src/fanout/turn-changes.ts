/** What one turn changed: the slots that ticks touched, and their trades in order. Emptied and reused. */
export class TurnChanges {
  /** By position: the order in which slots were first touched. */
  readonly slots: number[] = [];
  readonly masks: number[] = [];
  readonly tradeCounts: number[] = [];
  readonly firstTrades: number[] = [];
  private readonly lastTrades: number[] = [];

  /** By trade. */
  readonly prices: number[] = [];
  /** NaN = unknown. */
  readonly sizes: number[] = [];
  readonly timesUs: number[] = [];
  readonly ids: (string | null)[] = [];
  readonly conditions: (string | null)[] = [];
  /** The next trade of the same symbol. */
  readonly nexts: number[] = [];

  private positions = new Int32Array(64);

  get trades(): number {
    return this.prices.length;
  }

  /** @returns position of the slot */
  touch(slot: number): number {
    if (slot >= this.positions.length) this.grow(slot);
    // Positions are kept + 1, so that a fresh array says "untouched".
    const known = this.positions[slot]!;
    if (known !== 0) return known - 1;
    const position = this.slots.push(slot) - 1;
    this.positions[slot] = position + 1;
    this.masks.push(0);
    this.tradeCounts.push(0);
    this.firstTrades.push(-1);
    this.lastTrades.push(-1);
    return position;
  }

  private grow(slot: number): void {
    const positions = new Int32Array(Math.max(slot + 1, this.positions.length * 2));
    positions.set(this.positions);
    this.positions = positions;
  }

  trade(
    position: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    const trade = this.prices.push(price) - 1;
    this.sizes.push(size);
    this.timesUs.push(timeUs);
    this.ids.push(id);
    this.conditions.push(conditions);
    this.nexts.push(-1);
    if (this.tradeCounts[position] === 0) this.firstTrades[position] = trade;
    else this.nexts[this.lastTrades[position]!] = trade;
    this.lastTrades[position] = trade;
    this.tradeCounts[position]!++;
  }

  clear(): void {
    for (const slot of this.slots) this.positions[slot] = 0;
    for (const list of [this.slots, this.masks, this.tradeCounts, this.firstTrades, this.lastTrades])
      list.length = 0;
    for (const list of [this.prices, this.sizes, this.timesUs, this.nexts]) list.length = 0;
    this.ids.length = 0;
    this.conditions.length = 0;
  }
}

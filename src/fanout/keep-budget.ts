/**
 * Bytes that several keepers hold for a failover, bounded over all of them: what is oldest goes first, whoever holds
 * it. So a burst in one partition, long past, does not take from a quiet one what was acknowledged a moment ago.
 */
export interface Keeper {
  /** Monotonic; when its oldest was stored. Undefined when it holds nothing. */
  readonly oldestMs: number | undefined;
  /** Lets go of its oldest, and takes that off the budget. */
  dropOldest(): void;
}

export class KeepBudget {
  private bytesKept = 0;
  private readonly keepers = new Set<Keeper>();

  /**
   * @param bytesMax over all keepers
   * @param cut is told of each that went for want of bytes before it was old enough
   */
  constructor(
    private readonly bytesMax: number,
    private readonly cut: () => void = () => undefined,
  ) {}

  get bytes(): number {
    return this.bytesKept;
  }

  add(keeper: Keeper, bytes: number): void {
    this.bytesKept += bytes;
    this.keepers.add(keeper);
  }

  remove(keeper: Keeper, bytes: number): void {
    this.bytesKept -= bytes;
    if (keeper.oldestMs === undefined) this.keepers.delete(keeper);
  }

  /** Makes it fit again. @param ageMsMax what is older is missed by nobody */
  fit(nowMs: number, ageMsMax: number): void {
    while (this.bytesKept > this.bytesMax) {
      const keeper = this.holderOfOldest();
      if (keeper?.oldestMs === undefined) return;
      if (nowMs - keeper.oldestMs <= ageMsMax) this.cut();
      keeper.dropOldest();
    }
  }

  /** There are as many keepers as partitions, a few dozen. */
  private holderOfOldest(): Keeper | undefined {
    let holder: Keeper | undefined;
    let holderMs = Number.POSITIVE_INFINITY;
    for (const keeper of this.keepers) {
      const { oldestMs = Number.POSITIVE_INFINITY } = keeper;
      if (oldestMs >= holderMs) continue;
      holder = keeper;
      holderMs = oldestMs;
    }
    return holder;
  }
}

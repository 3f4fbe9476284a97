/** What the fan-out counts. Plain numbers: a tick pays for an increment, and a scrape reads them. */

/** Further names of lines are counted together: their number has no bound. */
const LINE_NAMES_MAX = 16;

export class OwnerCounters {
  quotes = 0;
  trades = 0;
  /** Ticks of groups that were applied before: resends. */
  repeatedTicks = 0;
  /** Ticks whose number the line, or its other half, had brought before. */
  duplicateTicks = 0;
  /** Quotes whose number was new but lower: dropped, a newer one is shown. */
  lateQuotes = 0;
  /** Trades whose number was new but lower: published, `last` stays. */
  lateTrades = 0;
  /** Ticks of sids that the registry does not know, also after it was reconciled: not applied. */
  unknownTicks = 0;
  /** Log entries that could not be read: not applied. */
  undecodableEntries = 0;

  batches = 0;
  batchBytes = 0;
  checkpoints = 0;
  checkpointBytes = 0;
  /** Symbols in batches. */
  updates = 0;
  /** Batches sent again from the ring after the store had lost them. */
  refilled = 0;
  /** Turns that began later than a whole interval after their time. */
  lateTurns = 0;

  /** Batches that left a ring before their age, for want of bytes: a failover may lose them. */
  ringBatchesCut = 0;

  /** Trades that no tape has any more: Redis lost its tail, and the ring did not reach back so far. */
  excludedTrades = 0;
  readonly epochs = { first: 0, run_changed: 0, state_lost: 0, gap: 0, meta_lost: 0, refused: 0 };
  readonly answers = {
    ...{ stored: 0, repeated: 0, fenced: 0, old_epoch: 0, gap: 0, meta_lost: 0, run: 0, refused: 0 },
    unavailable: 0,
  };

  /** Line windows given up because their symbol had more line names than are kept. */
  linesReplaced = 0;

  /** Checkpoints and tapes that could not be read when a partition was acquired. */
  unreadableStates = 0;
  /** Monotonic ms of the last time, by partition. */
  private readonly unreadableMs = new Map<number, number>();

  private readonly gaps = new Map<string, number>();

  /** Numbers of this line that never came. */
  gap(line: string): void {
    const name = this.gaps.has(line) || this.gaps.size < LINE_NAMES_MAX ? line : 'others';
    this.gaps.set(name, (this.gaps.get(name) ?? 0) + 1);
  }

  unreadableState(partition: number, nowMs: number): void {
    this.unreadableStates++;
    this.unreadableMs.set(partition, nowMs);
  }

  /** Partitions whose stored state could not be read since `sinceMs` (monotonic). */
  unreadableSince(sinceMs: number): readonly number[] {
    return [...this.unreadableMs].filter(([, ms]) => ms >= sinceMs).map(([partition]) => partition);
  }

  lineReplaced(): void {
    this.linesReplaced++;
  }

  get gapsByLine(): ReadonlyMap<string, number> {
    return this.gaps;
  }
}

export type EpochReason = keyof OwnerCounters['epochs'];

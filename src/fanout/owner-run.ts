/** The owner of this process at work: looks for partitions, takes turns, and stops without losing anything. */
import type { OwnerCounters } from './fanout-counters.js';
import type { Owner } from './owner.js';
import type { Ownership } from './ownership.js';
import type { TurnTimer } from './turn-timer.js';

/** How long an operator is told of a partition whose stored state could not be read. */
const UNREADABLE_SHOWN_MS = 10 * 60_000;

export class OwnerRun {
  constructor(
    readonly owner: Owner,
    readonly ownership: Ownership,
    readonly turnTimer: TurnTimer,
    readonly counters: OwnerCounters,
  ) {}

  start(): void {
    this.ownership.start();
    this.turnTimer.start();
  }

  /** Takes a last turn, stores the checkpoints, gives all partitions back. */
  async stop(): Promise<void> {
    await this.ownership.stop();
    await this.ownership.leave();
    this.turnTimer.stop();
    await this.owner.stop();
  }

  /** Null when all is well; else what operators should look at although this node serves. @param nowMs monotonic */
  degraded(nowMs: number): string | null {
    const unreadable = this.counters.unreadableSince(nowMs - UNREADABLE_SHOWN_MS);
    return unreadable.length === 0
      ? null
      : `stored state of partition ${unreadable.join(', ')} could not be read: its images began anew`;
  }

  /** Null when this node takes part in the sharing of partitions; else why not yet. */
  unready(): string | null {
    return this.ownership.liveNodes.length > 0 ? null : 'not among the fan-out nodes yet';
  }
}

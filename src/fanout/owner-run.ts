/** The owner of this process at work: looks for partitions, takes turns, and stops without losing anything. */
import type { Owner } from './owner.js';
import type { Ownership } from './ownership.js';
import type { TurnTimer } from './turn-timer.js';

export class OwnerRun {
  constructor(
    readonly owner: Owner,
    readonly ownership: Ownership,
    readonly turnTimer: TurnTimer,
  ) {}

  start(): void {
    this.ownership.start();
    this.turnTimer.start();
  }

  /** Takes a last turn, stores the checkpoints, gives all partitions back. */
  async stop(): Promise<void> {
    await this.ownership.stop();
    this.turnTimer.stop();
    await this.owner.stop();
    await this.ownership.leave();
  }
}

/**
 * One feed session of an adapter at the door: one batch at a time, +1 per batch, and a busy batch is offered again
 * until it is stored, with nothing later before it. The adapter waits meanwhile, so memory stays at one batch.
 */
import type { RejectReason } from '#market-data';
import type { BatchDoor, FeedBatch, StoredAnswer } from '../batch-door.js';
import type { Pauses } from './pauses.js';

export class DoorSession {
  /** Ticks that were stored. */
  accepted = 0;
  /** Ticks that were not, by reason. */
  readonly rejected = new Map<RejectReason, number>();
  /** How often the door said busy. */
  busy = 0;
  private sequence = 0;

  /**
   * @param session new at every start of the process, so that a restart that counts from 1 is not taken for a repeat
   * @param signal ends the waiting; a batch that is busy then is given up
   */
  constructor(
    private readonly door: BatchDoor,
    private readonly pauses: Pauses,
    private readonly source: string,
    private readonly session: string,
    private readonly signal: AbortSignal,
  ) {}

  /** @returns the answer once the batch is stored; undefined when the adapter was stopped before that */
  async push(ticks: readonly unknown[]): Promise<StoredAnswer | undefined> {
    if (this.signal.aborted) return undefined;
    this.sequence++;
    const batch: FeedBatch = {
      source: this.source,
      session: this.session,
      sequence: this.sequence,
      ticks,
    };
    for (;;) {
      const answer = await this.door.accept(batch);
      if (answer.outcome === 'stored') {
        this.count(answer);
        return answer;
      }
      this.busy++;
      await this.pauses.pause(Math.max(1, answer.retryAfterMs), this.signal);
      if (this.signal.aborted) return undefined;
    }
  }

  get rejectedTotal(): number {
    let total = 0;
    for (const count of this.rejected.values()) total += count;
    return total;
  }

  private count(answer: StoredAnswer): void {
    this.accepted += answer.accepted;
    for (const { reason } of answer.rejected) {
      this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1);
    }
  }
}

/** A session name that no earlier start had: time in base 36, then eight random hex digits. */
export function newSession(nowUs: number, random: () => number): string {
  const suffix = Math.floor(random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0');
  return `${nowUs.toString(36)}-${suffix}`;
}

/**
 * When turns begin: at multiples of the interval, so that the owners of a cluster publish in step. Only the phase comes
 * from wall time, never the order of anything. While the log holds more than a turn could take, turns follow at once.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Clock } from '../clock.js';
import type { OwnerCounters } from './fanout-counters.js';
import type { Timers } from './live-timers.js';
import type { Owner } from './owner.js';

/** Interval 0: the shortest turn. */
const TURN_MS_MIN = 5;
/** A heartbeat is looked for this often in its time. */
const LOOKS_PER_HEARTBEAT = 5;

export class TurnTimer {
  /** Duration of turns in ns: from the first read to the commits on their way. */
  readonly durations: RecordableHistogram = createHistogram();
  private cancelTurn: () => void = () => undefined;
  private cancelBeat: () => void = () => undefined;
  private stopped = false;
  private plannedMs = 0;

  constructor(
    private readonly owner: Owner,
    private readonly intervalMs: number,
    private readonly heartbeatMs: number,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly counters: OwnerCounters,
  ) {}

  start(): void {
    this.planBeat();
    this.planTurn();
  }

  stop(): void {
    this.stopped = true;
    this.cancelTurn();
    this.cancelBeat();
  }

  /** A turn says what is due itself: only where none has begun for so long the process is woken for it. */
  private planBeat(): void {
    if (this.stopped) return;
    this.cancelBeat();
    this.cancelBeat = this.timers.after(this.heartbeatMs / LOOKS_PER_HEARTBEAT, () => {
      this.owner.beat();
      this.planBeat();
    });
  }

  private planTurn(isAtOnce = false): void {
    if (this.stopped) return;
    if (isAtOnce) this.plannedMs = this.clock.nowUs() / 1000;
    this.cancelTurn = this.timers.after(isAtOnce ? 0 : this.waitMs(), () => this.takeTurn());
  }

  private waitMs(): number {
    const { intervalMs } = this;
    const nowMs = this.clock.nowUs() / 1000;
    if (intervalMs === 0) return Math.max(0, this.plannedMs - nowMs);
    // A timer may fire a moment early: the same multiple must not come twice.
    const next = (Math.floor(nowMs / intervalMs) + 1) * intervalMs;
    if (next === this.plannedMs) this.plannedMs += intervalMs;
    else this.plannedMs = next;
    return this.plannedMs - nowMs;
  }

  private async takeTurn(): Promise<void> {
    const beganMs = this.clock.monotonicMs();
    this.planBeat();
    if (this.intervalMs === 0) this.plannedMs = this.clock.nowUs() / 1000 + TURN_MS_MIN;
    else if (this.clock.nowUs() / 1000 - this.plannedMs > this.intervalMs) this.counters.lateTurns++;
    const hasMore = await this.owner.turn();
    this.durations.record(Math.max(1, Math.round((this.clock.monotonicMs() - beganMs) * 1e6)));
    if (this.intervalMs === 0 || hasMore) await this.answeredOrLate();
    this.planTurn(hasMore);
  }

  /** A commit that is not answered holds up the other partitions for one turn, and for one heartbeat at most. */
  private async answeredOrLate(): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.timers.after(this.heartbeatMs, resolve);
    });
    await Promise.race([this.owner.answered(), late]);
    cancel();
  }
}

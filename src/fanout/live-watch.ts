/**
 * Says when a partition has gone silent and when it is heard again. Silence is measured on the monotonic clock: no
 * batch or heartbeat whose number is reached, for three heartbeats. A timer that fires much too late is this process's
 * own fault: then nothing that it shows can be trusted until each partition was heard again.
 */
import type { Clock } from '../clock.js';
import type { ImageSink, StaleReason } from './image-sink.js';
import type { FollowerCounters } from './live-counters.js';
import type { Timers } from './live-timers.js';

/** How many heartbeats may be missed. */
const HEARTBEATS_MISSED_MAX = 3;
/** Silence is looked for this often per heartbeat. */
const CHECKS_PER_HEARTBEAT = 4;
/** For how long a process that was stuck should not be sent new clients. */
const STUCK_REST_MS = 5_000;

type Hearing = 'unknown' | 'heard' | 'silent';

export class LiveWatch {
  private readonly silentMs: number;
  private readonly periodMs: number;
  private readonly heardMs: Float64Array;
  private readonly hearings: Hearing[];
  private readonly ever = new Set<number>();
  private connected = false;
  private dueMs = 0;
  private stuckMs = Number.NEGATIVE_INFINITY;
  private cancel: () => void = () => undefined;

  constructor(
    partitions: number,
    heartbeatMs: number,
    private readonly sink: ImageSink,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly counters: FollowerCounters,
  ) {
    this.silentMs = heartbeatMs * HEARTBEATS_MISSED_MAX;
    this.periodMs = heartbeatMs / CHECKS_PER_HEARTBEAT;
    this.heardMs = new Float64Array(partitions);
    this.hearings = Array.from({ length: partitions }, () => 'unknown');
  }

  /** Every partition counts as heard now, without being called so. */
  start(): void {
    this.heardMs.fill(this.clock.monotonicMs());
    this.arm();
  }

  stop(): void {
    this.cancel();
    this.cancel = () => undefined;
  }

  /** Whether the subscription stands: it names the reason of a silence. */
  set subscribed(subscribed: boolean) {
    this.connected = subscribed;
  }

  /** How many partitions were heard at least once. */
  get everHeard(): number {
    return this.ever.size;
  }

  /** Whether the event loop was found stuck a few seconds ago. */
  get stuckLately(): boolean {
    return this.clock.monotonicMs() - this.stuckMs < STUCK_REST_MS;
  }

  /** The number that a batch or heartbeat of `atMs` (monotonic) said is reached. */
  reached(partition: number, atMs: number): void {
    if (atMs > this.heardMs[partition]!) this.heardMs[partition] = atMs;
    if (this.hearings[partition] === 'heard') return;
    // Reached too late: that is no news.
    if (this.clock.monotonicMs() - atMs > this.silentMs) return;
    this.hearings[partition] = 'heard';
    this.ever.add(partition);
    this.sink.heard(partition);
  }

  private arm(): void {
    this.dueMs = this.clock.monotonicMs() + this.periodMs;
    this.cancel = this.timers.after(this.periodMs, () => {
      this.check();
      this.arm();
    });
  }

  private check(): void {
    const now = this.clock.monotonicMs();
    if (now - this.dueMs > this.silentMs) {
      this.stuckMs = now;
      this.counters.stuck++;
      this.silenceAll('gateway_stuck', now);
      return;
    }
    const reason = this.connected ? 'partition_silent' : 'redis_lost';
    for (let partition = 0; partition < this.hearings.length; partition++) {
      if (now - this.heardMs[partition]! >= this.silentMs) this.silence(partition, reason, now);
    }
  }

  private silenceAll(reason: StaleReason, now: number): void {
    for (let partition = 0; partition < this.hearings.length; partition++)
      this.silence(partition, reason, now);
  }

  private silence(partition: number, reason: StaleReason, now: number): void {
    if (this.hearings[partition] === 'silent') return;
    this.hearings[partition] = 'silent';
    this.counters.silences++;
    const silentUs = Math.round((now - this.heardMs[partition]!) * 1000);
    this.sink.silent(partition, this.clock.nowUs() - silentUs, reason);
  }
}

/** What an owner works with, the same for all its partitions. */
import type { Clock } from '../clock.js';
import type { Log } from '../ops/log.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { RingBudget } from './batch-ring.js';
import type { OwnerCounters } from './fanout-counters.js';
import type { LiveLog } from './live-log.js';
import type { Timers } from './live-timers.js';
import type { PartitionStore } from './partition-store.js';
import type { TapeLimits } from './tape-index.js';

export interface OwnerSettings {
  /** The tick interval; 0 = a turn starts when the last commits are answered. */
  readonly intervalMs: number;
  /** An idle partition says its position, and renews its lease, this often. */
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** Every so many batches a commit carries all images. */
  readonly checkpointBatches: number;
  readonly ringMs: number;
  readonly tape: TapeLimits;
  readonly dayRoll: boolean;
}

export interface OwnerWorld {
  readonly store: PartitionStore;
  readonly registry: SymbolRegistry;
  readonly settings: OwnerSettings;
  readonly ringBudget: RingBudget;
  readonly counters: OwnerCounters;
  readonly clock: Clock;
  readonly timers: Timers;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** A name that nobody else makes. */
  readonly token: () => string;
  readonly log: Log;
  /** For faults that repeat with every turn. */
  readonly rareLog: LiveLog;
}

/** An epoch above `above` that no other owner takes at the same time. @param nowUs wall time */
export function nextEpoch(above: number, nowUs: number, random: () => number): number {
  return Math.max(above + 1, Math.floor(nowUs / 1000) * 1000 + Math.floor(random() * 1000));
}

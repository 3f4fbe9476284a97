/** Owners and writers as a process makes them, with the settings of a spec. */
import { type Tick, type TickGroup, TRADE } from '#market-data';
import type { Clock } from '../clock.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { type BatchVisitor, decodeBatch } from './batch.js';
import { RingBudget } from './batch-ring.js';
import { OwnerCounters } from './fanout-counters.js';
import { LiveLog } from './live-log.js';
import type { Timers } from './live-timers.js';
import { Owner } from './owner.js';
import type { OwnerSettings, OwnerWorld } from './owner-world.js';
import type { PartitionStore } from './partition-store.js';
import { type LogWriterSettings, PartitionedLogWriter } from './partitioned-log-writer.js';
import { quietLog } from './store-forms.fixture.js';
import type { TapeEntry } from './tape.js';
import type { TickLog } from './tick-log.js';

const MIB = 1_048_576;

export const OWNER_SETTINGS: OwnerSettings = {
  ...{ intervalMs: 50, heartbeatMs: 500, leaseMs: 3_000, checkpointBatches: 5, ringMs: 10_000 },
  ...{ tape: { ageMsMax: 60_000_000, bytesMax: 64 * MIB }, dayRoll: false },
};

export interface Surroundings {
  readonly registry: SymbolRegistry;
  readonly clock: Clock;
  readonly timers: Timers;
}

let tokens = 0;

export function makeOwner(
  store: PartitionStore,
  { registry, clock, timers }: Surroundings,
  more: Partial<OwnerSettings> = {},
): { owner: Owner; counters: OwnerCounters; world: OwnerWorld } {
  const counters = new OwnerCounters();
  const settings = { ...OWNER_SETTINGS, ...more };
  const world: OwnerWorld = {
    ...{ store, registry, settings, ringBudget: new RingBudget(64 * MIB), counters, clock, timers },
    ...{ random: () => 0.5, token: () => `token-${++tokens}` },
    ...{ log: quietLog, rareLog: new LiveLog(quietLog, clock) },
  };
  return { owner: new Owner(world), counters, world };
}

export function makeWriter(
  log: TickLog,
  { registry, clock, timers }: Surroundings,
  more: Partial<LogWriterSettings> = {},
): PartitionedLogWriter {
  const settings: LogWriterSettings = {
    ...{ partitions: 2, gatherMs: 5, entryBytesMax: 64 * 1024, queueBytesMax: 32 * MIB },
    ...{ tailMs: 10_000, tailBytesMax: 64 * MIB },
    ...more,
  };
  return new PartitionedLogWriter(log, registry, settings, clock, timers, new LiveLog(quietLog, clock));
}

/** A trade that is known by its id. */
export function tradeOf(sid: number, id: string, more: Partial<Tick & { kind: typeof TRADE }> = {}): Tick {
  return {
    ...{ kind: TRADE, sid, price: 100, size: 1, tradeId: id, conditions: null },
    ...{ exchangeTimeUs: null, receiveTimeUs: 1_700_000_000_000_000, line: null, sequence: null },
    ...more,
  };
}

export function groupOf(source: string, session: string, sequence: number, ...ticks: Tick[]): TickGroup {
  return { source, session, sequence, part: 0, ticks };
}

/** Ids of the trades on a tape, in order. */
export function tradeIdsOn(entries: readonly TapeEntry[]): string[] {
  const ids: string[] = [];
  const visitor: BatchVisitor = {
    beginBatch: () => undefined,
    update: () => undefined,
    trade: (_sid, _seq, _timeUs, _price, _size, id) => ids.push(id ?? ''),
    endBatch: () => undefined,
  };
  for (const { bytes } of entries) decodeBatch(bytes, visitor);
  return ids;
}

/** What the fan-out of one process consists of, by its roles. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import { type Config, ConfigError } from '../config.js';
import type { Log } from '../ops/log.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { RingBudget } from './batch-ring.js';
import { OwnerCounters } from './fanout-counters.js';
import { followerLimits, LiveFollower } from './follower.js';
import { LiveLog } from './live-log.js';
import { systemTimers } from './live-timers.js';
import { Names } from './names.js';
import { Owner } from './owner.js';
import { OwnerRun } from './owner-run.js';
import type { OwnerWorld } from './owner-world.js';
import { Ownership } from './ownership.js';
import { PartitionedLogWriter } from './partitioned-log-writer.js';
import { ReconciledTape } from './reconciled-tape.js';
import { PemFault, topologyOf } from './redis-config.js';
import { RedisConnections } from './redis-connections.js';
import { fixLayout, LayoutGuard } from './redis-layout.js';
import type { RedisTopology } from './redis-topology.js';
import { type Stores, storesOf } from './stores.js';
import { TurnTimer } from './turn-timer.js';

/** Nest token of the FanoutParts. */
export const FANOUT_PARTS = Symbol('FANOUT_PARTS');

export interface FanoutParts {
  /** Null when embedded. */
  readonly layout: LayoutGuard | null;
  /** Role feed. */
  readonly writer: PartitionedLogWriter | null;
  /** Role fanout. */
  readonly owner: OwnerRun | null;
  /** Role gateway. */
  readonly follower: LiveFollower | null;
}

/**
 * Connects, and fixes or checks the layout of the store, before anything is built on it.
 * @returns null when embedded
 * @throws StoreUnavailable when Redis does not answer within 10 s; LayoutMismatch; ConfigError for a file of TLS
 */
export async function connectStore(config: Config, clock: Clock, log: Log): Promise<RedisConnections | null> {
  const topology = topologyFrom(config);
  if (topology === null) return null;
  const connections = new RedisConnections({ topology, log, clock });
  const redis = connections.command('start');
  try {
    await connections.whenReady(redis);
    await fixLayout(redis, new Names(config.redisPrefix), config.partitions);
    redis.close();
    return connections;
  } catch (error) {
    await connections.close();
    throw error;
  }
}

/** A file that a setting names is one of the settings. */
function topologyFrom(config: Config): RedisTopology | null {
  try {
    return topologyOf(config);
  } catch (error) {
    throw error instanceof PemFault ? new ConfigError([error.message]) : error;
  }
}

export function fanoutParts(
  config: Config,
  connections: RedisConnections | null,
  registry: SymbolRegistry,
  clock: Clock,
  log: Log,
): FanoutParts {
  const stores = storesOf(config, connections, clock);
  const has = (role: Config['roles'][number]) => config.roles.includes(role);
  return {
    layout: connections === null ? null : guardLayout(config, connections, log),
    writer: has('feed') ? makeWriter(config, stores, registry, clock, log) : null,
    owner: has('fanout') ? makeOwner(config, stores, registry, clock, log) : null,
    follower: has('gateway') ? makeFollower(config, stores, registry, clock, log) : null,
  };
}

/** A store with another layout is left alone: without connections nothing is written, and `/ready` says why. */
function guardLayout(config: Config, connections: RedisConnections, log: Log): LayoutGuard {
  return new LayoutGuard(
    connections.command('layout'),
    new Names(config.redisPrefix),
    config.partitions,
    systemTimers,
    log,
    () => void connections.close(),
  );
}

function makeWriter(
  config: Config,
  stores: Stores,
  registry: SymbolRegistry,
  clock: Clock,
  log: Log,
): PartitionedLogWriter {
  const settings = {
    partitions: config.partitions,
    gatherMs: config.logGatherMs,
    entryBytesMax: config.logEntryBytesMax,
    queueBytesMax: config.logQueueBytesMax,
    tailMs: config.logTailMs,
    tailBytesMax: config.logTailBytesMax,
  };
  const rareLog = new LiveLog(log, clock);
  return new PartitionedLogWriter(stores.forFeed(), registry, settings, clock, systemTimers, rareLog);
}

/** Operators expect a symbol to be silent within a second: no longer may what was held up be shown as it comes. */
const HEARTBEATS_MISSED = 2;

function makeFollower(
  config: Config,
  stores: Stores,
  registry: SymbolRegistry,
  clock: Clock,
  log: Log,
): LiveFollower {
  const silentMs = config.heartbeatMs * HEARTBEATS_MISSED;
  const rareLog = new LiveLog(log, clock);
  const tape = new ReconciledTape(stores.forGateway(), registry, silentMs, clock, systemTimers, rareLog);
  return new LiveFollower(tape, followerLimits(config), clock, systemTimers, Math.random, log);
}

function makeOwner(
  config: Config,
  stores: Stores,
  registry: SymbolRegistry,
  clock: Clock,
  log: Log,
): OwnerRun {
  const { partitions: store, register } = stores.forOwner();
  const rareLog = new LiveLog(log, clock);
  const counters = new OwnerCounters();
  const world: OwnerWorld = {
    ...{ store, registry, counters, clock, timers: systemTimers, log, rareLog },
    settings: {
      intervalMs: config.coalesceIntervalMs,
      heartbeatMs: config.heartbeatMs,
      leaseMs: config.leaseMs,
      checkpointBatches: config.checkpointBatches,
      ringMs: config.ringMs,
      tape: { ageMsMax: config.tapeSeconds * 1000, bytesMax: config.tapeBytesMax },
      dayRoll: config.dayRoll === 'utc',
    },
    ringBudget: new RingBudget(config.ringBytesMax, () => {
      counters.ringBatchesCut++;
    }),
    random: Math.random,
    token: () => randomBytes(12).toString('hex'),
  };
  const owner = new Owner(world);
  const { node, partitions, leaseMs, coalesceIntervalMs, heartbeatMs } = config;
  const ownership = new Ownership(
    owner,
    register,
    { node, partitions, leaseMs },
    clock,
    systemTimers,
    log,
    rareLog,
  );
  const timer = new TurnTimer(owner, coalesceIntervalMs, heartbeatMs, clock, systemTimers, counters);
  return new OwnerRun(owner, ownership, timer, counters);
}

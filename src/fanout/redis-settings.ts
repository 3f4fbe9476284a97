/**
 * The settings of every connection. The library's defaults hang on a frozen server, reorder, run commands twice after a
 * lost reply and deliver stale prices from an unbounded queue (all measured); under these none of that was seen.
 */
import type { RedisOptions } from 'ioredis';
import type { RedisAccess, RedisAddress, RedisTls, RedisTopology } from './redis-topology.js';

const EVERY_CONNECTION: RedisOptions = {
  connectTimeout: 500,
  // A server that stands still does not close its side.
  disconnectTimeout: 500,
  keepAlive: 5_000,
  // It can end a client for good when a failover arrives while the client connects.
  failoverDetector: false,
  // Nothing waits in a queue, and nothing runs a second time by itself.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

/** A command is answered, or fails soon. */
export const COMMANDS: RedisOptions = {
  ...EVERY_CONNECTION,
  commandTimeout: 400,
  // A demoted server keeps its connections, though the address leads to another by now: connect anew. The command
  // fails; 2 would have it run again by itself.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
};

/** Whoever subscribes does so again after each reconnect: the answer is the proof. */
export const SUBSCRIPTIONS: RedisOptions = { ...EVERY_CONNECTION, autoResubscribe: false };

/** Quick and jittered: a publisher that is back before its subscribers publishes to nobody. */
export function retryStrategy(random: () => number): (attempt: number) => number {
  return (attempt) => Math.min(25 * attempt, 250) + Math.floor(random() * 50);
}

/** @param node of a cluster; the other kinds know by themselves where to go */
export function addressOptions(topology: RedisTopology, node: RedisAddress | undefined): RedisOptions {
  switch (topology.kind) {
    case 'standalone':
      return { ...topology.address, ...accessOptions(topology.access), db: topology.database };
    case 'sentinel':
      return {
        ...accessOptions(topology.access),
        ...sentinelOptions(topology.sentinelAccess),
        sentinels: [...topology.sentinels],
        name: topology.name,
        role: 'master',
        db: topology.database,
        enableTLSForSentinelMode: topology.access.tls !== null,
      };
    case 'cluster':
      return { ...node, ...accessOptions(topology.access) };
  }
}

/** A sentinel itself: it has nothing to load, and its users need not be allowed INFO. */
export function sentinelAddressOptions(sentinel: RedisAddress, access: RedisAccess): RedisOptions {
  return { ...sentinel, ...accessOptions(access), enableReadyCheck: false };
}

function accessOptions({ username, password, tls }: RedisAccess): RedisOptions {
  return {
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls === null ? {} : { tls: tlsOptions(tls) }),
  };
}

function sentinelOptions({ username, password, tls }: RedisAccess): RedisOptions {
  return {
    sentinelRetryStrategy: (attempt) => Math.min(50 * attempt, 250),
    // One that stands still takes connections and says nothing: ask the next.
    sentinelCommandTimeout: 400,
    ...(username === null ? {} : { sentinelUsername: username }),
    ...(password === null ? {} : { sentinelPassword: password }),
    ...(tls === null ? {} : { sentinelTLS: tlsOptions(tls) }),
  };
}

function tlsOptions({ serverName, ...pems }: RedisTls): NonNullable<RedisOptions['tls']> {
  return { ...pems, ...(serverName === undefined ? {} : { servername: serverName }) };
}

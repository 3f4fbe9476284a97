/** The store of an installation under test, whichever topology: what processes need to find it, and how the tap reads it. */
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../support/redis-server.js';
import type { FaultLink, FaultProxy } from './fault-proxy.js';
import type { Store } from './tape-tap.js';

/** The tap's own connections: an error is an answer like others, and nothing is queued. */
export const TAP_OPTIONS = {
  enableOfflineQueue: true,
  maxRetriesPerRequest: 1,
  commandTimeout: 2_000,
  connectTimeout: 1_000,
};

export interface Topology {
  /** Settings of one process. @param link its own wire to the store, where the topology has one */
  env(link: FaultLink | null): Readonly<Record<string, string>>;
  /** A new wire for one process; null where processes find servers by themselves. */
  link(proxy: FaultProxy): Promise<FaultLink | null>;
  /** To where the tapes are now. */
  connect(): Promise<Store>;
  /** For the live channel; null where the tap reads the tapes alone. */
  subscriber(): Redis | null;
  stop(): Promise<void>;
}

export interface Standalone extends Topology {
  readonly redis: RedisServer;
}

export async function standalone(): Promise<Standalone> {
  const redis = await startRedis();
  return {
    redis,
    env: (link) => ({ REDIS_URL: link === null ? redis.url : `redis://127.0.0.1:${link.port}` }),
    link: (proxy) => proxy.link(redis.port),
    connect: () => Promise.resolve(quiet(new Redis(redis.url, TAP_OPTIONS))),
    subscriber: () => quiet(new Redis(redis.url, { maxRetriesPerRequest: null })),
    stop: () => redis.stop(),
  };
}

/** Failures show in the commands. */
export function quiet<T extends Store>(store: T): T {
  store.on('error', () => undefined);
  return store;
}

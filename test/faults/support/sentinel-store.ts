/** A master and its replicas under sentinels, for a rig. */
import { Redis } from 'ioredis';
import type { RedisSentinel } from '../../support/redis-sentinel.js';
import { quiet, TAP_OPTIONS, type Topology } from './store.js';

export function underSentinel(sentinel: RedisSentinel): Topology {
  return {
    env: () => sentinel.env,
    link: () => Promise.resolve(null),
    connect: async () => quiet(new Redis((await sentinel.master()).port, '127.0.0.1', TAP_OPTIONS)),
    subscriber: () => null,
    stop: () => sentinel.stop(),
  };
}

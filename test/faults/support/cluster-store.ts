/** A cluster, for a rig. */
import { Cluster } from 'ioredis';
import type { RedisCluster } from '../../support/redis-cluster.js';
import { quiet, TAP_OPTIONS, type Topology } from './store.js';

export function inCluster(cluster: RedisCluster): Topology {
  const startNodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  return {
    env: () => cluster.env,
    link: () => Promise.resolve(null),
    connect: () =>
      Promise.resolve(
        quiet(
          new Cluster(startNodes, {
            slotsRefreshInterval: 1_000,
            clusterRetryStrategy: () => 200,
            redisOptions: TAP_OPTIONS,
          }),
        ),
      ),
    subscriber: () => null,
    stop: () => cluster.stop(),
  };
}

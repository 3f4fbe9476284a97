/**
 * A master, two replicas and three sentinels on loopback, with the settings of docs/operations.md, sped up: a master
 * that says nothing for a second is down, and a failed election is repeated after `failover-timeout` 3 s.
 */
import {
  accessArgs,
  feedsItsReplicas,
  type RedisNode,
  startRedisNode,
  tlsSettings,
  untilHolds,
} from './redis-node.js';
import type { TlsFiles } from './tls-files.js';

export interface RedisSentinel {
  /** REDIS_SENTINELS, REDIS_SENTINEL_NAME and passwords, for a Tickcast process. */
  readonly env: Readonly<Record<string, string>>;
  readonly name: string;
  /** `host:port` of each sentinel. */
  readonly addresses: readonly string[];
  /** The three servers; which one is master changes. */
  readonly nodes: readonly RedisNode[];
  readonly sentinels: readonly RedisNode[];
  /** The server that the sentinels call master now. */
  master(): Promise<RedisNode>;
  /** Resolves when the sentinels call another one master than `former`, and it is one. */
  failedOver(former: RedisNode): Promise<RedisNode>;
  /** Resolves when every running server is in step with the master, and the sentinels know each other and all of them. */
  settled(): Promise<void>;
  /** Ends everything. May be called twice. */
  stop(): Promise<void>;
}

export interface RedisSentinelOptions {
  /** Password of the servers, and another one for the sentinels. */
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** TLS everywhere. */
  readonly tls?: TlsFiles;
  /** Lines of redis.conf, e.g. `min-replicas-to-write 1`. */
  readonly settings?: readonly string[];
}

const NAME = 'tickcast';

export async function startRedisSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
  const { password, sentinelPassword, tls, settings = [] } = options;
  const nodes: RedisNode[] = [];
  const sentinels: RedisNode[] = [];
  const stop = async () => {
    await Promise.all(sentinels.map((node) => node.stop()));
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    nodes.push(await startServer(undefined));
    const { port: masterPort } = nodes[0]!;
    nodes.push(...(await Promise.all([1, 2].map(() => startServer(masterPort)))));
    // Sentinels that start before the replicas are in step may never learn of them in time.
    await Promise.all(nodes.slice(1).map(inStep));
    sentinels.push(...(await Promise.all([1, 2, 3].map(() => startSentinel(masterPort)))));
    await settled();
  } catch (error) {
    await stop();
    throw error;
  }

  async function startServer(masterPort: number | undefined): Promise<RedisNode> {
    return startRedisNode({
      cliArgs: accessArgs(password, tls),
      settings: (port) => [
        ...[...tlsSettings(port, tls), 'save ""', 'appendonly no', 'repl-diskless-sync-delay 0'],
        ...['repl-ping-replica-period 1', 'repl-timeout 5'],
        ...(masterPort === undefined ? [] : [`replicaof 127.0.0.1 ${masterPort}`]),
        ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
        ...settings,
      ],
    });
  }

  async function startSentinel(masterPort: number): Promise<RedisNode> {
    return startRedisNode({
      program: 'redis-sentinel',
      cliArgs: accessArgs(sentinelPassword, tls),
      settings: (port) => [
        ...tlsSettings(port, tls),
        `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
        `sentinel down-after-milliseconds ${NAME} 1000`,
        `sentinel failover-timeout ${NAME} 3000`,
        `sentinel parallel-syncs ${NAME} 2`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
        ...(sentinelPassword === undefined
          ? []
          : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
      ],
    });
  }

  async function master(): Promise<RedisNode> {
    for (const sentinel of sentinels) {
      if (!sentinel.answers) continue;
      const said = await sentinel.cli('sentinel', 'get-master-addr-by-name', NAME);
      const found = nodes.find((node) => node.port === Number(said.split('\n')[1]));
      if (found !== undefined) return found;
    }
    throw new Error('Expected a sentinel to know the master, none did');
  }

  async function failedOver(former: RedisNode): Promise<RedisNode> {
    await untilHolds(`another master than port ${former.port}`, async () => {
      const now = await master();
      return now !== former && (await now.cli('role')).startsWith('master');
    });
    return master();
  }

  async function settled(): Promise<void> {
    await untilHolds('sentinels and servers in step', async () => {
      const now = await master();
      if (!(await now.cli('role')).startsWith('master')) return false;
      const replicas = nodes.filter((node) => node !== now && node.answers);
      for (const replica of replicas) if (!(await isInStep(replica, now.port))) return false;
      if (!(await feedsItsReplicas(now))) return false;
      for (const sentinel of sentinels.filter((node) => node.answers)) {
        if (!(await knowsAll(sentinel, now, replicas.length))) return false;
      }
      return true;
    });
  }

  async function knowsAll(sentinel: RedisNode, now: RedisNode, replicas: number): Promise<boolean> {
    const known = fieldsOf(await sentinel.cli('sentinel', 'master', NAME));
    if (Number(known.get('port')) !== now.port || known.get('flags') !== 'master') return false;
    if (Number(known.get('num-other-sentinels')) !== sentinels.length - 1) return false;
    const said = (await sentinel.cli('sentinel', 'replicas', NAME)).split('\n');
    const count = (field: string) =>
      said.filter((value, i) => said[i - 1] === field && value === 'slave').length;
    // Each sentinel by itself turns a former master into a replica, also when it is master again by the time.
    return count('flags') >= replicas && count('role-reported') >= replicas;
  }

  const addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  return {
    env: Object.freeze({
      REDIS_SENTINELS: addresses.join(','),
      REDIS_SENTINEL_NAME: NAME,
      ...(password === undefined ? {} : { REDIS_PASSWORD: password }),
      ...(tls === undefined ? {} : { REDIS_TLS: 'on', REDIS_TLS_CA: tls.cert }),
      ...(sentinelPassword === undefined ? {} : { REDIS_SENTINEL_PASSWORD: sentinelPassword }),
    }),
    name: NAME,
    addresses,
    nodes,
    sentinels,
    master,
    failedOver,
    settled,
    stop,
  };
}

async function inStep(replica: RedisNode): Promise<void> {
  await untilHolds(`the replica on port ${replica.port} in step`, () => isInStep(replica, undefined));
}

async function isInStep(replica: RedisNode, masterPort: number | undefined): Promise<boolean> {
  const said = await replica.cli('info', 'replication');
  if (!said.includes('master_link_status:up')) return false;
  return masterPort === undefined || said.includes(`master_port:${masterPort}`);
}

function fieldsOf(lines: string): Map<string, string> {
  const all = lines.split('\n');
  return new Map(
    all.flatMap((line, i) => (i % 2 === 0 ? [[line, all[i + 1] ?? '']] : []) as [string, string][]),
  );
}

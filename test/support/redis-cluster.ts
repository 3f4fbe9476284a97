/**
 * Three masters with a third of the slots and one replica each, on loopback. A master that says nothing for 1.5 s is
 * down, and its replica takes over.
 */

import { slotOf } from '../../src/fanout/redis-slot.js';
import { freePort } from './free-port.js';
import {
  accessArgs,
  feedsItsReplicas,
  type RedisNode,
  startRedisNode,
  tlsSettings,
  untilHolds,
} from './redis-node.js';
import type { TlsFiles } from './tls-files.js';

export interface RedisCluster {
  /** REDIS_CLUSTER_NODES and password, for a Tickcast process. */
  readonly env: Readonly<Record<string, string>>;
  /** `host:port` of each node. */
  readonly addresses: readonly string[];
  /** First the three that began as masters, then their replicas. */
  readonly nodes: readonly RedisNode[];
  /** The node that serves the slot of this key or channel now. */
  masterOf(key: string): Promise<RedisNode>;
  /** Running nodes that are masters of slots. */
  masters(): Promise<readonly RedisNode[]>;
  /** Resolves when another node than `former` serves the slot of this key or channel. */
  failedOver(former: RedisNode, key: string): Promise<RedisNode>;
  /** Moves the slot of a key, with the keys in it, to another master, as `redis-cli --cluster reshard` does. */
  moveSlot(key: string, to: RedisNode): Promise<void>;
  /** Resolves when all running nodes see a whole cluster, and every running replica is in step with its master. */
  settled(): Promise<void>;
  /** Ends everything. May be called twice. */
  stop(): Promise<void>;
}

export interface RedisClusterOptions {
  readonly password?: string;
  /** TLS everywhere. */
  readonly tls?: TlsFiles;
  /** Lines of redis.conf. */
  readonly settings?: readonly string[];
  /** Replicas of each master. Default 1. */
  readonly replicas?: 0 | 1;
}

const MASTERS = 3;
const SLOTS = 16_384;

export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { password, tls, settings = [], replicas = 1 } = options;
  const cliArgs = accessArgs(password, tls);
  const nodes: RedisNode[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };

  async function startNode(): Promise<RedisNode> {
    const busPort = await freePort();
    return startRedisNode({
      cliArgs,
      settings: (port) => [
        ...[
          ...tlsSettings(port, tls),
          ...(tls === undefined ? [] : ['tls-cluster yes']),
          `cluster-port ${busPort}`,
          'cluster-enabled yes',
          'cluster-config-file nodes.conf',
        ],
        ...[
          'cluster-node-timeout 1500',
          'cluster-require-full-coverage no',
          'cluster-allow-reads-when-down no',
        ],
        // A replica whose link was down for long may still be chosen: it is all there is.
        ...['cluster-replica-validity-factor 0', 'save ""', 'appendonly no', 'repl-diskless-sync-delay 0'],
        ...['repl-ping-replica-period 1', 'repl-timeout 5'],
        ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
        ...settings,
      ],
    });
  }

  const idOf = (node: RedisNode) => node.cli('cluster', 'myid');

  async function join(): Promise<void> {
    const first = nodes[0]!;
    for (let i = 0; i < MASTERS; i++) {
      const from = Math.floor((SLOTS * i) / MASTERS);
      const through = Math.floor((SLOTS * (i + 1)) / MASTERS) - 1;
      await nodes[i]!.cli('cluster', 'addslotsrange', String(from), String(through));
      // Their claims must differ, or one would wait for the other.
      await nodes[i]!.cli('cluster', 'set-config-epoch', String(i + 1));
    }
    const bus = await busPortOf(first);
    for (const node of nodes.slice(1))
      await node.cli('cluster', 'meet', '127.0.0.1', String(first.port), bus);
    await untilHolds('all nodes known to each', async () => {
      const known = await Promise.all(nodes.map((node) => tableOf(node)));
      return known.every((table) => table.length === nodes.length && table.every((row) => row.linked));
    });
    for (const [i, replica] of nodes.slice(MASTERS).entries())
      await replica.cli('cluster', 'replicate', await idOf(nodes[i]!));
  }

  async function busPortOf(node: RedisNode): Promise<string> {
    const row = (await node.cli('cluster', 'nodes')).split('\n').find((line) => line.includes('myself'));
    return /@(\d+)/.exec(row ?? '')?.[1] ?? '';
  }

  async function settled(): Promise<void> {
    await untilHolds('a whole cluster', async () => {
      for (const node of nodes.filter(({ answers }) => answers)) {
        const info = await node.cli('cluster', 'info');
        if (!info.includes('cluster_state:ok')) return false;
        if (!info.includes(`cluster_slots_ok:${SLOTS}`)) return false;
        const role = await node.cli('info', 'replication');
        if (role.includes('role:slave') && !role.includes('master_link_status:up')) return false;
        if (!(await feedsItsReplicas(node))) return false;
        const table = await tableOf(node);
        const down = table.filter((row) => row.failed && isRunning(row.port));
        if (down.length > 0) return false;
      }
      const roles = await Promise.all(nodes.filter(({ answers }) => answers).map((node) => node.cli('role')));
      const running = nodes.filter((node) => node.answers).length;
      return (
        roles.filter((role) => role.startsWith('slave')).length >=
        Math.min(MASTERS * replicas, running - MASTERS)
      );
    });
  }

  const isRunning = (port: number) => nodes.some((node) => node.port === port && node.answers);

  /** Of all that answer: which of them has a slot is what the newest claim says, a node may not have heard of it yet. */
  async function claims(): Promise<readonly Row[]> {
    const tables = await Promise.all(nodes.filter(({ answers }) => answers).map(tableOf));
    const rows = tables.flat().filter((row) => row.master && row.slots.length > 0);
    return rows.sort((one, other) => other.epoch - one.epoch);
  }

  async function masters(): Promise<readonly RedisNode[]> {
    const rows = await claims();
    return nodes.filter((node) => rows.some((row) => row.port === node.port && !row.failed));
  }

  async function masterOf(key: string): Promise<RedisNode> {
    const slot = slotOf(key);
    const row = (await claims()).find(({ slots }) =>
      slots.some(([from, through]) => slot >= from && slot <= through),
    );
    const found = nodes.find((node) => node.port === row?.port);
    if (found === undefined) throw new Error(`Expected a master of slot ${slot}, none was known`);
    return found;
  }

  async function failedOver(former: RedisNode, key: string): Promise<RedisNode> {
    await untilHolds(`another master of ${key} than port ${former.port}`, async () => {
      for (const node of nodes.filter((one) => one !== former && one.answers)) {
        if ((await node.cli('exists', key)).match(/^[01]$/) !== null) return true;
      }
      return false;
    });
    return masterOf(key);
  }

  async function moveSlot(key: string, to: RedisNode): Promise<void> {
    const from = await masterOf(key);
    if (from === to) return;
    const slot = await from.cli('cluster', 'keyslot', key);
    const [fromId, toId] = await Promise.all([idOf(from), idOf(to)]);
    await to.cli('cluster', 'setslot', slot, 'importing', fromId);
    await from.cli('cluster', 'setslot', slot, 'migrating', toId);
    const auth = password === undefined ? [] : ['AUTH', password];
    for (;;) {
      const keys = (await from.cli('cluster', 'getkeysinslot', slot, '100'))
        .split('\n')
        .filter((one) => one !== '');
      if (keys.length === 0) break;
      await from.cli(
        ...['migrate', '127.0.0.1', String(to.port), '', '0', '5000', 'REPLACE', ...auth, 'KEYS', ...keys],
      );
    }
    // The new one first: until it says so the old one answers, and then sends elsewhere.
    for (const node of [to, from]) await node.cli('cluster', 'setslot', slot, 'node', toId);
    for (const node of await masters()) await node.cli('cluster', 'setslot', slot, 'node', toId);
  }

  try {
    for (let i = 0; i < MASTERS * (1 + replicas); i++) nodes.push(await startNode());
    await join();
    await settled();
  } catch (error) {
    await stop();
    throw error;
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  return {
    env: Object.freeze({
      REDIS_CLUSTER_NODES: addresses.join(','),
      ...(password === undefined ? {} : { REDIS_PASSWORD: password }),
      ...(tls === undefined ? {} : { REDIS_TLS: 'on', REDIS_TLS_CA: tls.cert }),
    }),
    addresses,
    nodes,
    masterOf,
    masters,
    failedOver,
    moveSlot,
    settled,
    stop,
  };
}

interface Row {
  readonly port: number;
  readonly master: boolean;
  readonly failed: boolean;
  readonly linked: boolean;
  /** Configuration epoch: the highest claim to a slot counts. */
  readonly epoch: number;
  readonly slots: readonly (readonly [from: number, through: number])[];
}

/** CLUSTER NODES. */
async function tableOf(node: RedisNode): Promise<readonly Row[]> {
  return (await node.cli('cluster', 'nodes')).split('\n').map((line) => {
    const [, address, flags, , , , epoch, link, ...ranges] = line.split(' ');
    const slots = ranges
      .filter((range) => !range.startsWith('['))
      .map((range) => range.split('-').map(Number))
      .map(([from, through]) => [from!, through ?? from!] as const);
    return {
      port: Number(/:(\d+)@/.exec(address ?? '')?.[1]),
      master: (flags ?? '').includes('master'),
      failed: /\bfail\b|handshake|noaddr/.test(flags ?? ''),
      linked: link === 'connected',
      epoch: Number(epoch),
      slots,
    };
  });
}

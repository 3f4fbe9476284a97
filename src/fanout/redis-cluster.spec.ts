import { Redis } from 'ioredis';
import { type RedisCluster, startRedisCluster } from '../../test/support/redis-cluster.js';
import type { RedisNode } from '../../test/support/redis-node.js';
import { systemClock } from '../clock.js';
import { Names } from './names.js';
import type { RedisCommands } from './redis-commands.js';
import { RedisConnections } from './redis-connections.js';
import { pause, until } from './redis-listen.fixture.js';
import { RedisTickLog } from './redis-tick-log.js';
import { quietLog, topologyOfCluster } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

const PARTITIONS = [0, 1, 2, 3, 4, 5];
const channelOf = (partition: number) => `spec:{${partition}}:live`;
const counterOf = (partition: number) => `spec:{${partition}}:count`;
const SPEAK = `redis.call('SPUBLISH', KEYS[1], redis.call('INCR', KEYS[2]))`;

describe('connections to a cluster', () => {
  let cluster: RedisCluster;
  let connections: RedisConnections;
  let redis: RedisCommands;
  let heard: Map<string, number[]>;
  let told: string[];
  let speaking: Promise<void>[];
  let ended = false;

  beforeAll(async () => {
    cluster = await startRedisCluster({ password: 'of-nodes' });
  }, 90_000);
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    connections = new RedisConnections({
      topology: topologyOfCluster(cluster),
      log: quietLog,
      clock: systemClock,
    });
    redis = connections.command('owner');
    heard = new Map(PARTITIONS.map((partition) => [channelOf(partition), []]));
    told = [];
    const up = connections.subscriber('live').follow(
      PARTITIONS.map(channelOf),
      {
        message: (channel, bytes) => heard.get(channel)?.push(Number(bytes.toString())),
        up: () => told.push('up'),
        down: () => told.push('down'),
      },
      { isLive: true },
    );
    await Promise.all([connections.whenReady(redis), up]);
    ended = false;
    speaking = PARTITIONS.map(speak);
    await Promise.all(PARTITIONS.map((partition) => untilHeardMore(partition)));
  });
  afterEach(async () => {
    ended = true;
    await Promise.all(speaking);
    await connections.close();
  });

  /** As an owner: one at a time for each partition. */
  async function speak(partition: number): Promise<void> {
    while (!ended) {
      const [channel, counter] = [channelOf(partition), counterOf(partition)];
      try {
        await redis.call(channel, 'eval', [SPEAK, 2, channel, counter]);
      } catch (error) {
        expect(error).toMatchObject({ code: 'store_unavailable' });
      }
      await pause(10);
    }
  }

  /** Numbers that are counted after this, two of them one after another. */
  async function untilHeardMore(partition: number): Promise<void> {
    const numbers = heard.get(channelOf(partition))!;
    const from = numbers.length;
    await until(() => numbers.length >= from + 3);
  }

  function expectNoneTwice(partition: number): void {
    const numbers = heard.get(channelOf(partition))!;
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
  }

  async function partitionsAt(node: RedisNode): Promise<number[]> {
    const masters = await Promise.all(PARTITIONS.map((partition) => cluster.masterOf(channelOf(partition))));
    return PARTITIONS.filter((partition) => masters[partition] === node);
  }

  it('commands and channels go to the nodes that have their slots', async () => {
    const masters = await cluster.masters();
    for (const master of masters) {
      const there = await partitionsAt(master);
      expect(there.length).toBeGreaterThan(0);
      const channels = (await master.cli('pubsub', 'shardchannels', 'spec:*')).split('\n');
      expect(channels.sort()).toEqual(there.map(channelOf).sort());
    }
    expect(told).toEqual(['up']);
    await redis.ping();
  });

  it('the channels of a moved slot are heard from the new node, and nothing is lost or doubled', async () => {
    const from = await cluster.masterOf(channelOf(0));
    const to = (await cluster.masters()).find((node) => node !== from)!;
    await cluster.moveSlot(counterOf(0), to);
    await untilHeardMore(0);
    await untilHeardMore(0);
    for (const partition of PARTITIONS) expectNoneTwice(partition);
    await until(async () => (await to.cli('pubsub', 'shardchannels', 'spec:{0}:*')) === channelOf(0));
    // Told, so that who listens looks for what was published before.
    await until(() => told.length > 1);
    expect(told).not.toContain('down');
    await cluster.settled();
  }, 60_000);

  it.each(['kill', 'pause'] as const)(
    'when a master is lost (%s), the others go on, and its replica is found',
    async (how) => {
      const former = await cluster.masterOf(channelOf(1));
      const lost = await partitionsAt(former);
      const others = PARTITIONS.filter((partition) => !lost.includes(partition));
      const ups = told.length;
      if (how === 'kill') await former.kill();
      else former.pause();
      // While it is away.
      await Promise.all(others.map(untilHeardMore));
      await cluster.failedOver(former, counterOf(1));
      await Promise.all(lost.map(untilHeardMore));
      expect(told.length).toBeGreaterThan(ups);
      expect(told).not.toContain('down');
      if (how === 'kill') await former.start();
      else former.resume();
      await cluster.settled();
      await Promise.all(PARTITIONS.map(untilHeardMore));
    },
    90_000,
  );

  it('ticks are acknowledged when the replica of their node has them, wherever their partition is, and has moved to', async () => {
    const names = new Names('spec:');
    const commands = connections.command('log');
    await connections.whenReady(commands);
    const log = new RedisTickLog(commands, names, { entriesMax: 100, marksMax: 100 }, 'replicated');
    const runs = new Map<number, string>();
    const append = async (partition: number, entries: readonly Uint8Array[]) => {
      const run = runs.get(partition) ?? '';
      const answer = await log.append(partition, { run, entries, newMarks: [] });
      if (answer.kind === 'run') runs.set(partition, answer.run);
      return answer.kind;
    };
    const onReplicas = async (partition: number) => {
      const key = names.partition(partition).log;
      const master = await cluster.masterOf(key);
      let most = 0;
      for (const { port } of cluster.nodes.filter((node) => node !== master)) {
        const node = new Redis({ port, password: 'of-nodes', readOnly: true });
        // A replica answers for the keys of its own master.
        most = Math.max(most, await node.xlen(key).catch(() => 0));
        node.disconnect();
      }
      return most;
    };
    await until(async () => {
      const looked = await Promise.all(PARTITIONS.map((partition) => append(partition, [])));
      return looked.every((kind) => kind === 'stored');
    });
    const entry = [new Uint8Array([0x90])];
    const together: Promise<string>[] = [];
    log.together(() => {
      for (const partition of PARTITIONS) together.push(append(partition, entry));
    });
    for (const settled of await Promise.allSettled(together))
      if (settled.status === 'rejected') expect(settled.reason).toBeInstanceOf(StoreUnavailable);
    const expectReplicated = async (partition: number) => {
      // A replica that is slow for a moment is told, and the append repeated.
      await until(async () => (await append(partition, entry).catch(() => 'unavailable')) === 'stored');
      const { log: key } = names.partition(partition);
      expect(await onReplicas(partition)).toBe(Number(await (await cluster.masterOf(key)).cli('xlen', key)));
    };
    for (const partition of PARTITIONS) await expectReplicated(partition);

    const from = await cluster.masterOf(names.partition(3).log);
    const to = (await cluster.masters()).find((node) => node !== from)!;
    await cluster.moveSlot(names.partition(3).log, to);
    // Another node is another run: the first answer says so, and nothing is stored.
    await expectReplicated(3);
    expect(await cluster.masterOf(names.partition(3).log)).toBe(to);
    await cluster.settled();
  }, 60_000);

  it('tells who minds one key of its server only', async () => {
    const former = await cluster.masterOf(counterOf(2));
    const other = await otherPartition(former);
    const heardOf: string[] = [];
    redis.watch({ lost: () => heardOf.push('lost'), back: () => heardOf.push('back') }, counterOf(2));
    redis.watch({ lost: () => heardOf.push('other'), back: () => heardOf.push('other') }, counterOf(other));
    await former.kill();
    await cluster.failedOver(former, counterOf(2));
    await until(() => heardOf.includes('back'));
    expect(heardOf).toEqual(['lost', 'back']);
    await former.start();
    await cluster.settled();
  }, 90_000);

  async function otherPartition(node: RedisNode): Promise<number> {
    const there = await partitionsAt(node);
    return PARTITIONS.find((partition) => !there.includes(partition))!;
  }
});

describe('connections to a cluster without replicas', () => {
  it('fail at once for the slots of a lost master, go on for the others, and for all when it is back', async () => {
    const cluster = await startRedisCluster({ replicas: 0 });
    const topology = topologyOfCluster(cluster);
    const connections = new RedisConnections({ topology, log: quietLog, clock: systemClock });
    try {
      const redis = connections.command('owner');
      await connections.whenReady(redis);
      const get = (partition: number) => redis.call(counterOf(partition), 'get', [counterOf(partition)]);
      const former = await cluster.masterOf(counterOf(1));
      const isLost = await Promise.all(
        PARTITIONS.map(async (partition) => (await cluster.masterOf(counterOf(partition))) === former),
      );
      const others = PARTITIONS.filter((partition) => !isLost[partition]);
      expect(others.length).toBeGreaterThan(0);
      await former.kill();
      // Until the cluster itself has given it up, and after.
      for (let round = 0; round < 20; round++) {
        expect(await Promise.all(others.map(get))).toEqual(others.map(() => null));
        await expect(get(1)).rejects.toBeInstanceOf(StoreUnavailable);
        await pause(150);
      }
      await former.start();
      await until(async () => (await get(1).catch(() => 'lost')) === null);
    } finally {
      await connections.close();
      await cluster.stop();
    }
  }, 60_000);
});

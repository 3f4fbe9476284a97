import { type RedisCluster, startRedisCluster } from '../../test/support/redis-cluster.js';
import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { Names } from '../fanout/names.js';
import { RedisConnections } from '../fanout/redis-connections.js';
import { type Heard, listen } from '../fanout/redis-listen.fixture.js';
import { standaloneAt } from '../fanout/redis-topology.js';
import { topologyOfCluster } from '../fanout/store-forms.fixture.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import { createLog } from '../ops/log.js';
import { RedisSymbolStore } from './redis-symbol-store.js';
import { definition, describeSymbolStore, MANY, note } from './symbol-store.fixture.js';

const log = createLog({ logLevel: 'silent', node: 'spec' });
const names = new Names('tc:');
let redis: RedisServer;
let connections: RedisConnections;
/** Each has connections of its own, as another process would. */
const stores: RedisSymbolStore[] = [];
let opened = 0;

describe('a real Redis', () => {
  beforeAll(async () => {
    redis = await startRedis();
    connections = new RedisConnections({ topology: standaloneAt(redis.url), log, clock: systemClock });
    for (let i = 0; i < 2; i++) stores.push(new RedisSymbolStore(connections, names));
    await connections.whenReady(connections.command('spec'));
    for (const store of stores) await store.whenReady();
  });
  afterAll(async () => {
    await connections.close();
    await redis.stop();
  });

  describeSymbolStore('redis', {
    async empty() {
      await redisCli(redis, 'FLUSHALL');
    },
    open: () => stores[opened++ % stores.length]!,
  });

  describe('redis symbol store', () => {
    const store = () => stores[0]!;
    beforeEach(() => redisCli(redis, 'FLUSHALL'));

    it('names what is stored but is not an instrument, and still reads the rest', async () => {
      await store().create(
        [definition(), definition({ symbol: 'MSFT' }), definition({ symbol: 'IBM' })],
        MANY,
        note(),
      );
      await redisCli(redis, 'HSET', names.registry.symbols, 'AAPL', '{"sid":0', 'MSFT', '{"sid":-1}');
      const page = await store().changesAfter(0, 10);
      expect(page.instruments.map((instrument) => instrument.symbol)).toEqual(['IBM']);
      expect(page.malformed).toEqual([
        expect.stringMatching(/^AAPL: Expected JSON/),
        expect.stringMatching(/^MSFT: .*sid/),
      ]);
      expect(page.size).toBe(3);
    });

    it('gives no sid or version twice when its version is lost alone', async () => {
      await store().create([definition(), definition({ symbol: 'MSFT' })], MANY, note());
      await redisCli(redis, 'DEL', names.registry.version);
      const [answer] = await store().create([definition({ symbol: 'IBM' })], MANY, note());
      expect(answer).toMatchObject({ outcome: 'created', instrument: { sid: 3, version: 3 } });
    });

    it('says another origin after another run of Redis, and finds its scripts again', async () => {
      await store().create([definition()], MANY, note());
      const { origin } = await store().changesAfter(0, 1);
      await redis.restart();
      await store().whenReady();
      const page = await store().changesAfter(0, 1);
      expect(page).toMatchObject({ version: 1, size: 1 });
      expect(page.origin).not.toBe(origin);
    });

    it('says so when the store does not answer', async () => {
      await redis.pause();
      try {
        await expect(store().changesAfter(0, 1)).rejects.toBeInstanceOf(StoreUnavailable);
        await expect(store().create([definition()], MANY, note())).rejects.toBeInstanceOf(StoreUnavailable);
      } finally {
        await redis.resume();
      }
    });
  });

  describe('redis symbol store with a replica', () => {
    let replica: RedisServer;
    beforeAll(async () => {
      replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${redis.port}`] });
      // One that is called online gets nothing until it has acknowledged for the first time.
      await until(async () => /state=online,offset=[1-9]/.test(await redisCli(redis, 'INFO', 'replication')));
      await stores[0]!.whenReady();
    });
    afterAll(() => replica.stop());

    it('answers a new instrument when the replica has it', async () => {
      await stores[0]!.create([definition({ symbol: 'REPL' })], MANY, note());
      expect(await redisCli(replica, 'HGET', names.registry.symbols, 'REPL')).toContain('"REPL"');
    });

    it('does not answer a new instrument as created while the replica lacks it', async () => {
      await replica.pause();
      try {
        await expect(stores[0]!.create([definition({ symbol: 'LATE' })], MANY, note())).rejects.toThrow(
          'Expected 1 replicas',
        );
        // Repeating waits for the same write.
        await expect(stores[0]!.create([definition({ symbol: 'LATE' })], MANY, note())).rejects.toThrow(
          'Expected 1 replicas',
        );
      } finally {
        await replica.resume();
      }
      await until(async () => (await redisCli(replica, 'HEXISTS', names.registry.symbols, 'LATE')) === '1');
      const [answer] = await stores[0]!.create([definition({ symbol: 'LATE' })], MANY, note());
      expect(answer?.outcome).toBe('exists');
    });
  });
});

describe('a real Redis Cluster', () => {
  let cluster: RedisCluster;
  let ofCluster: RedisConnections;
  const open: RedisSymbolStore[] = [];
  let next = 0;
  let control: Heard;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    ofCluster = new RedisConnections({ topology: topologyOfCluster(cluster), log, clock: systemClock });
    for (let i = 0; i < 2; i++) open.push(new RedisSymbolStore(ofCluster, names));
    for (const store of open) await store.whenReady();
    control = listen(ofCluster, names.control);
    await control.up;
  }, 90_000);
  afterAll(async () => {
    await ofCluster.close();
    await cluster.stop();
  });

  describeSymbolStore('redis cluster', {
    async empty() {
      for (const master of await cluster.masters()) await master.cli('FLUSHALL');
      // What was announced before is on its way from node to node: this comes behind it.
      const marker = `end ${next}`;
      await (await cluster.masterOf(names.registry.version)).cli('PUBLISH', names.control, marker);
      await until(async () => control.heard.includes(marker));
    },
    open: () => open[next++ % open.length]!,
  });

  it('has what was created on the replica of the node that has the registry, and tells of it after that node is lost', async () => {
    const [first, second] = [open[0]!, open[1]!];
    let ups = 0;
    const announced: number[] = [];
    const unfollow = await second.follow({
      announced: (version) => announced.push(version),
      up: () => {
        ups++;
      },
    });
    expect(ups).toBeGreaterThan(0);
    const [created] = await first.create([definition({ symbol: 'KEPT' })], MANY, note());
    expect(created?.outcome).toBe('created');
    await until(async () => announced.length > 0);
    const { version } = names.registry;
    const former = await cluster.masterOf(version);
    const upsBefore = ups;
    await former.kill();
    await cluster.failedOver(former, version);
    await until(async () => ups > upsBefore);
    await until(async () => {
      const page = await second.changesAfter(0, 10).catch(() => undefined);
      return page?.instruments.some(({ symbol }) => symbol === 'KEPT') === true;
    });
    await unfollow();
  }, 60_000);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate);
}

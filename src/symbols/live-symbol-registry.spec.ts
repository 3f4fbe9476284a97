import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Instrument, partitionOf } from '#market-data';
import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { Names } from '../fanout/names.js';
import { RedisConnections } from '../fanout/redis-connections.js';
import { standaloneAt } from '../fanout/redis-topology.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import { createLog } from '../ops/log.js';
import { LiveSymbolRegistry, type RegistryOptions } from './live-symbol-registry.js';
import { MemorySymbolStore } from './memory-symbol-store.js';
import { RedisSymbolStore } from './redis-symbol-store.js';
import { definition, MANY, note } from './symbol-store.fixture.js';
import type { SymbolStore } from './symbol-store.js';

const log = createLog({ logLevel: 'silent', node: 'spec' });
const NEVER_MS = 600_000;
const SEED = ['TEST', 'AAPL', 'MSFT', 'IBM'].map((symbol) => definition({ symbol }));

/** Views that are stopped after each test, whatever became of it. */
const views: LiveSymbolRegistry[] = [];
afterEach(async () => {
  for (const view of views.splice(0)) await view.stop();
});

function view(store: SymbolStore, given: Partial<RegistryOptions> = {}): LiveSymbolRegistry {
  const options = { partitions: 16, reconcileMs: NEVER_MS, symbolsMax: 1_000, seed: SEED, ...given };
  const registry = new LiveSymbolRegistry(store, options, systemClock, log);
  views.push(registry);
  return registry;
}

async function started(
  store: SymbolStore,
  given: Partial<RegistryOptions> = {},
): Promise<LiveSymbolRegistry> {
  const registry = view(store, given);
  await registry.start();
  return registry;
}

/** Resolves when the view was told of a change after which this holds. */
function shows(registry: LiveSymbolRegistry, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      unwatch();
      resolve();
    };
    const unwatch = registry.watch(look);
    look();
  });
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const contents = (registry: LiveSymbolRegistry) =>
  [...registry.all()].map(({ symbol, sid, enabled }) => `${symbol}/${sid}${enabled ? '' : ' off'}`);

describe('live registry', () => {
  it('seeds an empty store and shows it by symbol, by sid and by partition', async () => {
    const registry = view(new MemorySymbolStore());
    expect([registry.loaded, registry.size, registry.sidMax, registry.version]).toEqual([false, 0, 0, 0]);
    await registry.start();
    expect(contents(registry)).toEqual(['TEST/1', 'AAPL/2', 'MSFT/3', 'IBM/4']);
    expect([registry.loaded, registry.size, registry.sidMax, registry.version]).toEqual([true, 4, 4, 4]);
    expect(registry.bySid(3)).toBe(registry.bySymbol('MSFT'));
    expect(registry.partition(3)).toBe(partitionOf('MSFT', 16));
    for (const sid of [0, 5, -1, 1.5]) {
      expect(registry.bySid(sid)).toBeUndefined();
      expect(registry.partition(sid)).toBe(-1);
    }
    expect(registry.bySymbol('NOPE')).toBeUndefined();
  });

  it('loads more than one page', async () => {
    const seed = Array.from({ length: 1_234 }, (_, i) => definition({ symbol: `S${i}` }));
    const registry = await started(new MemorySymbolStore(), { seed, symbolsMax: 2_000 });
    expect([registry.size, registry.version, registry.bySid(1_234)?.symbol]).toEqual([1_234, 1_234, 'S1233']);
  });

  it('tells who watches what changed, in the order of versions, until they stop', async () => {
    const store = new MemorySymbolStore();
    const registry = await started(store);
    const told: string[] = [];
    const stop = registry.watch((changed) => {
      for (const { symbol, version } of changed) told.push(`${symbol}${version}`);
    });
    registry.watch(() => {
      throw new Error('a fault of one listener is not the others');
    });
    await store.change('MSFT', { enabled: false }, null, note());
    await store.change('AAPL', { enabled: false }, null, note());
    await store.create([definition({ symbol: 'NEW' })], MANY, note());
    await registry.reconcile();
    expect(told).toEqual(['MSFT5', 'AAPL6', 'NEW7']);
    stop();
    await store.change('AAPL', { enabled: true }, null, note());
    await registry.reconcile();
    expect([told.length, registry.bySymbol('AAPL')?.enabled]).toEqual([3, true]);
  });

  it('registers unknown symbols with usual scales, keeps known ones, and says when it is full', async () => {
    const registry = await started(new MemorySymbolStore(), { symbolsMax: 6 });
    const aapl = registry.bySymbol('AAPL');
    const answers = await registry.register(['AAPL', 'X', 'Y', 'X', 'Z']);
    expect(answers.get('AAPL')).toBe(aapl);
    expect(answers.get('X')).toMatchObject({
      sid: 5,
      group: 'auto',
      priceScale: 6,
      sizeScale: 4,
      volumeScale: 0,
    });
    expect(answers.get('Y')).toBe(registry.bySymbol('Y'));
    expect(answers.get('Z')).toBe('registry_full');
    expect(registry.bySymbol('Z')).toBeUndefined();
    await expect(registry.register(['lower'])).rejects.toBeInstanceOf(TypeError);
  });
});

describe('live registry on Redis', () => {
  const names = new Names('tc:');
  let redis: RedisServer;
  let proxy: CuttableProxy;
  let open: RedisConnections[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await CuttableProxy.to(redis.port);
  });
  afterAll(async () => {
    await proxy.close();
    await redis.stop();
  });
  beforeEach(() => redisCli(redis, 'FLUSHALL'));
  afterEach(async () => {
    for (const view of views.splice(0)) await view.stop();
    proxy.heal();
    for (const connections of open.splice(0)) await connections.close();
    open = [];
  });

  /** A store with connections of its own, as another process has. */
  function store(url = redis.url, given = names): RedisSymbolStore {
    const connections = new RedisConnections({ topology: standaloneAt(url), log, clock: systemClock });
    open.push(connections);
    return new RedisSymbolStore(connections, given);
  }

  it('shows a change of another process as soon as it is announced', async () => {
    const [here, there] = [await started(store()), store()];
    await there.whenReady();
    await there.change('AAPL', { enabled: false }, null, note());
    await shows(here, () => here.bySymbol('AAPL')?.enabled === false);
    expect(here.version).toBe(5);
  });

  it('shows a change whose announcement was lost, after the next comparison', async () => {
    const here = await started(store(), { reconcileMs: 100 });
    const silent = store(redis.url, Object.assign(new Names('tc:'), { control: 'tc:nobody-listens' }));
    await silent.whenReady();
    await silent.change('AAPL', { enabled: false }, null, note());
    await shows(here, () => here.bySymbol('AAPL')?.enabled === false);
    expect(here.counters).toMatchObject({ comparedAll: 0, conflicts: 0, restored: 0 });
  });

  it('keeps its view while cut off, and shows what it missed when it is back', async () => {
    const here = await started(store(proxy.url));
    const there = store();
    await there.whenReady();
    proxy.cut();
    await expect(here.reconcile()).rejects.toBeInstanceOf(StoreUnavailable);
    await there.change('AAPL', { enabled: false }, null, note());
    expect(here.bySymbol('AAPL')?.enabled).toBe(true);
    await expect(here.register(['NEW'])).rejects.toBeInstanceOf(StoreUnavailable);
    expect(here.degraded()).toBe('the store does not answer');
    proxy.heal();
    await shows(here, () => here.bySymbol('AAPL')?.enabled === false);
    await until(() => here.degraded() === null);
  });

  it('gives back to an emptied store what is known, and nobody notices', async () => {
    const [here, there] = [await started(store()), await started(store())];
    await store().whenReady();
    await there.register(['AUTO']);
    const operator = store();
    await operator.whenReady();
    await operator.change('AAPL', { enabled: false }, null, note());
    await Promise.all([here, there].map((each) => shows(each, () => each.version === 6)));
    const before = contents(here);
    const told: Instrument[] = [];
    for (const each of [here, there]) each.watch((changed) => told.push(...changed));

    await redis.restart({ empty: true });
    await until(() => [here, there].every((each) => each.counters.comparedAll > 0));
    await Promise.all([here.reconcile(), there.reconcile()]);

    expect([contents(here), contents(there), told]).toEqual([before, before, []]);
    expect(here.counters.restored + there.counters.restored).toBeGreaterThanOrEqual(5);
    expect([here.counters.conflicts, there.counters.conflicts]).toEqual([0, 0]);
    expect(here.version).toBe(there.version);
    const fresh = await started(store(), { seed: [definition({ symbol: 'OTHER' })] });
    expect(contents(fresh)).toEqual(before);
    expect((await fresh.register(['NEXT'])).get('NEXT')).toMatchObject({ sid: 6 });
  });

  it('gives back what a store that was rolled back had lost', async () => {
    const here = await started(store(), { reconcileMs: 100 });
    const keys = Object.values(names.registry).filter((key) => key !== names.registry.layout);
    for (const key of keys) await redisCli(redis, 'COPY', key, `${key}:kept`);
    const operator = store();
    await operator.whenReady();
    await operator.change('AAPL', { tradingStatus: 'halted' }, null, note());
    await operator.create([definition({ symbol: 'LATE' })], MANY, note());
    await shows(here, () => here.bySymbol('LATE') !== undefined);
    const version = here.version;

    const rollBack = `for _, key in ipairs(KEYS) do redis.call('RENAME', key .. ':kept', key) end`;
    await redisCli(redis, 'EVAL', rollBack, String(keys.length), ...keys);
    await until(() => here.counters.restored === 2);
    const fresh = await started(store());
    expect([...fresh.all()]).toEqual([...here.all()]);
    expect(fresh.bySymbol('AAPL')).toMatchObject({ tradingStatus: 'halted', version: 5 });
    expect(fresh.version).toBeGreaterThan(version);
  });

  it('gives back an instrument that another process, which knew less, gave back older', async () => {
    const here = await started(store());
    const behind = [...here.all()];
    const operator = store();
    await operator.whenReady();
    await operator.change('AAPL', { enabled: false }, null, note());
    await shows(here, () => here.version === 5);
    await redisCli(redis, 'FLUSHALL');
    await operator.restore(behind, 4, note({ action: 'restore' }));
    await until(() => here.counters.restored >= 1);
    const fresh = await started(store());
    expect(fresh.bySymbol('AAPL')).toMatchObject({ enabled: false, version: 5, sid: 2 });
  });

  it('refuses bindings that contradict the known ones, alarms once, and leaves the known alone', async () => {
    const here = await started(store(proxy.url));
    const before = contents(here);
    proxy.cut();
    await redisCli(redis, 'FLUSHALL');
    const seed = [
      definition({ symbol: 'TEST' }),
      definition({ symbol: 'GOOG' }),
      definition({ symbol: 'AAPL' }),
    ];
    const there = await started(store(), { seed });
    proxy.heal();
    await until(() => here.counters.comparedAll > 0);
    await here.reconcile();
    // GOOG has the sid of AAPL now, and AAPL that of MSFT: neither is believed here, and MSFT cannot go back.
    expect(contents(here)).toEqual(before);
    expect(here.counters.conflicts).toBe(3);
    expect(here.degraded()).toContain('registry_conflict');
    expect(await here.register(['GOOG'])).toEqual(new Map([['GOOG', 'registry_conflict']]));
    await here.reconcile();
    expect(here.counters.conflicts).toBe(3);
    await until(() => there.bySymbol('IBM') !== undefined);
    expect(contents(there)).toEqual(['TEST/1', 'GOOG/2', 'AAPL/3', 'IBM/4']);
  });

  it('refuses other scales for a known sid', async () => {
    const here = await started(store(), { reconcileMs: 100 });
    const aapl = { ...here.bySymbol('AAPL')!, priceScale: 2, version: 9 };
    await redisCli(redis, 'HSET', names.registry.symbols, 'AAPL', JSON.stringify(aapl));
    await redisCli(redis, 'ZADD', names.registry.changes, '9', 'AAPL');
    await redisCli(redis, 'HSET', names.registry.version, 'version', '9');
    await until(() => here.counters.conflicts === 1);
    expect(here.bySymbol('AAPL')?.priceScale).toBe(4);
  });

  it('seeds once when two processes start at once', async () => {
    const both = [view(store()), view(store())];
    await Promise.all(both.map((each) => each.start()));
    for (const each of both) expect(contents(each)).toEqual(['TEST/1', 'AAPL/2', 'MSFT/3', 'IBM/4']);
    expect(await redisCli(redis, 'HLEN', names.registry.symbols)).toBe('4');
  });

  it('gives one sid to a symbol that two processes register at once', async () => {
    const [here, there] = [await started(store()), await started(store())];
    const symbols = Array.from({ length: 50 }, (_, i) => `NEW${i}`);
    const [a, b] = await Promise.all([here.register(symbols), there.register([...symbols].reverse())]);
    for (const symbol of symbols) expect(a.get(symbol)).toEqual(b.get(symbol));
    expect(new Set([...a.values()].map((answer) => (answer as Instrument).sid)).size).toBe(50);
    expect(here.sidMax).toBe(54);
  });

  it('starts when the store comes up late', async () => {
    proxy.cut();
    const here = view(store(proxy.url));
    const loading = here.start();
    expect(here.loaded).toBe(false);
    proxy.heal();
    await loading;
    expect(here.size).toBe(4);
  });
});

/** A TCP proxy that can be cut: connections are reset, new ones are refused at once. */
class CuttableProxy {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(port: number): Promise<CuttableProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('Expected a TCP address');
    const proxy = new CuttableProxy(server, `redis://127.0.0.1:${address.port}`);
    server.on('connection', (client) => proxy.join(client, port));
    return proxy;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  heal(): void {
    this.isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket, port: number): void {
    if (this.isCut) return void client.destroy();
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  }
}

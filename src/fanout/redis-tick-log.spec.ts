import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { Names } from './names.js';
import { RedisConnections } from './redis-connections.js';
import { RedisTickLog } from './redis-tick-log.js';
import { standaloneAt } from './redis-topology.js';
import { quietLog } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

const entries = [new Uint8Array([0x90])];

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a tick log that is acknowledged when its replicas have it', () => {
  let master: RedisServer;
  let replica: RedisServer;
  let connections: RedisConnections;
  let log: RedisTickLog;
  let run = '';

  beforeAll(async () => {
    master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await until(async () =>
      (await redisCli(replica, 'info', 'replication')).includes('master_link_status:up'),
    );
    // A replica that has loaded is sent what is new only when the master has heard from it: up to a second later.
    await redisCli(master, 'set', 'spec:in-step', '1');
    await until(async () => (await redisCli(replica, 'exists', 'spec:in-step')) === '1');
    connections = new RedisConnections({
      topology: standaloneAt(master.url),
      log: quietLog,
      clock: systemClock,
    });
    const redis = connections.command('log');
    await connections.whenReady(redis);
    log = new RedisTickLog(redis, new Names('spec:'), { entriesMax: 100, marksMax: 100 }, 'replicated');
    const answer = await log.append(0, { run: '', entries: [], newMarks: [] });
    run = answer.kind === 'run' ? answer.run : '';
  });
  afterAll(async () => {
    await connections.close();
    await replica.stop();
    await master.stop();
  });

  const appendTo = (partition: number) => log.append(partition, { run, entries, newMarks: [] });
  const append = (): Promise<unknown> => appendTo(0).catch((error: unknown) => error);

  async function waits(): Promise<number> {
    const stats = await redisCli(master, 'info', 'commandstats');
    return Number(/^cmdstat_wait:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  }

  it('is stored at the first time, once the replica has it', async () => {
    expect(await append()).toEqual({ kind: 'stored' });
    expect(await redisCli(replica, 'xlen', 'spec:{0}:log')).toBe('1');
    expect(await redisCli(master, 'xlen', 'spec:{0}:log')).toBe('1');
  });

  it('waits once for all that goes out together, and once for all that comes meanwhile', async () => {
    const before = await waits();
    const appends: Promise<unknown>[] = [];
    log.together(() => {
      for (let partition = 1; partition < 17; partition++) appends.push(appendTo(partition));
    });
    for (let partition = 17; partition < 33; partition++) appends.push(appendTo(partition));
    expect(await Promise.all(appends)).toEqual(appends.map(() => ({ kind: 'stored' })));
    expect((await waits()) - before).toBe(2);
    expect(await redisCli(replica, 'xlen', 'spec:{32}:log')).toBe('1');
  });

  it('is stored by a server that has forgotten the script, once', async () => {
    await redisCli(master, 'script', 'flush');
    expect(await Promise.all([40, 41, 42].map(appendTo))).toEqual([1, 2, 3].map(() => ({ kind: 'stored' })));
    expect(await redisCli(replica, 'xlen', 'spec:{42}:log')).toBe('1');
  });

  it('is not acknowledged while a connected replica stands still, and is when it goes on', async () => {
    await replica.pause();
    const late = await append();
    expect(late).toBeInstanceOf(StoreUnavailable);
    expect(String(late)).toMatch(/0 of 1 replicas have the ticks/);
    await replica.resume();
    await until(async () => (await redisCli(replica, 'ping')) === 'PONG');
    expect(await append()).toEqual({ kind: 'stored' });
  });

  it('fails all that goes out together when the server stands still', async () => {
    await master.pause();
    const settled = await Promise.allSettled([appendTo(50), appendTo(51), appendTo(52)]);
    await master.resume();
    for (const one of settled)
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
    await until(async () => ((await append()) as { kind?: string }).kind === 'stored');
  });

  it('waits for nobody when no replica is connected', async () => {
    await replica.stop();
    await until(async () => (await redisCli(master, 'info', 'replication')).includes('connected_slaves:0'));
    expect(await append()).toEqual({ kind: 'stored' });
  });

  it('does not wait for a replica that is still being sent the whole state', async () => {
    await redisCli(master, 'config', 'set', 'repl-diskless-sync', 'yes');
    await redisCli(master, 'config', 'set', 'repl-diskless-sync-delay', '3600');
    const syncing = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await until(async () => (await redisCli(master, 'info', 'replication')).includes('state=wait_bgsave'));
    expect(await append()).toEqual({ kind: 'stored' });
    await redisCli(master, 'config', 'set', 'repl-diskless-sync-delay', '0');
    await until(async () => (await redisCli(master, 'info', 'replication')).includes('state=online'));
    // Online, and perhaps slow with its first answer: whoever appends repeats.
    await until(async () => ((await append()) as { kind?: string }).kind === 'stored');
    expect(await redisCli(syncing, 'xlen', 'spec:{0}:log')).toBe(
      await redisCli(master, 'xlen', 'spec:{0}:log'),
    );
    await syncing.stop();
  });
});

import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { Names } from './names.js';
import { RedisConnections } from './redis-connections.js';
import { RedisTickLog } from './redis-tick-log.js';
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
    connections = new RedisConnections({ url: master.url, log: quietLog, clock: systemClock });
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

  /** The first append only learns how many replicas there are: it is repeated as one that was not answered. */
  async function append(): Promise<unknown> {
    return log.append(0, { run, entries, newMarks: [] }).catch((error: unknown) => error);
  }

  it('is stored once the replica has it', async () => {
    await append();
    expect(await append()).toEqual({ kind: 'stored' });
    expect(await redisCli(replica, 'xlen', 'spec:{0}:log')).toBe(
      await redisCli(master, 'xlen', 'spec:{0}:log'),
    );
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

  it('waits for nobody when no replica is connected', async () => {
    await replica.stop();
    await until(async () => (await redisCli(master, 'info', 'replication')).includes('connected_slaves:0'));
    await append();
    expect(await append()).toEqual({ kind: 'stored' });
  });
});

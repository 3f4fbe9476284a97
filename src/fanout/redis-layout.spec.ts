import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { systemTimers } from './live-timers.js';
import { Names } from './names.js';
import { RedisConnections } from './redis-connections.js';
import { fixLayout, LayoutGuard } from './redis-layout.js';
import { standaloneAt } from './redis-topology.js';
import { quietLog } from './store-forms.fixture.js';

describe('LayoutGuard', () => {
  const names = new Names('spec:');
  let server: RedisServer;
  let connections: RedisConnections;
  beforeEach(async () => {
    server = await startRedis();
    connections = new RedisConnections({
      topology: standaloneAt(server.url),
      log: quietLog,
      clock: systemClock,
    });
  });
  afterEach(async () => {
    await connections.close();
    await server.stop();
  });

  async function guarded() {
    const redis = connections.command('layout');
    await connections.whenReady(redis);
    await fixLayout(redis, names, 16);
    let tell: () => void = () => undefined;
    const mismatched = new Promise<void>((resolve) => {
      tell = resolve;
    });
    return { redis, mismatched, guard: new LayoutGuard(redis, names, 16, systemTimers, quietLog, tell) };
  }

  it('fixes it again in a store that came back empty, before another process can fix another one', async () => {
    const { redis, guard } = await guarded();
    await server.restart({ empty: true });
    let partitions = '';
    while (partitions === '')
      partitions = await redisCli(server, 'HGET', names.registry.layout, 'partitions');
    expect(partitions).toBe('16');
    expect(guard.unready()).toBeNull();
    await expect(fixLayout(redis, names, 32)).rejects.toThrow(/begun with 16/);
  });

  it('says so when another one was fixed meanwhile', async () => {
    const { guard, mismatched } = await guarded();
    await redisCli(server, 'FLUSHALL');
    await redisCli(server, 'HSET', names.registry.layout, 'partitions', '32', 'hash', 'other');
    expect(guard.unready()).toBeNull();
    await redisCli(server, 'CLIENT', 'KILL', 'TYPE', 'normal');
    await mismatched;
    expect(guard.unready()).toMatch(/TICKCAST_PARTITIONS is "16", but this store was begun with 32/);
  });
});

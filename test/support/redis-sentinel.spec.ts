import { type RedisSentinel, startRedisSentinel } from './redis-sentinel.js';

describe('startRedisSentinel', () => {
  let sentinel: RedisSentinel;
  beforeAll(async () => {
    sentinel = await startRedisSentinel({ password: 'of-servers', sentinelPassword: 'of-sentinels' });
  }, 90_000);
  afterAll(() => sentinel.stop());

  it('has a master whose writes its two replicas get', async () => {
    const master = await sentinel.master();
    await master.cli('set', 'a', '1');
    expect(await master.cli('wait', '2', '5000')).toBe('2');
  });

  it('makes a replica the master when the master is killed, and the killed one a replica when it is back', async () => {
    const former = await sentinel.master();
    await former.kill();
    expect(former.running).toBe(false);
    const master = await sentinel.failedOver(former);
    expect(await master.cli('get', 'a')).toBe('1');
    await former.start();
    await sentinel.settled();
    // On a slow machine the sentinels may have chosen once more meanwhile, but never the one that was away.
    const now = await sentinel.master();
    expect(now).not.toBe(former);
    expect((await former.cli('role')).split('\n').slice(0, 3)).toEqual(['slave', '127.0.0.1', `${now.port}`]);
    expect(await former.cli('get', 'a')).toBe('1');
  }, 90_000);
});

import { redisCli, startRedis } from './redis-server.js';

describe('startRedis', () => {
  it('gives an empty Redis that keeps or loses its contents over a restart, as asked', async () => {
    const redis = await startRedis();
    expect(await redisCli(redis, 'dbsize')).toBe('0');
    await redisCli(redis, 'set', 'a', '1');

    await redis.restart({ empty: false });
    expect(await redisCli(redis, 'get', 'a')).toBe('1');

    await redis.restart({ complete: true });
    expect(await redisCli(redis, 'get', 'a')).toBe('1');

    await redis.restart({ empty: true });
    expect(await redisCli(redis, 'get', 'a')).toBe('');

    await redis.pause();
    await redis.stop();
    await redis.stop();
    await expect(redisCli(redis, 'ping')).rejects.toThrow(/Connection refused/);
  });
});

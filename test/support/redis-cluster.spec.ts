import { type RedisCluster, startRedisCluster } from './redis-cluster.js';

describe('startRedisCluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster({ password: 'of-nodes' });
  }, 90_000);
  afterAll(() => cluster.stop());

  it('has three masters with a replica each', async () => {
    expect(await cluster.masters()).toEqual(cluster.nodes.slice(0, 3));
    for (const master of cluster.nodes.slice(0, 3)) expect(await master.cli('wait', '1', '5000')).toBe('1');
  });

  it('moves a slot with its keys', async () => {
    const from = await cluster.masterOf('{7}:a');
    await from.cli('set', '{7}:a', '1');
    const to = (await cluster.masters()).find((node) => node !== from)!;
    await cluster.moveSlot('{7}:a', to);
    expect(await cluster.masterOf('{7}:b')).toBe(to);
    expect(await to.cli('get', '{7}:a')).toBe('1');
    await cluster.settled();
  });

  it('has a replica serve the slots of a killed master, and the killed one as replica when it is back', async () => {
    const former = await cluster.masterOf('{1}:a');
    await former.cli('set', '{1}:a', '1');
    expect(await former.cli('wait', '1', '5000')).toBe('1');
    await former.kill();
    const master = await cluster.failedOver(former, '{1}:a');
    expect(master).not.toBe(former);
    expect(await master.cli('get', '{1}:a')).toBe('1');
    await former.start();
    await cluster.settled();
    expect((await former.cli('role')).split('\n').slice(0, 3)).toEqual([
      'slave',
      '127.0.0.1',
      `${master.port}`,
    ]);
  }, 90_000);
});

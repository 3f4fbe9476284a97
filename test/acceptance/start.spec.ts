/** Starts that must not succeed beside a store that is in use, and what they say; test/process.spec.ts has the others. */

import { ADMIN_KEY, FEED_KEY, Installation } from '../support/installation.js';
import { redisCli } from '../support/redis-server.js';
import { StreamPeer } from '../support/stream-peer.js';
import { spawnTickcast } from '../support/tickcast.js';

/** Ends with this code where a setting is wrong: starting again does not help. */
const WRONG_SETTING = 78;
const KEYS = {
  TICKCAST_ADMIN_KEY: ADMIN_KEY,
  TICKCAST_FEED_KEY: FEED_KEY,
  TICKCAST_CLIENT_KEY: 'client-key',
};

async function refused(env: Readonly<Record<string, string>>) {
  const own = await spawnTickcast({ env });
  const { code } = await own.exited;
  // Whoever waits for the ready line must not see one.
  expect(own.stdout).toBe('');
  for (const key of Object.values(KEYS)) expect(own.output()).not.toContain(key);
  return { code, said: own.stderr };
}

describe('a start', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.begin({ 'SP-A': [2, 0, 0] }, { TICKCAST_PARTITIONS: '4' });
    await installation.start();
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  it('is refused with another number of partitions than the store’s, which stays as it is', async () => {
    const store = { REDIS_URL: installation.redis.url, ...KEYS };
    const gateway = { TICKCAST_PARTITIONS: '8', TICKCAST_ROLES: 'gateway' };
    const settings: Readonly<Record<string, string>>[] = [{ TICKCAST_PARTITIONS: '8' }, gateway, {}];
    for (const env of settings) {
      const { code, said } = await refused({ ...store, ...env });
      expect([code, said]).toEqual([WRONG_SETTING, expect.stringContaining('set TICKCAST_PARTITIONS=4')]);
    }
    expect(await redisCli(installation.redis, 'hget', 'tc:{registry}:layout', 'partitions')).toBe('4');
    // Another prefix is another store.
    const beside = await installation.start({ TICKCAST_PARTITIONS: '8', TICKCAST_REDIS_PREFIX: 'beside:' });
    const peer = await StreamPeer.open(beside.url);
    expect(await peer.subscribe(['ticker:SP-A'])).toMatchObject([{ symbol: 'SP-A' }]);
    await beside.stop();
  }, 90_000);

  it('is refused with some roles and no Redis', async () => {
    const { code, said } = await refused({ TICKCAST_ROLES: 'gateway', TICKCAST_ANONYMOUS: 'on' });
    expect([code, said]).toEqual([WRONG_SETTING, expect.stringContaining('REDIS_URL')]);
  });

  it.each([
    ['feed', 'TICKCAST_FEED_KEY'],
    ['admin', 'TICKCAST_ADMIN_KEY'],
    ['gateway', 'TICKCAST_CLIENT_KEY'],
  ])('is refused as %s with Redis but without %s', async (role, missing) => {
    const { [missing as keyof typeof KEYS]: _left, ...others } = KEYS;
    const env = {
      REDIS_URL: installation.redis.url,
      TICKCAST_PARTITIONS: '4',
      TICKCAST_ROLES: role,
      ...others,
    };
    const { code, said } = await refused(env);
    expect([code, said]).toEqual([WRONG_SETTING, expect.stringContaining(`${missing} is not set`)]);
  });

  it('ends with a message when Redis cannot be reached, or refuses the password', async () => {
    const url = installation.redis.url.replace('redis://', 'redis://nobody:secret-of-redis@');
    const [away, stranger] = await Promise.all([
      refused({ REDIS_URL: 'redis://127.0.0.1:1', ...KEYS }),
      refused({ REDIS_URL: url, TICKCAST_PARTITIONS: '4', ...KEYS }),
    ]);
    for (const { code, said } of [away, stranger])
      expect([code, said]).toEqual([
        1,
        expect.stringMatching(/^Tickcast could not start: Redis \(REDIS_URL\) .*$/m),
      ]);
    expect(away.said).toContain('ECONNREFUSED');
    expect(stranger.said).toMatch(/could not start.*WRONGPASS/);
    expect(stranger.said).not.toContain('secret-of-redis');
    // For people: where in the program it was thrown helps nobody.
    expect(away.said).not.toMatch(/^ +at /m);
  }, 60_000);

  it('shows its configuration without secrets', async () => {
    const own = await spawnTickcast({
      args: ['--print-config'],
      env: { REDIS_URL: 'redis://user:secret-of-redis@10.0.0.7:6379/3', ...KEYS },
    });
    expect((await own.exited).code).toBe(0);
    for (const variable of [...Object.keys(KEYS), 'REDIS_URL'])
      expect(own.stdout).toMatch(new RegExp(`^${variable} +\\*+ +environment$`, 'm'));
    for (const secret of [...Object.values(KEYS), 'secret-of-redis'])
      expect(own.output()).not.toContain(secret);
  });
});

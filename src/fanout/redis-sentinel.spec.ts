import { type RedisSentinel, startRedisSentinel } from '../../test/support/redis-sentinel.js';
import { systemClock } from '../clock.js';
import type { RedisCommands } from './redis-commands.js';
import { RedisConnections } from './redis-connections.js';
import { type Heard, listen, pause, until } from './redis-listen.fixture.js';
import { type RedisTopology, readAddress } from './redis-topology.js';
import { quietLog } from './store-forms.fixture.js';

const DATABASE = 3;

/** Publishes numbers, one after another, as an owner commits: the same again until it is answered. */
class Speaker {
  said = 0;
  private ended = false;
  private readonly speaking: Promise<void>;

  constructor(private readonly redis: RedisCommands) {
    this.speaking = this.speak();
  }

  private async speak(): Promise<void> {
    while (!this.ended) {
      try {
        await this.redis.call('spec:said', 'publish', ['spec:live', String(this.said + 1)]);
        await this.redis.call('spec:said', 'incr', ['spec:said']);
        this.said++;
      } catch (error) {
        expect(error).toMatchObject({ code: 'store_unavailable' });
      }
      await pause(10);
    }
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.speaking;
  }
}

describe('connections by sentinels', () => {
  let sentinel: RedisSentinel;
  let connections: RedisConnections;
  let redis: RedisCommands;
  let speaker: Speaker;
  let hearing: Heard;

  const topology = (name: string): RedisTopology => ({
    kind: 'sentinel',
    sentinels: sentinel.addresses.map((address) => readAddress(address, 0)),
    name,
    access: { username: null, password: 'of-servers', tls: null },
    sentinelAccess: { username: null, password: 'of-sentinels', tls: null },
    database: DATABASE,
  });
  const connect = (given: RedisTopology) =>
    new RedisConnections({ topology: given, log: quietLog, clock: systemClock, readyMsMax: 3_000 });

  beforeAll(async () => {
    sentinel = await startRedisSentinel({ password: 'of-servers', sentinelPassword: 'of-sentinels' });
  }, 90_000);
  afterAll(() => sentinel.stop());
  beforeEach(async () => {
    connections = connect(topology(sentinel.name));
    redis = connections.command('owner');
    hearing = listen(connections, 'spec:live');
    await Promise.all([connections.whenReady(redis), hearing.up]);
    speaker = new Speaker(redis);
    await until(() => hearing.heard.length > 3);
  });
  afterEach(async () => {
    await speaker.end();
    await connections.close();
  });

  /**
   * Everything that is published by now is heard by now, by a subscription at the master. The sentinels may have chosen
   * once more meanwhile, as they do on a busy machine: then that one is meant.
   */
  async function expectAllToGoOn(): Promise<void> {
    const isAtMaster = async (name: string, ...which: string[]) =>
      (await (await sentinel.master()).cli('client', 'list', ...which)).includes(`name=tickcast-${name} `);
    const before = speaker.said;
    await until(() => speaker.said > before + 3);
    await until(() => isAtMaster('owner'));
    await until(() => isAtMaster('spec', 'type', 'pubsub'));
    const from = speaker.said;
    await until(() => speaker.said > from + 3);
    await until(() => hearing.heard.includes(String(from + 2)));
  }

  /** How often the sentinels have begun to choose a master, up to the last time that they did. */
  async function elections(): Promise<number> {
    const said = (await sentinel.sentinels[0]!.cli('sentinel', 'master', sentinel.name)).split('\n');
    return Number(said[said.indexOf('config-epoch') + 1]);
  }

  it('uses the database that it was given', async () => {
    const master = await sentinel.master();
    expect(await master.cli('-n', String(DATABASE), 'exists', 'spec:said')).toBe('1');
    expect(await master.cli('-n', '0', 'exists', 'spec:said')).toBe('0');
  });

  it('go on at the new master when the master is killed', async () => {
    const former = await sentinel.master();
    const electionsBefore = await elections();
    await former.kill();
    await sentinel.failedOver(former);
    await expectAllToGoOn();
    const [first, ...told] = hearing.told;
    expect(first).toBe('up');
    expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'down' : 'up')));
    expect(told.at(-1)).toBe('up');
    expect(told.length / 2).toBeLessThanOrEqual((await elections()) - electionsBefore);
    await former.start();
    await sentinel.settled();
    await expectAllToGoOn();
  }, 90_000);

  it('go on at the new master when the master stands still, and stay there when the former one goes on', async () => {
    const former = await sentinel.master();
    former.pause();
    await sentinel.failedOver(former);
    await expectAllToGoOn();
    former.resume();
    await sentinel.settled();
    await expectAllToGoOn();
    await until(async () => !(await former.cli('client', 'list')).includes('name=tickcast-'));
  }, 90_000);

  it('go to the new master when the sentinels change it though nothing broke', async () => {
    const former = await sentinel.master();
    // It may not have seen all replicas answer again yet.
    await until(
      async () => (await sentinel.sentinels[0]!.cli('sentinel', 'failover', sentinel.name)) === 'OK',
    );
    await sentinel.failedOver(former);
    await expectAllToGoOn();
    await sentinel.settled();
    await until(async () => !(await former.cli('client', 'list')).includes('name=tickcast-'));
  }, 90_000);

  it('leave a master that goes on by itself when the sentinels can no longer reach it', async () => {
    const former = await sentinel.master();
    await speaker.end();
    // Sentinels and replicas are one user, and we are another.
    await former.cli('acl', 'setuser', 'desk', 'on', '>of-desk', '~*', '&*', '+@all');
    for (const node of sentinel.nodes)
      if (node !== former) await node.cli('acl', 'setuser', 'desk', 'on', '>of-desk', '~*', '&*', '+@all');
    const others = connect({
      ...topology(sentinel.name),
      access: { username: 'desk', password: 'of-desk', tls: null },
    } as RedisTopology);
    try {
      const commands = others.command('other');
      const { heard, up } = listen(others, 'spec:live');
      await Promise.all([others.whenReady(commands), up]);
      await former.cli('acl', 'setuser', 'default', '-@all', '+acl', '+client', '+role');
      const master = await sentinel.failedOver(former);
      expect(await former.cli('role')).toMatch(/^master/);
      await until(async () => (await master.cli('client', 'list')).includes('name=tickcast-other '));
      await until(async () => {
        await master.cli('publish', 'spec:live', 'from the new one');
        return heard.includes('from the new one');
      });
    } finally {
      await former.cli('acl', 'setuser', 'default', '+@all');
      await others.close();
    }
    await sentinel.settled();
  }, 90_000);

  it('ask the next sentinel when one stands still', async () => {
    sentinel.sentinels[0]!.pause();
    const others = connect(topology(sentinel.name));
    try {
      const commands = others.command('late');
      await others.whenReady(commands);
      expect(await commands.call('spec:said', 'exists', ['spec:said'])).toBe(1);
    } finally {
      sentinel.sentinels[0]!.resume();
      await others.close();
    }
  });

  it('say what is wrong when the sentinels do not know the name, or the password is another', async () => {
    const unknown = connect(topology('nobody'));
    await expect(unknown.whenReady(unknown.command('start'))).rejects.toThrow(
      /Redis \(REDIS_SENTINELS\) was not ready within 3 s: .*(invalid reply|unreachable|No such master)/,
    );
    await unknown.close();
    const known = topology(sentinel.name);
    const stranger = connect({
      ...known,
      access: { username: null, password: 'wrong', tls: null },
    } as RedisTopology);
    await expect(stranger.whenReady(stranger.command('start'))).rejects.toThrow(/WRONGPASS/);
    await stranger.close();
  });
});

import { startRedisCluster } from '../../test/support/redis-cluster.js';
import { accessArgs, type RedisNode, startRedisNode, tlsSettings } from '../../test/support/redis-node.js';
import { startRedisSentinel } from '../../test/support/redis-sentinel.js';
import { makeTlsFiles, type TlsFiles } from '../../test/support/tls-files.js';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { RedisSymbolStore } from '../symbols/redis-symbol-store.js';
import { definition, note } from '../symbols/symbol-store.fixture.js';
import { Names } from './names.js';
import { topologyOf } from './redis-config.js';
import { RedisConnections } from './redis-connections.js';
import { fixLayout } from './redis-layout.js';
import { listen, until } from './redis-listen.fixture.js';
import { RedisNodeRegister } from './redis-node-register.js';
import { RedisPartitionStore } from './redis-partition-store.js';
import { RedisTape } from './redis-tape.js';
import { RedisTickLog } from './redis-tick-log.js';
import { quietLog } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

/** As docs/operations.md has them, but for the prefix. */
const RIGHTS = '~spec:* &spec:* +@all -@admin -@dangerous +info +role';
const RIGHTS_AT_SENTINELS =
  '&* -@all +ping +hello +client +sentinel|master +sentinel|get-master-addr-by-name +sentinel|sentinels';

type Environment = Readonly<Record<string, string>>;

/** As a process is given it. */
function connect(environment: Environment): RedisConnections {
  const config = readConfig({ ...environment, TICKCAST_ROLES: 'fanout' });
  const topology = topologyOf(config);
  if (topology === null) throw new Error('Expected Redis in the settings');
  return new RedisConnections({ topology, log: quietLog, clock: systemClock, readyMsMax: 3_000 });
}

/** What a command writes, and what a subscription hears. */
async function expectToWork(environment: Environment): Promise<void> {
  const connections = connect(environment);
  try {
    const redis = connections.command('spec');
    const { heard, up } = listen(connections, 'spec:live', true);
    await Promise.all([connections.whenReady(redis), up]);
    expect(await redis.call('spec:a', 'set', ['spec:a', '1'])).toEqual(Buffer.from('OK'));
    const publish = redis.isSharded ? 'spublish' : 'publish';
    await redis.call('spec:live', publish, ['spec:live', 'hello']);
    await until(() => heard.length > 0);
    expect(heard).toEqual(['hello']);
    await expectEveryCommandAllowed(connections);
  } finally {
    await connections.close();
  }
}

/** As all parts of a process do: what was not answered in time is asked again. */
async function repeated<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { readonly value: T } | undefined;
  await until(async () => {
    answer = await ask().then(
      (value) => ({ value }),
      (error: Error) => {
        if (!(error instanceof StoreUnavailable)) throw error;
        return undefined;
      },
    );
    return answer !== undefined;
  });
  return answer!.value;
}

/** What each part of a process asks of the store. */
async function expectEveryCommandAllowed(connections: RedisConnections): Promise<void> {
  const names = new Names('spec:');
  const redis = connections.command('parts');
  await connections.whenReady(redis);
  await repeated(() => fixLayout(redis, names, 4));
  const store = new RedisPartitionStore(redis, names, 3_000);
  expect(await repeated(() => store.acquire(0, 'token'))).toMatchObject({ kind: 'acquired' });
  const register = new RedisNodeRegister(redis, () => connections.subscriber('control'), names);
  expect(await repeated(() => register.beat('node'))).toContain('node');
  await repeated(() => register.leave('node'));
  const log = new RedisTickLog(redis, names, { entriesMax: 100, marksMax: 100 }, 'replicated');
  const look = await repeated(() => log.append(0, { run: '', entries: [], newMarks: [] }));
  const run = look.kind === 'run' ? look.run : '';
  const entries = [new Uint8Array([0x90])];
  await until(async () => {
    const answer = await log.append(0, { run, entries, newMarks: [] }).catch((error: Error) => {
      // A replica may still be on its way.
      expect(error).toBeInstanceOf(StoreUnavailable);
    });
    return answer?.kind === 'stored';
  });
  const position = { leaseToken: 'token', run, epoch: 1, epochToken: 'epoch', number: 1 };
  const message = new Uint8Array([0x91]);
  const dues = { offset: null, checkpoint: message, marksMoved: [], marksDropped: [], tapeKeepFrom: null };
  const commit = { ...position, kind: 'batch' as const, message, timeMs: 1, ...dues };
  expect(['stored', 'repeated']).toContain((await repeated(() => store.commit(0, commit))).kind);
  const pace = { heartbeatMs: 500, leaseMs: 3_000 };
  const tape = new RedisTape(redis, () => connections.subscriber('live'), names, 4, pace);
  expect((await repeated(() => tape.load(0))).epoch).toBe(1);
  expect(await repeated(() => tape.readAfter(0, 1, 0, 10))).toHaveLength(1);
  await repeated(() => store.release(0, position, null));
  const symbols = new RedisSymbolStore(connections, names);
  await symbols.whenReady();
  const unfollow = await symbols.follow({ announced: () => undefined, up: () => undefined });
  await until(async () => {
    const answers = await symbols.create([definition()], 10, note()).catch((error: Error) => {
      expect(error).toBeInstanceOf(StoreUnavailable);
    });
    return answers !== undefined;
  });
  expect(await repeated(() => symbols.auditAfter(null, 10))).toHaveLength(1);
  await unfollow();
}

async function whyNot(environment: Environment): Promise<string> {
  const connections = connect(environment);
  try {
    return await connections.whenReady(connections.command('spec')).then(
      () => 'it was ready',
      (error: Error) => error.message,
    );
  } finally {
    await connections.close();
  }
}

async function addUser(node: RedisNode, user: string, rights: string): Promise<void> {
  await node.cli('acl', 'setuser', user, 'on', `>of-${user}`, ...rights.split(' '));
}

describe('a Redis with TLS and users', () => {
  let tls: TlsFiles;
  let other: TlsFiles;
  let server: RedisNode;
  let strict: RedisNode;

  beforeAll(async () => {
    tls = await makeTlsFiles();
    other = await makeTlsFiles('DNS:redis.example.com');
    const settings = (port: number) => [...tlsSettings(port, tls), 'save ""', 'requirepass of-default'];
    server = await startRedisNode({
      cliArgs: accessArgs('of-default', tls),
      settings: (port) => [...settings(port), `user desk on >of-desk ${RIGHTS}`],
    });
    strict = await startRedisNode({
      settings: (port) => [...settings(port), 'tls-auth-clients yes', `tls-ca-cert-file ${other.cert}`],
    });
  });
  afterAll(async () => {
    await Promise.all([server.stop(), strict.stop()]);
    await Promise.all([tls.remove(), other.remove()]);
  });

  it('is reached by a rediss URL that has user, password and database in it', async () => {
    await expectToWork({
      REDIS_URL: `rediss://desk:of-desk@127.0.0.1:${server.port}/5`,
      REDIS_TLS_CA: tls.cert,
    });
    expect(await server.cli('-n', '5', 'get', 'spec:a')).toBe('1');
  });

  it('is reached by settings beside the URL', async () => {
    await expectToWork({
      REDIS_URL: `redis://localhost:${server.port}`,
      REDIS_TLS: 'on',
      REDIS_TLS_CA: tls.cert,
      REDIS_PASSWORD: 'of-default',
      REDIS_DATABASE: '7',
    });
    expect(await server.cli('-n', '7', 'get', 'spec:a')).toBe('1');
  });

  it('is not reached by a wrong password, nor where the certificate is not trusted', async () => {
    const url = { REDIS_URL: `rediss://127.0.0.1:${server.port}` };
    const [wrong, none, untrusted, another] = await Promise.all([
      whyNot({ ...url, REDIS_TLS_CA: tls.cert, REDIS_PASSWORD: 'wrong' }),
      whyNot({ ...url, REDIS_TLS_CA: tls.cert }),
      whyNot({ ...url, REDIS_PASSWORD: 'of-default' }),
      whyNot({ ...url, REDIS_TLS_CA: other.cert, REDIS_PASSWORD: 'of-default' }),
    ]);
    expect(wrong).toMatch(/WRONGPASS/);
    expect(none).toMatch(/NOAUTH/);
    expect(untrusted).toMatch(/self-signed certificate/);
    expect(another).toMatch(/certificate/);
  });

  it('is asked for the name that the setting says', async () => {
    const settings = {
      REDIS_URL: `rediss://127.0.0.1:${server.port}`,
      REDIS_TLS_CA: tls.cert,
      REDIS_PASSWORD: 'of-default',
    };
    await expectToWork({ ...settings, REDIS_TLS_SERVER_NAME: 'localhost' });
    expect(await whyNot({ ...settings, REDIS_TLS_SERVER_NAME: 'redis.example.com' })).toMatch(
      /redis\.example\.com/,
    );
  });

  it('is shown the certificate of this client, where it asks for one', async () => {
    const settings = {
      REDIS_URL: `rediss://127.0.0.1:${strict.port}`,
      REDIS_TLS_CA: tls.cert,
      REDIS_PASSWORD: 'of-default',
    };
    await expectToWork({ ...settings, REDIS_TLS_CERT: other.cert, REDIS_TLS_KEY: other.key });
    expect(await whyNot(settings)).toMatch(/was not ready within/);
  });

  it('is not asked at all with files that are none', () => {
    const settings = { REDIS_URL: 'rediss://127.0.0.1', REDIS_TLS_CA: '/nowhere/ca.pem' };
    expect(() => connect(settings)).toThrow(
      /REDIS_TLS_CA is "\/nowhere\/ca.pem", which cannot be read \(ENOENT\)/,
    );
    expect(() => connect({ ...settings, REDIS_TLS_CA: 'package.json' })).toThrow(
      /REDIS_TLS_CA is "package.json"; allowed: a PEM file/,
    );
  });

  it('works under sentinels that speak TLS too, through a failover', async () => {
    const sentinel = await startRedisSentinel({
      tls,
      password: 'of-servers',
      sentinelPassword: 'of-sentinels',
    });
    try {
      for (const node of sentinel.nodes) await addUser(node, 'desk', RIGHTS);
      for (const node of sentinel.sentinels) await addUser(node, 'looker', RIGHTS_AT_SENTINELS);
      const environment = {
        ...sentinel.env,
        ...{ REDIS_USERNAME: 'desk', REDIS_PASSWORD: 'of-desk' },
        ...{ REDIS_SENTINEL_USERNAME: 'looker', REDIS_SENTINEL_PASSWORD: 'of-looker' },
      };
      await expectToWork(environment);
      const former = await sentinel.master();
      await former.kill();
      await sentinel.failedOver(former);
      await expectToWork(environment);
    } finally {
      await sentinel.stop();
    }
  }, 90_000);

  it('works as a cluster, through the loss of a master', async () => {
    const cluster = await startRedisCluster({ tls, password: 'of-nodes' });
    try {
      for (const node of cluster.nodes) await addUser(node, 'desk', RIGHTS);
      const environment = { ...cluster.env, REDIS_USERNAME: 'desk', REDIS_PASSWORD: 'of-desk' };
      await expectToWork(environment);
      const former = await cluster.masterOf('spec:live');
      await former.kill();
      await cluster.failedOver(former, 'spec:live');
      await expectToWork(environment);
    } finally {
      await cluster.stop();
    }
  }, 90_000);
});

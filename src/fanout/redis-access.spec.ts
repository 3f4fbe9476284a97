import { startRedisCluster } from '../../test/support/redis-cluster.js';
import { accessArgs, type RedisNode, startRedisNode, tlsSettings } from '../../test/support/redis-node.js';
import { startRedisSentinel } from '../../test/support/redis-sentinel.js';
import { makeTlsFiles, type TlsFiles } from '../../test/support/tls-files.js';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { topologyOf } from './redis-config.js';
import { RedisConnections } from './redis-connections.js';
import { listen, until } from './redis-listen.fixture.js';
import { quietLog } from './store-forms.fixture.js';

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
  } finally {
    await connections.close();
  }
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
      settings: (port) => [...settings(port), 'user desk on >of-desk allkeys allchannels +@all'],
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
      await expectToWork(sentinel.env);
      const former = await sentinel.master();
      await former.kill();
      await sentinel.failedOver(former);
      await expectToWork(sentinel.env);
    } finally {
      await sentinel.stop();
    }
  }, 90_000);

  it('works as a cluster, through the loss of a master', async () => {
    const cluster = await startRedisCluster({ tls, password: 'of-nodes' });
    try {
      await expectToWork(cluster.env);
      const former = await cluster.masterOf('spec:live');
      await former.kill();
      await cluster.failedOver(former, 'spec:live');
      await expectToWork(cluster.env);
    } finally {
      await cluster.stop();
    }
  }, 90_000);
});

import { once } from 'node:events';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { RedisConnections } from './redis-connections.js';
import { outliveStreamErrors } from './redis-stream-errors.js';
import { standaloneAt } from './redis-topology.js';
import { quietLog } from './store-forms.fixture.js';

describe('a stream that says more than one error', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  /** What a TLS socket does when it is reset in the midst of its handshake. */
  function sayErrors(redis: Redis): void {
    for (const message of ['write EPIPE', 'alert decode error', 'read ECONNRESET'])
      redis.stream.emit('error', new Error(message));
  }

  it('ends no process: every connection of the service outlives it', async () => {
    const connections = new RedisConnections({
      topology: standaloneAt(server.url),
      log: quietLog,
      clock: systemClock,
    });
    try {
      const commands = connections.command('spec');
      await connections.whenReady(commands);
      for (let round = 0; round < 2; round++) {
        const redis = commands.server('any');
        sayErrors(redis);
        const closed = once(redis, 'close');
        redis.stream.destroy();
        await closed;
        await connections.whenReady(commands);
      }
      expect(await commands.call('any', 'ping', [])).toEqual(Buffer.from('PONG'));
    } finally {
      await connections.close();
    }
  });

  it('is outlived on the connections to sentinels that the client makes by itself, too', async () => {
    const { hostname: host, port } = new URL(server.url);
    const redis = new Redis({ sentinels: [{ host, port: Number(port) }], name: 'any', lazyConnect: true });
    outliveStreamErrors(redis);
    const connector = (redis as unknown as { connector: { connectToSentinel(at: object): Redis } }).connector;
    const sentinel = connector.connectToSentinel({ host, port: Number(port) });
    sentinel.on('error', () => undefined);
    await once(sentinel, 'ready');
    sayErrors(sentinel);
    expect(await sentinel.ping()).toBe('PONG');
    sentinel.disconnect();
    redis.disconnect();
  });
});

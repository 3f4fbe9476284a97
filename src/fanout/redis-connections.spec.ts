import { once } from 'node:events';
import { type AddressInfo, createConnection as connectTo, createServer } from 'node:net';
import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { RedisConnections, unavailable, watchConnection } from './redis-connections.js';
import { RedisScript } from './redis-script.js';
import { quietLog } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

const connect = (url: string) =>
  new RedisConnections({ url, log: quietLog, clock: systemClock, readyMsMax: 300 });

describe('RedisConnections', () => {
  let server: RedisServer;
  let connections: RedisConnections;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    connections = connect(server.url);
  });
  const endings: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    await connections.close();
    for (const end of endings.splice(0).reverse()) await end();
  });

  it('is ready, names itself to the server, and closes', async () => {
    const redis = connections.command('owner');
    await connections.whenReady(redis);
    expect(await redis.client('GETNAME')).toBe('tickcast-owner');
    await connections.close();
    expect(redis.status).toBe('end');
    expect(() => connections.command('late')).toThrow(/no new connection after close/);
  });

  it('says what it waited for when nobody answers', async () => {
    const nobody = connect('redis://127.0.0.1:1');
    await expect(nobody.whenReady(nobody.command('start'))).rejects.toThrow(
      /Redis \(REDIS_URL\) was not ready within 0.3 s: .*ECONNREFUSED/,
    );
    await nobody.close();
  });

  it('fails a command at once while the connection is down, and does not run it later', async () => {
    const redis = connections.command('owner');
    await connections.whenReady(redis);
    redis.stream.destroy();
    await once(redis, 'close');
    const error = await redis.incr('spec:count').then(undefined, unavailable);
    expect(error).toBeInstanceOf(StoreUnavailable);
    await once(redis, 'ready');
    expect(await redis.get('spec:count')).toBeNull();
  });

  it('connects anew when its server has become a replica, to whom the address leads to now', async () => {
    const other = await startRedis();
    endings.push(() => other.stop());
    endings.push(() => redisCli(server, 'REPLICAOF', 'NO', 'ONE'));
    let port = server.port;
    const address = createServer((client) => {
      const upstream = connectTo(port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream])
        socket.on('error', () => undefined).on('close', () => [client, upstream].map((end) => end.destroy()));
    });
    await once(address.listen(0, '127.0.0.1'), 'listening');
    endings.push(async () => address.close());
    const { port: frontPort } = address.address() as AddressInfo;
    const behind = connect(`redis://127.0.0.1:${frontPort}`);
    endings.push(() => behind.close());
    const redis = behind.command('log');
    await behind.whenReady(redis);
    const script = new RedisScript(`return redis.call('INCR', KEYS[1])`);
    const increment = () => script.run(redis, ['spec:demoted'], []);
    expect(await increment()).toBe(1);

    await redisCli(server, 'REPLICAOF', '127.0.0.1', String(other.port));
    port = other.port;
    const ready = once(redis, 'ready');
    await expect(increment()).rejects.toMatchObject({ code: 'store_unavailable' });
    await ready;
    expect(await increment()).toBe(1);

    // And back, while the connection stays where it is.
    await redisCli(other, 'REPLICAOF', '127.0.0.1', '1');
    const readyAgain = once(redis, 'ready');
    await expect(redis.incr('spec:demoted')).rejects.toThrow(/^READONLY/);
    await readyAgain;
    await redisCli(other, 'REPLICAOF', 'NO', 'ONE');
    expect(await increment()).toBe(2);
  });

  it('notices a server that stands still, and comes back when it goes on', async () => {
    const redis = connections.command('owner');
    const subscriber = connections.subscriber('live');
    await Promise.all([connections.whenReady(redis), connections.whenReady(subscriber)]);
    await subscriber.subscribe('spec:channel');
    const lost = Promise.all([once(redis, 'close'), once(subscriber, 'close')]);
    await server.pause();
    const error = await redis.get('any').then(undefined, unavailable);
    expect(error).toMatchObject({ code: 'store_unavailable', message: 'Command timed out' });
    await lost;
    const back = Promise.all([once(redis, 'ready'), once(subscriber, 'ready')]);
    await server.resume();
    await back;
    const message = once(subscriber, 'message');
    while ((await redisCli(server, 'PUBLISH', 'spec:channel', 'hello')) === '0') await redis.ping();
    expect(await message).toEqual(['spec:channel', 'hello']);
  });

  it('tells of a connection that breaks and comes back, not of the first one', async () => {
    const redis = connections.command('owner');
    const told: string[] = [];
    const end = watchConnection(redis, { lost: () => told.push('lost'), back: () => told.push('back') });
    await connections.whenReady(redis);
    expect(told).toEqual([]);
    redis.stream.destroy();
    await once(redis, 'ready');
    expect(told).toEqual(['lost', 'back']);
    end();
  });
});

describe('unavailable', () => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

  it.each(['LOADING Redis is loading', 'READONLY You can’t write', 'MISCONF Errors writing', 'OOM command'])(
    'takes "%s" for a store that cannot serve now',
    (message) => {
      expect(unavailable(reply(message))).toBeInstanceOf(StoreUnavailable);
    },
  );

  it('takes what the connection says for a store that cannot be reached', () => {
    expect(unavailable(new Error('Connection is closed.'))).toBeInstanceOf(StoreUnavailable);
  });

  it('leaves faults of ours as they are', () => {
    const fault = reply('WRONGTYPE Operation against a key');
    expect(unavailable(fault)).toBe(fault);
    const typeError = new TypeError('x is not a function');
    expect(unavailable(typeError)).toBe(typeError);
  });
});

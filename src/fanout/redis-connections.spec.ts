import { once } from 'node:events';
import { type AddressInfo, createConnection as connectTo, createServer } from 'node:net';
import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import type { RedisCommands } from './redis-commands.js';
import { RedisConnections } from './redis-connections.js';
import { unavailable } from './redis-errors.js';
import { listen, pause, until } from './redis-listen.fixture.js';
import { RedisScript } from './redis-script.js';
import { standaloneAt } from './redis-topology.js';
import { quietLog } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

const connect = (url: string) =>
  new RedisConnections({ topology: standaloneAt(url), log: quietLog, clock: systemClock, readyMsMax: 300 });

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
    expect(await redisCli(server, 'CLIENT', 'LIST')).toContain('name=tickcast-owner ');
    await connections.close();
    await expect(redis.call('a', 'get', ['a'])).rejects.toThrow('The connections to Redis are closed');
    expect(await redisCli(server, 'CLIENT', 'LIST')).not.toContain('name=tickcast-owner ');
    const late = connections.command.bind(connections, 'late');
    expect(late).toThrow(/no new connection after close/);
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
    const back = told(redis, 'back');
    const lost = told(redis, 'lost');
    redis.server('spec:count').stream.destroy();
    await lost;
    await expect(redis.call('spec:count', 'incr', ['spec:count'])).rejects.toBeInstanceOf(StoreUnavailable);
    await back;
    expect(await redis.call('spec:count', 'get', ['spec:count'])).toBeNull();
  });

  it('connects anew when its server has become a replica, to whom the address leads to now', async () => {
    const other = await startRedis();
    endings.push(() => other.stop());
    endings.push(() => redisCli(server, 'REPLICAOF', 'NO', 'ONE'));
    const front = await openFront(() => port);
    let port = server.port;
    endings.push(() => front.close());
    const behind = connect(`redis://127.0.0.1:${front.port}`);
    endings.push(() => behind.close());
    const redis = behind.command('log');
    await behind.whenReady(redis);
    const script = new RedisScript(`return redis.call('INCR', KEYS[1])`);
    const increment = () => script.run(redis, ['spec:demoted'], []);
    expect(await increment()).toBe(1);

    await redisCli(server, 'REPLICAOF', '127.0.0.1', String(other.port));
    port = other.port;
    const ready = told(redis, 'back');
    await expect(increment()).rejects.toMatchObject({ code: 'store_unavailable' });
    await ready;
    expect(await increment()).toBe(1);

    // And back, while the connection stays where it is.
    await redisCli(other, 'REPLICAOF', '127.0.0.1', '1');
    const readyAgain = told(redis, 'back');
    await expect(increment()).rejects.toThrow(/READONLY/);
    await readyAgain;
    await redisCli(other, 'REPLICAOF', 'NO', 'ONE');
    expect(await increment()).toBe(2);
  });

  it('leaves a demoted server with its subscription too, though nothing is ever asked there', async () => {
    const other = await startRedis();
    endings.push(() => other.stop());
    endings.push(() => redisCli(server, 'REPLICAOF', 'NO', 'ONE'));
    const front = await openFront(() => port);
    let port = server.port;
    endings.push(() => front.close());
    const behind = connect(`redis://127.0.0.1:${front.port}`);
    endings.push(() => behind.close());
    const { heard, up } = listen(behind, 'spec:news');
    await up;
    await redisCli(server, 'REPLICAOF', '127.0.0.1', '1');
    port = other.port;
    await until(async () => {
      await redisCli(other, 'PUBLISH', 'spec:news', 'from the new one');
      return heard.includes('from the new one');
    });
  });

  it('notices a server that stands still, and comes back when it goes on', async () => {
    const redis = connections.command('owner');
    const { heard, up } = listen(connections, 'spec:channel');
    await Promise.all([connections.whenReady(redis), up]);
    const [lost, back] = [told(redis, 'lost'), told(redis, 'back')];
    await server.pause();
    const error = await redis.call('any', 'get', ['any']).then(undefined, (thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'store_unavailable', message: 'Command timed out' });
    await lost;
    await server.resume();
    await back;
    // One that was counted may have gone to the connection that was given up.
    await until(async () => {
      await redisCli(server, 'PUBLISH', 'spec:channel', 'hello');
      return heard.includes('hello');
    });
  });

  it('tells of a connection that breaks and comes back, not of the first one', async () => {
    const redis = connections.command('owner');
    const heard: string[] = [];
    redis.watch({ lost: () => heard.push('lost'), back: () => heard.push('back') });
    await connections.whenReady(redis);
    expect(heard).toEqual([]);
    const back = told(redis, 'back');
    redis.server('any').stream.destroy();
    await back;
    expect(heard).toEqual(['lost', 'back']);
  });

  describe('a channel that is silent', () => {
    let isSpoken: boolean;
    let told: string[];
    let heard: string[];
    const clients = () => redisCli(server, 'CLIENT', 'LIST', 'TYPE', 'PUBSUB');
    const idOfLive = async () => /^id=(\d+) .*name=tickcast-live/m.exec(await clients())?.[1];

    beforeEach(async () => {
      [isSpoken, told, heard] = [true, [], []];
      await connections.subscriber('live').follow(
        ['spec:live'],
        {
          message: (_channel, bytes) => heard.push(bytes.toString()),
          up: () => told.push('up'),
          down: () => told.push('down'),
        },
        { isLive: true, silence: { ms: 200, isSpoken: async () => isSpoken } },
      );
    });

    it('is subscribed to a second time when somebody speaks on it, before the first connection is given up', async () => {
      const first = await idOfLive();
      await until(() => told.length > 1);
      await until(async () => !(await clients()).includes(`id=${first} `));
      isSpoken = false;
      expect(await redisCli(server, 'PUBLISH', 'spec:live', 'hello')).toBe('1');
      await until(() => heard.length > 0);
      expect(heard).toEqual(['hello']);
      expect(told).not.toContain('down');
    });

    it('is tried ever more rarely when that does not help', async () => {
      const startMs = performance.now();
      await until(() => told.length > 4);
      // 200 ms of silence each time, and rests of 200, 400, 800 ms.
      expect(performance.now() - startMs).toBeGreaterThan(1_400);
    });

    it('keeps its connection when nobody speaks, or it is heard', async () => {
      isSpoken = false;
      const first = await idOfLive();
      await pause(700);
      expect(await idOfLive()).toBe(first);
      const speaking = setInterval(() => void redisCli(server, 'PUBLISH', 'spec:live', 'here'), 50);
      await until(() => heard.length > 0);
      isSpoken = true;
      await pause(700);
      clearInterval(speaking);
      expect(await idOfLive()).toBe(first);
      expect(told).toEqual(['up']);
    });
  });
});

/** Forwards connections to a port of this machine, as a name or a virtual address would. */
async function openFront(port: () => number): Promise<{ port: number; close(): Promise<void> }> {
  const front = createServer((client) => {
    const upstream = connectTo(port(), '127.0.0.1');
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream])
      socket.on('error', () => undefined).on('close', () => [client, upstream].map((end) => end.destroy()));
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (front.address() as AddressInfo).port,
    close: async () => {
      front.close();
    },
  };
}

function told(redis: RedisCommands, what: 'lost' | 'back'): Promise<void> {
  return new Promise((resolve) => {
    const end = redis.watch({
      lost: () => tell('lost'),
      back: () => tell('back'),
    });
    const tell = (is: string) => {
      if (is !== what) return;
      end();
      resolve();
    };
  });
}

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

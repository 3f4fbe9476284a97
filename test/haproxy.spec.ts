/** HAProxy with the project's own file, in front of two real gateways over a real Redis. */
import { once } from 'node:events';
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { freePort } from './support/free-port.js';
import { type Haproxy, startHaproxy } from './support/haproxy.js';
import { type RedisServer, startRedis } from './support/redis-server.js';
import { startTickcast, type Tickcast } from './support/tickcast.js';

const KEY = 'operators-key';
const PER_ADDRESS = 40;
const LOCAL = '127.0.0.1';

let redis: RedisServer;
let feed: Tickcast;
let gateways: Tickcast[];
let haproxy: Haproxy;
let httpPort: number;
let streamPort: number;

/** Every client comes from an address of its own, as in life. */
let addresses = 1;
const nextAddress = () => `127.0.1.${addresses++}`;

async function startGateway(node: string, ports: { proxy: number; agent: number }): Promise<Tickcast> {
  return startTickcast({
    env: {
      REDIS_URL: redis.url,
      TICKCAST_ROLES: 'gateway',
      TICKCAST_NODE: node,
      TICKCAST_ANONYMOUS: 'on',
      TICKCAST_PROXY_PORT: String(ports.proxy),
      TICKCAST_AGENT_PORT: String(ports.agent),
      TICKCAST_DRAIN_MS: '2000',
      TICKCAST_DRAIN_SPREAD_MS: '200',
      TICKCAST_RECONNECT_SPREAD_MS: '200',
    },
  });
}

beforeAll(async () => {
  redis = await startRedis();
  const feedProxyPort = await freePort();
  feed = await startTickcast({
    env: {
      REDIS_URL: redis.url,
      TICKCAST_ROLES: 'feed,fanout,admin',
      TICKCAST_NODE: 'feed',
      TICKCAST_SIMULATOR: 'on',
      TICKCAST_ADMIN_KEY: KEY,
      TICKCAST_FEED_KEY: 'feeds-key',
      TICKCAST_PROXY_PORT: String(feedProxyPort),
    },
  });
  const ports = [
    { proxy: await freePort(), agent: await freePort() },
    { proxy: await freePort(), agent: await freePort() },
  ] as const;
  gateways = await Promise.all(ports.map((pair, i) => startGateway(`gateway${i + 1}`, pair)));
  httpPort = await freePort();
  streamPort = await freePort();
  haproxy = await startHaproxy({
    config: 'haproxy/haproxy.cfg',
    ports: [httpPort, streamPort],
    env: {
      HTTP_BIND: `${LOCAL}:${httpPort}`,
      STREAM_BIND: `${LOCAL}:${streamPort}`,
      MAXCONN: '1000',
      CONNECTIONS_PER_ADDRESS: String(PER_ADDRESS),
      FEED_HOST: LOCAL,
      FEED_PORT: String(feed.port),
      FEED_PROXY_PORT: String(feedProxyPort),
      ...Object.fromEntries(
        ports.flatMap((pair, i) => [
          [`GATEWAY_${i + 1}_HOST`, LOCAL],
          [`GATEWAY_${i + 1}_PORT`, String(gateways[i]?.port)],
          [`GATEWAY_${i + 1}_PROXY_PORT`, String(pair.proxy)],
          [`GATEWAY_${i + 1}_AGENT_PORT`, String(pair.agent)],
        ]),
      ),
    },
  });
}, 90_000);

afterAll(async () => {
  await haproxy?.stop();
  await Promise.all([feed, ...(gateways ?? [])].map((own) => own?.stop()));
  await redis?.stop();
}, 60_000);

/** A subscribed client: its first image has come. */
async function subscribe(port: number): Promise<Client> {
  const client = new Client(port);
  await client.until((record) => record['type'] === 'image');
  return client;
}

type RecordJson = Readonly<Record<string, unknown>>;

class Client {
  readonly records: RecordJson[] = [];
  readonly closed: Promise<number>;
  private readonly socket: WebSocket;

  constructor(port: number) {
    this.socket = new WebSocket(`ws://${LOCAL}:${port}/v1/stream`, ['tickcast.v1.json'], {
      localAddress: nextAddress(),
    });
    this.socket.on('open', () =>
      this.socket.send(JSON.stringify({ op: 'subscribe', id: 1, channels: ['ticker:TEST'] })),
    );
    this.socket.on('message', (text) => this.records.push(...(JSON.parse(String(text)) as RecordJson[])));
    this.closed = once(this.socket, 'close').then(([code]) => code as number);
  }

  async until(wanted: (record: RecordJson) => boolean): Promise<RecordJson> {
    for (;;) {
      const found = this.records.find(wanted);
      if (found !== undefined) return found;
      await Promise.race([
        once(this.socket, 'message'),
        this.closed.then((code) => {
          throw new Error(`Closed with ${code} after ${JSON.stringify(this.records)}`);
        }),
      ]);
    }
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

async function sessionsOf(gateway: Tickcast): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const samples = text.matchAll(/^tickcast_gateway_sessions(?:{[^}]*})? (\d+)$/gm);
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** One request through the proxy, from an address of its own. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string; from: string }> {
  const from = nextAddress();
  const headers = {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    'x-forwarded-for': '203.0.113.5',
  };
  const sent = request({ host: LOCAL, port: httpPort, method, path, headers, localAddress: from });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(sent, 'response');
  const text = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode, text, from };
}

describe.each([
  ['mode http', () => httpPort],
  ['mode tcp', () => streamPort],
])('%s', (_face, port) => {
  it('spreads clients evenly over both gateways, and prices arrive', async () => {
    const clients: Client[] = [];
    for (let i = 0; i < 10; i++) clients.push(await subscribe(port()));
    expect(await Promise.all(gateways.map(sessionsOf))).toEqual([5, 5]);
    await clients[0]?.until((record) => record['type'] === 'update');
    await Promise.all(clients.map((client) => client.close()));
  });

  it('refuses more connections of one address than allowed', async () => {
    const from = nextAddress();
    const outcome = () => {
      const socket = new WebSocket(`ws://${LOCAL}:${port()}/v1/stream`, { localAddress: from });
      return new Promise<{ opened: boolean; socket: WebSocket }>((resolve) => {
        socket.once('open', () => resolve({ opened: true, socket }));
        socket.once('error', () => resolve({ opened: false, socket }));
      });
    };
    const outcomes = await Promise.all(Array.from({ length: PER_ADDRESS + 5 }, outcome));
    expect(outcomes.filter(({ opened }) => opened)).toHaveLength(PER_ADDRESS);
    const other = await subscribe(port());
    await other.close();
    for (const { socket } of outcomes) socket.terminate();
  });
});

describe('pages and REST', () => {
  it('serves the first screen, and hides what is for operators of the process', async () => {
    expect((await ask('GET', '/')).status).toBe(200);
    const hidden = await Promise.all(
      ['/metrics', '/%6Detrics', '/health', '/%68ealth', '/ready', '/live'].map((path) => ask('GET', path)),
    );
    expect(hidden.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
  });

  it('tells the client’s own address to the audit, whatever a header claims', async () => {
    const halted = await ask('POST', '/v1/admin/symbols/MSFT/halt', { reason: 'News pending' });
    expect(halted.status).toBe(200);
    const audit = await ask('GET', '/v1/admin/audit');
    expect(audit.text).toContain(`"ip":"${halted.from}"`);
    expect(audit.text).not.toContain('203.0.113.5');
  });
});

describe('a gateway that stops', () => {
  it('fails readiness first, tells its clients goodbye and 1012, and they land on the other one', async () => {
    const clients: Client[] = [];
    for (let i = 0; i < 10; i++) clients.push(await subscribe(streamPort));
    const [leaving, staying] = gateways as [Tickcast, Tickcast];
    expect(await Promise.all([leaving, staying].map(sessionsOf))).toEqual([5, 5]);

    leaving.kill('SIGTERM');
    while ((await fetch(`${leaving.url}/ready`)).status === 200);
    // Not ready, and every client is still served.
    expect(await sessionsOf(leaving)).toBe(5);
    expect(await (await fetch(`${leaving.url}/ready`)).json()).toMatchObject({
      ready: false,
      faults: { process: 'stopping' },
    });

    const told = await Promise.all(
      clients.map((client) => Promise.race([client.closed, leaving.exited.then(() => 0)])),
    );
    expect(told.filter((code) => code === 1012)).toHaveLength(5);
    expect(await leaving.exited).toEqual({ code: 0, signal: null });
    for (const client of clients.filter((_client, i) => told[i] === 1012)) {
      const goodbye = client.records.at(-1);
      expect(goodbye).toMatchObject({ type: 'goodbye', retryAfterMs: expect.any(Number) });
    }

    const back = await Promise.all(told.filter((code) => code === 1012).map(() => subscribe(streamPort)));
    expect(await sessionsOf(staying)).toBe(10);
    const rest = clients.filter((_client, i) => told[i] !== 1012);
    await Promise.all([...rest, ...back].map((client) => client.close()));
  });
});

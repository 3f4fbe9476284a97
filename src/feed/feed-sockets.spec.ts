import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { Metrics } from '../ops/metrics.js';
import type { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { Acknowledged } from './acknowledged.js';
import { BatchGate } from './batch-gate.js';
import { FeedLog, silentLog, startRegistry, stillClock } from './feed.fixture.js';
import { FeedCounters } from './feed-counters.js';
import { FeedSockets } from './feed-sockets.js';
import { OwnSessions } from './own-sessions.js';

describe('FeedSockets', () => {
  let registry: LiveSymbolRegistry;
  let sockets: FeedSockets;
  let server: WebSocketServer;
  const clients: WebSocket[] = [];

  const start = async (pingIntervalMs?: number, unreadMsMax?: number) => {
    registry = await startRegistry();
    const door = new BatchGate({
      registry,
      writer: new FeedLog(registry),
      clock: stillClock,
      config: { crossedQuotes: 'reject', tickAgeMsMax: 0, symbolsAutoRegister: false },
      counters: new FeedCounters(),
      log: silentLog,
    });
    sockets = new FeedSockets({
      door,
      acknowledged: new Acknowledged(),
      ownSessions: new OwnSessions('node1', 'start1'),
      batchTicksMax: 10_000,
      batchesInFlightMax: 64,
      random: () => 0.5,
      reconnectSpreadMs: 2_000,
      pingIntervalMs,
      unreadMsMax,
    });
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket) => sockets.open(socket));
    await once(server, 'listening');
  };
  const connect = async (options: ClientOptions = {}) => {
    const { port } = server.address() as AddressInfo;
    const client = new WebSocket(`ws://127.0.0.1:${port}`, options);
    clients.push(client);
    await once(client, 'open');
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.terminate();
    await sockets.stop();
    await new Promise((resolve) => server.close(resolve));
    await registry.stop();
  });

  it('cuts a handler that answered neither of two pings, and no other', async () => {
    await start(20);
    const deaf = await connect({ autoPong: false });
    const alive = await connect();
    let pings = 0;
    alive.on('ping', () => pings++);
    await once(deaf, 'close');
    expect(alive.readyState).toBe(WebSocket.OPEN);
    while (pings < 10) await once(alive, 'ping');
    expect(sockets.size).toBe(1);
    expect(alive.readyState).toBe(WebSocket.OPEN);
  });

  it('closes a handler that sends and never reads, so that replies are bounded', async () => {
    await start(undefined, 300);
    const [accepted] = await Promise.all([once(server, 'connection'), connect()]);
    const served = accepted[0] as WebSocket;
    const client = clients[0]!;
    client.pause();
    const ticks = Array(10_000).fill(null);
    let most = 0;
    const watched = setInterval(() => {
      most = Math.max(most, served.bufferedAmount);
    }, 1);
    for (let seq = 1; seq <= 60; seq++) client.send(JSON.stringify({ op: 'ticks', seq, ticks }));
    await once(served, 'close');
    clearInterval(watched);
    // The bound, and the one reply that reached it.
    expect(most).toBeLessThan(12 * 1024 * 1024);
    expect(sockets.size).toBe(0);
  });

  it('answers every batch of a handler that reads, however many replies are due at once', async () => {
    await start();
    const client = await connect();
    let acks = 0;
    const answered = new Promise<void>((resolve, reject) => {
      client.on('message', (message) => {
        expect(JSON.parse(String(message))).toMatchObject({ op: 'ack', seq: ++acks });
        if (acks === 100) resolve();
      });
      client.on('close', (code) => reject(new Error(`closed with ${code} after ${acks}`)));
    });
    // 60 MB of rejections.
    const ticks = Array(3_000).fill(null);
    for (let seq = 1; seq <= 100; seq++) client.send(JSON.stringify({ op: 'ticks', seq, ticks }));
    await answered;
    expect(sockets.size).toBe(1);
  });

  it('says goodbye with a time of its own to each, and closes with 1012', async () => {
    await start();
    const client = await connect();
    const said = once(client, 'message');
    const closed = once(client, 'close');
    const metrics = new Metrics();
    sockets.register(metrics);
    expect(await metrics.text()).toContain('tickcast_feed_sockets 1');
    await sockets.stop();
    expect(JSON.parse(String((await said)[0]))).toEqual({
      op: 'goodbye',
      reason: 'shutdown',
      retryAfterMs: 1_000,
    });
    expect((await closed)[0]).toBe(1012);
    expect(sockets.size).toBe(0);
  });
});

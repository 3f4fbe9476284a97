import { Metrics } from '../ops/metrics.js';
import type { StreamAdmission } from './admission.js';
import { scene } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';
import { gatewayMetrics } from './gateway-metrics.js';

describe('a session that opens', () => {
  it('is welcomed with who it is and the limits, each with a connection of its own', () => {
    const { join, gateway } = scene(1, { clientHeartbeatMs: 5000, channelsPerCommandMax: 7 });
    const clients = [join(MSGPACK, 'client:12'), join(JSON_DIALECT, null)];
    const welcomes = clients.map(({ socket }) => socket.of('welcome')[0]!);
    expect(welcomes[0]).toMatchObject({ subject: 'client:12', heartbeatMs: 5000 });
    expect(welcomes[1]).toMatchObject({ subject: null });
    expect(welcomes[0]!.limits).toEqual({ ...gateway.limits, channelsPerCommandMax: 7 });
    expect(welcomes[0]!.connection).not.toBe(welcomes[1]!.connection);
  });
});

describe('a session that is gone', () => {
  it('leaves nothing behind, and leaving twice does no harm', () => {
    const { join, gateway, publisher, flush } = scene(3);
    publisher.publish([1, 2, 3], { bidPrice: 1 });
    const clients = [join(MSGPACK), join(JSON_DIALECT), join(MSGPACK)];
    for (const client of clients) client.subscribe(['ticker:*', 'trade:*', 'status:*']);
    clients[0]!.socket.plugNext = true;
    clients[0]!.subscribe(['ticker:S1'], { hz: 1 });
    publisher.publish([1], { bidPrice: 2 });
    publisher.trade(1);
    flush();
    expect(gateway.tradeLane.behind).toBe(1);
    for (const { session } of clients) {
      gateway.closed(session);
      gateway.closed(session);
    }
    expect(gateway.sessions).toEqual([]);
    expect(gateway.tradeLane.behind).toBe(0);
    for (const lane of gateway.lanes) {
      expect([lane.behind, lane.cohorts.size]).toEqual([0, 0]);
      for (const sid of [1, 2, 3]) expect([lane.hasMembers(sid), lane.hasState(sid)]).toEqual([false, false]);
    }
    publisher.publish([1], { bidPrice: 3 });
    flush();
  });

  it('does not take part any more, and the others do', () => {
    const { join, gateway, publisher, flush } = scene(1);
    const clients = Array.from({ length: 5 }, () => join());
    for (const client of clients) client.subscribe(['ticker:*']);
    flush();
    for (const at of [0, 3]) gateway.closed(clients[at]!.session);
    for (const client of clients) client.fresh();
    publisher.publish([1], { bidPrice: 1 });
    flush();
    expect(clients.map((client) => client.fresh().length)).toEqual([0, 1, 1, 0, 1]);
  });
});

describe('draining', () => {
  /** Closes a connection as a client does that hears the close. */
  const hear = (clients: readonly { readonly socket: { closed: unknown }; readonly session: object }[]) =>
    clients.filter(({ socket }) => socket.closed !== null);

  it('sends everybody away with 1012, evenly over the time, and resolves when all are gone', async () => {
    const { join, gateway, timers } = scene(1, { reconnectSpreadMs: 4000 });
    const clients = Array.from({ length: 40 }, () => join());
    for (const client of clients) client.fresh();
    let drained = false;
    const draining = gateway.drain(1000).then(() => {
      drained = true;
    });
    const leftAfterMs: number[] = [];
    for (let ms = 0; ms < 1000; ms += 50) {
      leftAfterMs.push(hear(clients).length);
      timers.pass(50);
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(leftAfterMs).toEqual(Array.from({ length: 20 }, (_, i) => 2 * (i + 1)));
    expect(drained).toBe(false);
    for (const client of clients) {
      expect(client.socket.closed).toEqual({ code: 1012, reason: 'service_restart' });
      expect(client.fresh()).toEqual([{ type: 'goodbye', reason: 'service_restart', retryAfterMs: 2000 }]);
      gateway.closed(client.session);
    }
    for (let i = 0; i < 4; i++) {
      timers.pass(25);
      await new Promise(setImmediate);
    }
    await draining;
    expect(drained).toBe(true);
    expect(gateway.counters.closedByReason).toEqual({ service_restart: 40 });
  });

  it('cuts off who does not answer, does not wait for ever, and lets nobody in behind its back', async () => {
    const { join, gateway, timers } = scene(1);
    const deaf = join();
    const draining = gateway.drain(0);
    expect(deaf.socket.closed).not.toBeNull();
    const late = join();
    for (let i = 0; i < 70; i++) {
      timers.pass(25);
      await new Promise(setImmediate);
    }
    await draining;
    expect(late.socket.closed).toEqual({ code: 1012, reason: 'service_restart' });
    expect([deaf.socket.terminated, late.socket.terminated]).toEqual([true, true]);
  });

  it('of nobody is over at once', async () => {
    await scene(1).gateway.drain(5000);
  });
});

describe('figures for operators', () => {
  it('are what happened', async () => {
    const { join, gateway, publisher, flush } = scene(2);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join(MSGPACK);
    client.subscribe(['ticker:*', 'trade:*']);
    publisher.trade(1, 2);
    flush();
    client.say({ op: 'nonsense' });
    gateway.sink.silent(0, 1, 'redis_lost');
    gateway.hangUp(client.session, 'slow_consumer');
    const metrics = new Metrics();
    const admission = { counters: { refusedByCode: { overloaded: 2 } } } as unknown as StreamAdmission;
    gatewayMetrics(metrics, gateway, admission);
    const text = await metrics.text();
    for (const line of [
      'tickcast_gateway_sessions{dialect="msgpack"} 1',
      'tickcast_gateway_sessions{dialect="json"} 0',
      'tickcast_gateway_sessions_opened_total 1',
      'tickcast_gateway_refused_total{code="overloaded"} 2',
      'tickcast_gateway_hangups_total{reason="slow_consumer"} 1',
      'tickcast_gateway_delivered_total{kind="ticker"} 2',
      'tickcast_gateway_delivered_total{kind="trade"} 3',
      'tickcast_gateway_delivered_total{kind="caught_up_image"} 2',
      'tickcast_gateway_commands_total{outcome="taken"} 1',
      'tickcast_gateway_commands_total{outcome="refused"} 1',
      'tickcast_gateway_behind{lane="20"} 0',
      'tickcast_gateway_stale_partitions 1',
      `tickcast_gateway_trade_ring_bytes ${2 * 112}`,
    ])
      expect(text).toContain(`${line}\n`);
  });
});

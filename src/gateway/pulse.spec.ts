import { type ClientFixture, FLUSH_MS, type Scene, scene } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';
import { PULSE_MS } from './pulse.js';

/** Lets time pass, with a pulse four times a second. */
function live({ gateway, timers }: Scene, ms: number, eachBeat: () => void = () => undefined): void {
  for (let passed = 0; passed < ms; passed += PULSE_MS) {
    timers.pass(PULSE_MS);
    eachBeat();
    gateway.pulse.run();
  }
}

/** Answers every ping that is out. */
function answer({ gateway }: Scene, client: ClientFixture): void {
  for (const payload of client.socket.pings.splice(0)) gateway.pulse.pong(client.session, payload);
}

/** Fills the kernel's buffer. */
function plug(client: ClientFixture): void {
  client.socket.plugNext = true;
  client.say({ op: 'ping' });
  client.fresh();
}

const SLOW = { code: 4100, reason: 'slow_consumer' };

describe('a session that stays blocked', () => {
  it('is told goodbye after blockedMsMax, closed with 4100, and cut off a second later', () => {
    const stage = scene(1, { blockedMsMax: 10_000, reconnectSpreadMs: 2000, clientHeartbeatMs: 600_000 });
    const client = stage.join();
    plug(client);
    live(stage, 10_000);
    expect(client.socket.closed).toBeNull();
    live(stage, 250);
    expect(client.fresh()).toEqual([{ type: 'goodbye', reason: 'slow_consumer', retryAfterMs: 1000 }]);
    expect(client.socket.closed).toEqual(SLOW);
    expect(client.socket.terminated).toBe(false);
    stage.timers.pass(1000);
    expect(client.socket.terminated).toBe(true);
    expect(stage.gateway.counters.closedByReason).toEqual({ slow_consumer: 1 });
    expect(stage.gateway.pulse.counters.slowConsumers).toBe(1);
  });

  it('is not, when there was a break in between', () => {
    const stage = scene(1, { blockedMsMax: 10_000, clientHeartbeatMs: 600_000 });
    const client = stage.join();
    for (let i = 0; i < 5; i++) {
      plug(client);
      live(stage, 9_000);
      client.socket.drain();
      answer(stage, client);
    }
    expect(client.socket.closed).toBeNull();
    plug(client);
    live(stage, 10_250);
    expect(client.socket.closed).toEqual(SLOW);
  });

  it('is not, when the break lay between two pulses', () => {
    const stage = scene(1, { blockedMsMax: 10_000, clientHeartbeatMs: 600_000 });
    const client = stage.join();
    plug(client);
    for (let i = 0; i < 60; i++) {
      live(stage, 1_000);
      answer(stage, client);
      client.socket.drain();
      plug(client);
    }
    expect(client.socket.closed).toBeNull();
  });

  it('is closed at once when too much is buffered', () => {
    const stage = scene(1, { bufferedBytesMax: 4096, clientHeartbeatMs: 600_000 });
    const client = stage.join();
    const other = stage.join();
    plug(client);
    while (client.socket.pendingBytes <= 4096) client.session.control({ type: 'fresh', sids: null });
    live(stage, 250);
    expect(client.socket.closed).toEqual(SLOW);
    expect(other.socket.closed).toBeNull();
  });

  it('gets nothing more once it was sent away, whatever comes', () => {
    const stage = scene(1, { clientHeartbeatMs: 500 });
    const client = stage.join();
    client.subscribe(['ticker:S1', 'trade:S1']);
    plug(client);
    live(stage, 10_250);
    client.fresh();
    client.socket.drain();
    stage.publisher.publish([1], { bidPrice: 1 });
    stage.publisher.trade(1);
    stage.registry.set(1, { enabled: false });
    client.say({ op: 'ping' });
    stage.gateway.sink.silent(0, 1, 'redis_lost');
    live(stage, 1000);
    expect(client.fresh()).toEqual([]);
  });
});

describe('the lag probe', () => {
  it('goes out once per second when data was sent, every 15 s when not', () => {
    const stage = scene(1);
    const { publisher, timers } = stage;
    const client = stage.join();
    const idle = stage.join();
    client.subscribe(['ticker:S1']);
    // The answer to `welcome` of both.
    live(stage, 1250);
    answer(stage, client);
    answer(stage, idle);
    let probes = 0;
    let idleProbes = 0;
    live(stage, 60_000, () => {
      publisher.publish([1], (sid) => ({ bidPrice: publisher.seq(sid) }));
      timers.pass(FLUSH_MS);
      probes += client.socket.pings.length;
      idleProbes += idle.socket.pings.length;
      answer(stage, client);
      answer(stage, idle);
    });
    // A beat is 254 ms here: a second is up with the fourth.
    expect(probes).toBeGreaterThanOrEqual(45);
    expect(probes).toBeLessThanOrEqual(61);
    expect([3, 4]).toContain(idleProbes);
  });

  it('goes behind the data of a flush, in the same write, and never twice', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const { publisher, flush, timers, clock } = stage;
    const client = stage.join(MSGPACK);
    client.subscribe(['ticker:S1']);
    live(stage, 1250);
    const [probe] = client.socket.pings;
    answer(stage, client);
    const probedMs = Buffer.from(probe!).readDoubleBE();
    const { socket } = client;
    publisher.publish([1], { bidPrice: 1 });
    flush();
    let beatMs = clock.ms + 100;
    while (socket.pings.length === 0 && clock.ms < probedMs + 5_000) {
      // Beats do not fall on the second, flushes come between them.
      timers.pass(90);
      if (clock.ms >= beatMs) {
        stage.gateway.pulse.run();
        beatMs += PULSE_MS;
      }
      publisher.publish([1], (sid) => ({ bidPrice: publisher.seq(sid) }));
      flush();
    }
    const last = socket.written.at(-1)!;
    expect([...last.subarray(-10, -8)]).toEqual([0x89, 8]);
    expect(socket.writes).toBe(socket.written.length);
    expect(clock.ms - probedMs).toBeGreaterThanOrEqual(1000);
    expect(clock.ms - probedMs).toBeLessThan(1250);
    publisher.publish([1], { bidPrice: 7 });
    flush();
    expect(socket.pings).toHaveLength(1);
    expect(client.session.probeSentMs).not.toBeNull();
    answer(stage, client);
    expect(client.session.probeSentMs).toBeNull();
  });

  it('goes out to clients that connected together at all times of the second', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const { publisher, timers } = stage;
    const clients = Array.from({ length: 100 }, () => stage.join(MSGPACK));
    for (const client of clients) client.subscribe(['ticker:S1']);
    const perFlush: number[] = [];
    for (let turn = 0; turn < 100; turn++) {
      publisher.publish([1], { bidPrice: turn });
      timers.pass(50);
      if (turn % 5 === 4) stage.gateway.pulse.run();
      perFlush.push(clients.filter(({ socket }) => socket.pings.length > 0).length);
      for (const client of clients) answer(stage, client);
    }
    const settled = perFlush.slice(-20);
    expect(Math.max(...settled)).toBeLessThanOrEqual(12);
    expect(settled.reduce((sum, count) => sum + count)).toBe(100);
  });

  it('unanswered for 0.9 s means blocked, though the kernel took all; answered, the session catches up', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const { publisher, flush } = stage;
    publisher.publish([1], { bidPrice: 1 });
    const client = stage.join(MSGPACK);
    client.subscribe(['ticker:S1']);
    live(stage, 1000);
    expect(client.socket.pings).toHaveLength(1);
    live(stage, 750);
    expect(client.session.blocked).toBe(false);
    live(stage, 250);
    expect(client.session.blocked).toBe(true);
    client.fresh();
    for (let i = 2; i < 5; i++) {
      publisher.publish([1], { bidPrice: i });
      flush();
    }
    expect(client.fresh()).toEqual([]);
    expect(client.socket.pings).toHaveLength(1);
    answer(stage, client);
    flush();
    expect(client.fresh()).toMatchObject([{ type: 'image', seq: 4 }]);
    expect(client.session.blocked).toBe(false);
    expect(stage.gateway.pulse.counters.probeLagMsMax).toBeGreaterThan(900);
  });

  it('shows within two seconds that a client has stopped reading, whenever it does', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const { publisher, timers, clock } = stage;
    const clients = Array.from({ length: 40 }, () => stage.join(MSGPACK));
    for (const client of clients) client.subscribe(['ticker:S1']);
    const stoppedMs = clients.map((_, i) => clock.ms + 4_000 + i * 25);
    const behindMs = new Map<number, number>();
    for (let turn = 0; turn < 160; turn++) {
      publisher.publish([1], { bidPrice: turn });
      timers.pass(50);
      if (turn % 5 === 4) stage.gateway.pulse.run();
      clients.forEach((client, i) => {
        if (clock.ms < stoppedMs[i]!) answer(stage, client);
        else if (client.session.isBehind && !behindMs.has(i)) behindMs.set(i, clock.ms);
      });
    }
    expect(behindMs.size).toBe(clients.length);
    for (const [i, ms] of behindMs) expect(ms - stoppedMs[i]!).toBeLessThanOrEqual(2_000);
  });

  it('that is late is noticed by the next flush, before the next pulse', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const { publisher, flush, timers } = stage;
    publisher.publish([1], { bidPrice: 1 });
    const client = stage.join(MSGPACK);
    client.subscribe(['ticker:S1']);
    live(stage, 1000);
    expect(client.socket.pings).toHaveLength(1);
    timers.pass(895);
    publisher.publish([1], { bidPrice: 2 });
    client.fresh();
    flush();
    expect(client.freshTypes()).toEqual(['update']);
    timers.pass(5);
    publisher.publish([1], { bidPrice: 3 });
    flush();
    expect(client.fresh()).toEqual([]);
    expect(client.session.isBehind).toBe(true);
  });

  it('never answered, the session is sent away', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const client = stage.join();
    client.subscribe(['ticker:S1']);
    live(stage, 1000 + 1000 + 9_750);
    expect(client.socket.closed).toBeNull();
    live(stage, 250);
    expect(client.socket.closed).toEqual(SLOW);
  });

  it('is not answered by an old pong, nor by one that was made up', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const { gateway } = stage;
    const client = stage.join();
    live(stage, 1000);
    const [old] = client.socket.pings.splice(0);
    gateway.pulse.pong(client.session, old!);
    client.say({ op: 'ping' });
    live(stage, 1250);
    expect(client.socket.pings).toHaveLength(1);
    for (const payload of [old!, new Uint8Array(0), new Uint8Array(8), new Uint8Array(125)])
      gateway.pulse.pong(client.session, payload);
    live(stage, 1500);
    expect(client.session.blocked).toBe(true);
    answer(stage, client);
    expect(client.session.blocked).toBe(false);
    for (const payload of [old!, old!]) gateway.pulse.pong(client.session, payload);
    expect(client.session.blocked).toBe(false);
  });

  it('answered while the kernel still holds bytes leaves the session blocked', () => {
    const stage = scene(1, { clientHeartbeatMs: 600_000 });
    const client = stage.join();
    live(stage, 1000);
    plug(client);
    live(stage, 1500);
    answer(stage, client);
    expect(client.session.blocked).toBe(true);
    live(stage, 8_750);
    expect(client.socket.closed).toEqual(SLOW);
  });
});

describe('heartbeats', () => {
  it('come once per interval to everybody, spread over the sessions, with the newest feed time', () => {
    const stage = scene(2, { clientHeartbeatMs: 5000 });
    const { gateway, publisher, timers, clock } = stage;
    const clients = Array.from({ length: 40 }, (_, i) => stage.join(i % 2 === 0 ? MSGPACK : JSON_DIALECT));
    for (const client of clients) client.fresh();
    const answerAll = () => {
      for (const client of clients) answer(stage, client);
    };
    const beats = Array.from({ length: 20 }, () => {
      timers.pass(PULSE_MS);
      gateway.pulse.run();
      answerAll();
      return clients.flatMap((client) => client.fresh());
    });
    expect(beats.map((records) => records.length)).toEqual(new Array(20).fill(2));
    expect(beats[0]![0]).toMatchObject({ type: 'heartbeat', feedTimeUs: null });
    publisher.publish([1], { bidPrice: 1 }, 1_700_000_000_000_900);
    publisher.publish([2], { bidPrice: 1 }, 1_700_000_000_000_800);
    live(stage, 5000, answerAll);
    for (const client of clients) {
      expect(client.fresh()).toMatchObject([{ type: 'heartbeat', feedTimeUs: 1_700_000_000_000_900 }]);
    }
    publisher.trade(1, 1, { timeUs: 1_700_000_000_001_000 });
    live(stage, 5000, answerAll);
    const [heartbeat] = clients[0]!.fresh();
    expect(heartbeat).toMatchObject({ type: 'heartbeat', feedTimeUs: 1_700_000_000_001_000 });
    expect('timeUs' in heartbeat! && heartbeat.timeUs).toBeLessThanOrEqual(clock.nowUs());
  });

  it('are no data: an idle session is not probed more often for them', () => {
    const stage = scene(1, { clientHeartbeatMs: 500 });
    const client = stage.join();
    live(stage, 1250);
    answer(stage, client);
    live(stage, 14_000);
    expect(client.socket.pings.length).toBeLessThanOrEqual(1);
    expect(client.socket.of('heartbeat').length).toBeGreaterThanOrEqual(25);
  });
});

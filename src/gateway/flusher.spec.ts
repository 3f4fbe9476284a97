import { type ClientFixture, FLUSH_MS, scene } from './client.fixture.js';
import type { Slice } from './flusher.js';
import { ClockFixture, JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

const seqs = (client: ClientFixture) =>
  client.fresh().flatMap((record) => ('seq' in record ? [record.seq] : []));

/** A flush gives the event loop its turn after every session. */
const SLICED = { ms: 0, sessionsPerCheck: 1 };

describe('the service-rate lane', () => {
  /** Two partitions that take part in every turn, and a client that follows both. */
  function twoPartitions(slice?: Slice) {
    const all = scene(2, {}, slice);
    const { publisher, join, timers } = all;
    const client = join();
    client.subscribe(['ticker:*']);
    const publish = (sid: number, bidPrice: number) =>
      publisher.publish([sid], { bidPrice }, undefined, sid - 1);
    publish(1, 1);
    publish(2, 1);
    timers.pass(100);
    client.fresh();
    return { ...all, client, publish };
  }

  it('flushes as soon as every partition of the last turns has come, all together', () => {
    const { client, publish, timers } = twoPartitions();
    for (let turn = 2; turn < 6; turn++) {
      const { writes } = client.socket;
      publish(1, turn);
      timers.pass(2);
      expect(client.fresh()).toEqual([]);
      publish(2, turn);
      expect(client.fresh()).toEqual([]);
      timers.pass(0);
      expect(client.freshTypes()).toEqual(['update', 'update']);
      expect(client.socket.writes).toBe(writes + 1);
      timers.pass(48);
      expect(client.socket.writes).toBe(writes + 1);
    }
  });

  it('waits 3 ms for a partition that does not come, and not in every turn', () => {
    const { client, publish, timers } = twoPartitions();
    const waited: number[] = [];
    for (let turn = 2; turn < 8; turn++) {
      publish(1, turn);
      let ms = 0;
      for (timers.pass(0); client.fresh().length === 0; ms++) timers.pass(1);
      waited.push(ms);
      timers.pass(50);
    }
    expect(waited).toEqual([3, 3, 3, 3, 0, 0]);
    publish(2, 9);
    timers.pass(3);
    expect(client.freshTypes()).toEqual(['update']);
  });

  it('begins in the midst of no turn because something else asked for a flush before it', () => {
    const { client, publish, timers, gateway } = twoPartitions();
    const { writes } = client.socket;
    gateway.flusher.cause();
    timers.pass(2);
    publish(1, 2);
    timers.pass(2);
    publish(2, 2);
    timers.pass(0);
    expect(client.freshTypes()).toEqual(['update', 'update']);
    expect(client.socket.writes).toBe(writes + 1);
    publish(1, 3);
    timers.pass(2.9);
    expect(client.fresh()).toEqual([]);
    timers.pass(0.1);
    expect(client.freshTypes()).toEqual(['update']);
  });

  it('reads what already lies in its sockets before it begins late', () => {
    const { client, publish, timers, clock } = twoPartitions();
    const { writes } = client.socket;
    publish(1, 2);
    clock.ms += 20;
    timers.runOne();
    publish(2, 2);
    timers.pass(0);
    expect(client.freshTypes()).toEqual(['update', 'update']);
    expect(client.socket.writes).toBe(writes + 1);
  });

  it('flushes once more, and soon, for a turn that came while it ran', () => {
    const { client, publish, timers, gateway, join } = twoPartitions(SLICED);
    join();
    const { flushes } = gateway.flusher.counters;
    publish(1, 2);
    publish(2, 2);
    timers.runOne();
    expect(gateway.flusher.running).toBe(true);
    publish(1, 3);
    publish(2, 3);
    timers.pass(0);
    expect(client.freshTypes()).toEqual(['update', 'update', 'update', 'update']);
    expect(gateway.flusher.counters.flushes).toBe(flushes + 2);
  });

  it('rests when there is no cause', () => {
    const { publisher, join, timers, gateway } = scene(1);
    const client = join();
    client.subscribe(['ticker:*']);
    publisher.publish([1], { bidPrice: 1 });
    timers.pass(10);
    const { flushes } = gateway.flusher.counters;
    timers.pass(60_000);
    expect(gateway.flusher.counters.flushes).toBe(flushes);
  });
});

describe('a slower lane', () => {
  it.each([
    [10, 100],
    [5, 200],
    [2, 500],
    [1, 1000],
  ])('of %d Hz sends at most one update per %d ms, with the newest values', (hz, intervalMs) => {
    const { publisher, join, timers, clock } = scene(1);
    const client = join(MSGPACK);
    publisher.publish([1], { bidPrice: 1 });
    client.subscribe(['ticker:S1'], { hz });
    expect(client.socket.of('subscribed')[0]!.channels[0]!.hz).toBe(hz);
    const sentAtMs: number[] = [];
    for (let i = 0; i < 400; i++) {
      client.fresh();
      publisher.publish([1], { bidPrice: i + 2 });
      timers.pass(13);
      const updates = client.socket.of('update');
      if (updates.length === 0) continue;
      expect(updates).toHaveLength(1);
      expect(updates[0]!.bidPrice).toBe((i + 2) / 100);
      sentAtMs.push(clock.ms);
    }
    for (let i = 1; i < sentAtMs.length; i++)
      expect(sentAtMs[i]! - sentAtMs[i - 1]!).toBeGreaterThanOrEqual(intervalMs - 13);
    expect(sentAtMs.length).toBeGreaterThanOrEqual(Math.floor((400 * 13) / (intervalMs + 16)));
    expect(sentAtMs.length).toBeLessThanOrEqual(Math.ceil((400 * 13) / intervalMs));
  });

  it('sends what came last also when nothing comes after it', () => {
    const { publisher, join, timers } = scene(1);
    const client = join();
    publisher.publish([1], { bidPrice: 1 });
    client.subscribe(['ticker:S1'], { hz: 1 });
    publisher.publish([1], { bidPrice: 2 });
    timers.pass(10);
    publisher.publish([1], { bidPrice: 3 });
    client.fresh();
    timers.pass(1020);
    expect(client.fresh()).toMatchObject([{ type: 'update', seq: 3, bidPrice: 0.03 }]);
  });

  it('is what a symbol with a slower interval of its own gets, from the moment it is capped', () => {
    const { publisher, join, timers, registry } = scene(2);
    const client = join();
    publisher.publish([1, 2], { bidPrice: 1 });
    client.subscribe(['ticker:*']);
    timers.pass(2000);
    registry.set(1, { coalesceIntervalMs: 500 });
    const updates = (sid: number) => client.socket.of('update').filter((update) => update.sid === sid).length;
    client.fresh();
    for (let i = 0; i < 100; i++) {
      publisher.publish([1, 2], { bidPrice: i + 2 });
      timers.pass(50);
    }
    expect(updates(2)).toBe(100);
    expect(updates(1)).toBeLessThanOrEqual(11);
    expect(updates(1)).toBeGreaterThanOrEqual(9);
    timers.pass(600);
    expect(client.image(1)!.values.bidPrice).toBe(1.01);
    client.subscribe(['ticker:S1']);
    expect(client.socket.of('subscribed').at(-1)!.channels[0]!.hz).toBe(2);
    registry.set(1, { coalesceIntervalMs: null });
    client.subscribe(['ticker:S1']);
    expect(client.socket.of('subscribed').at(-1)!.channels[0]!.hz).toBe(20);
  });

  it('may be the fastest that there is', () => {
    const { publisher, join, timers } = scene(1, { coalesceIntervalMs: 2000 });
    const client = join();
    client.subscribe(['ticker:S1'], { hz: 10 });
    expect(client.socket.of('subscribed')[0]!.channels[0]!.hz).toBe(0.5);
    publisher.publish([1], { bidPrice: 1 });
    timers.pass(FLUSH_MS);
    expect(client.image(1)).toBeDefined();
  });

  it('keeps a session in step that changes its rate there and back', () => {
    const { publisher, join, timers } = scene(1);
    const client = join();
    publisher.publish([1], { bidPrice: 1 });
    for (const hz of [1, 10, 2, undefined, 1]) {
      client.subscribe(['ticker:S1'], { hz });
      publisher.publish([1], (sid) => ({ bidPrice: publisher.seq(sid) + 1 }));
      timers.pass(7);
    }
    timers.pass(1100);
    const told = seqs(client);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(client.image(1)).toMatchObject({ seq: 6, values: { bidPrice: 0.06 } });
  });
});

describe('a flush in slices', () => {
  it('lets the event loop turn between them, and reaches everybody once', () => {
    const { publisher, join, timers, gateway } = scene(1, {}, SLICED);
    publisher.publish([1], { bidPrice: 1 });
    const clients = Array.from({ length: 5 }, () => join());
    for (const client of clients) client.subscribe(['ticker:S1']);
    timers.pass(10);
    for (const client of clients) client.fresh();
    publisher.publish([1], { bidPrice: 2 });
    const { slices } = gateway.flusher.counters;
    timers.pass(1);
    expect(gateway.flusher.counters.slices - slices).toBe(5);
    for (const client of clients) expect(client.freshTypes()).toEqual(['update']);
  });

  it('begins with another session each time', () => {
    const { publisher, join, timers } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const served: number[] = [];
    const clients = Array.from({ length: 4 }, (_, i) => {
      const client = join();
      client.subscribe(['ticker:S1']);
      const write = client.socket.write.bind(client.socket);
      client.socket.write = (frames) => {
        served.push(i);
        write(frames);
      };
      return client;
    });
    timers.pass(10);
    served.length = 0;
    for (let i = 0; i < clients.length; i++) {
      publisher.publish([1], { bidPrice: i + 2 });
      timers.pass(10);
    }
    const firsts = [0, 4, 8, 12].map((at) => served[at]!);
    expect(firsts.sort()).toEqual([0, 1, 2, 3]);
  });

  it('serves a session before its command is carried out', () => {
    const { publisher, join, clock, timers, gateway } = scene(1, {}, SLICED);
    publisher.publish([1], { bidPrice: 1 });
    const clients = Array.from({ length: 4 }, () => join());
    for (const client of clients) client.subscribe(['ticker:S1']);
    timers.pass(10);
    for (const client of clients) client.fresh();
    publisher.publish([1], { bidPrice: 2 });
    clock.ms += 3;
    timers.runOne();
    expect(gateway.flusher.running).toBe(true);
    const waiting = clients.filter((client) => client.socket.records.length === 0);
    waiting[0]!.say({ op: 'unsubscribe', channels: ['ticker:S1'] });
    waiting[1]!.subscribe(['ticker:S1'], { hz: 1 });
    expect(waiting[0]!.freshTypes()).toEqual(['update', 'unsubscribed']);
    expect(waiting[1]!.freshTypes()).toEqual(['update', 'subscribed', 'image']);
    waiting[2]!.say({ op: 'list' });
    expect(waiting[2]!.freshTypes()).toEqual(['update', 'list']);
    timers.pass(10);
    expect(waiting[2]!.fresh()).toEqual([]);
    expect(waiting[0]!.fresh()).toEqual([]);
    expect(waiting[1]!.fresh()).toEqual([]);
  });

  it('leaves out a session that goes while it runs, and one that comes', () => {
    const { publisher, join, clock, timers, gateway } = scene(1, {}, SLICED);
    publisher.publish([1], { bidPrice: 1 });
    const clients = Array.from({ length: 3 }, () => join());
    for (const client of clients) client.subscribe(['ticker:S1']);
    timers.pass(10);
    for (const client of clients) client.fresh();
    publisher.publish([1], { bidPrice: 2 });
    clock.ms += 3;
    timers.runOne();
    const [gone] = clients.filter((client) => client.socket.records.length === 0);
    gateway.closed(gone!.session);
    const late = join();
    late.subscribe(['ticker:S1']);
    expect(late.image(1)).toMatchObject({ seq: 2 });
    timers.pass(10);
    expect(gone!.fresh()).toEqual([]);
    expect(late.freshTypes()).toEqual(['welcome', 'subscribed', 'image']);
    expect(gateway.sessions).toHaveLength(3);
  });

  it('is followed by another for a cause that came while it ran', () => {
    const { publisher, join, clock, timers, gateway } = scene(1, {}, SLICED);
    publisher.publish([1], { bidPrice: 1 });
    const clients = Array.from({ length: 3 }, () => join(JSON_DIALECT));
    for (const client of clients) client.subscribe(['ticker:S1']);
    timers.pass(10);
    for (const { socket } of clients) {
      socket.plugNext = true;
      gateway.pulse.run();
      socket.write(Buffer.from([0x81, 2, 0x5b, 0x5d]));
    }
    const [first] = clients;
    first!.session.watchDrain();
    publisher.publish([1], { bidPrice: 2 });
    clock.ms += 3;
    while (gateway.flusher.pass === 0 || !first!.session.isBehind) timers.runOne();
    expect(gateway.flusher.running).toBe(true);
    first!.fresh();
    first!.socket.drain();
    timers.pass(20);
    expect(first!.fresh()).toMatchObject([{ type: 'image', seq: 2 }]);
  });
});

describe('a flusher that was stopped', () => {
  it('begins no further flush', () => {
    const clock = new ClockFixture();
    const { publisher, join, timers, gateway } = scene(1, {}, undefined, clock);
    const client = join();
    client.subscribe(['ticker:S1']);
    publisher.publish([1], { bidPrice: 1 });
    gateway.flusher.stop();
    timers.pass(100);
    publisher.publish([1], { bidPrice: 2 });
    timers.pass(100);
    expect(client.image(1)).toBeUndefined();
  });
});

import { type ClientFixture, scene, sidsTo } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

/** Partition of sid: sid modulo 2, as the registry of the fixture spreads them. */
const PARTITIONS = { partitions: 2 };

function plug(client: ClientFixture): void {
  client.socket.plugNext = true;
  client.say({ op: 'ping' });
  client.fresh();
}

describe('stale', () => {
  it('is told once per session, together for partitions that fall silent in one turn', () => {
    const { join, gateway, timers, flush } = scene(4, PARTITIONS);
    const clients = [join(MSGPACK), join(JSON_DIALECT)];
    const onlooker = join();
    clients[0]!.subscribe(['ticker:*']);
    clients[1]!.subscribe(['trade:S1']);
    onlooker.subscribe(['status:*']);
    flush();
    for (const client of [...clients, onlooker]) client.fresh();
    gateway.sink.silent(0, 1_700_000_000_000_200, 'redis_lost');
    gateway.sink.silent(1, 1_700_000_000_000_100, 'redis_lost');
    gateway.sink.silent(1, 1_700_000_000_000_900, 'partition_silent');
    timers.pass(0);
    for (const client of clients) {
      expect(client.fresh()).toEqual([
        { type: 'stale', sids: null, sinceUs: 1_700_000_000_000_100, reason: 'redis_lost' },
      ]);
    }
    expect(onlooker.fresh()).toEqual([]);
    expect(gateway.staleness.silent).toBe(2);
  });

  it('names the symbols of the session where not everything is silent', () => {
    const { join, gateway, timers } = scene(4, PARTITIONS);
    const client = join();
    const other = join();
    client.subscribe(['ticker:S1', 'ticker:S2', 'trade:S3', 'trade:S1']);
    other.subscribe(['ticker:S4']);
    client.fresh();
    other.fresh();
    gateway.sink.silent(1, 1_700_000_000_000_100, 'partition_silent');
    timers.pass(0);
    expect(client.fresh()).toEqual([
      { type: 'stale', sids: [1, 3], sinceUs: 1_700_000_000_000_100, reason: 'partition_silent' },
    ]);
    expect(other.fresh()).toEqual([]);
  });

  it('is told right after subscribed to who subscribes in between, and to nobody twice', () => {
    const { join, gateway, publisher, timers } = scene(4, PARTITIONS);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join();
    gateway.sink.silent(1, 1_700_000_000_000_100, 'gateway_stuck');
    client.subscribe(['ticker:S1', 'ticker:S2']);
    timers.pass(0);
    expect(client.fresh().slice(1)).toMatchObject([
      { type: 'subscribed' },
      { type: 'stale', sids: [1], reason: 'gateway_stuck' },
      { type: 'image', sid: 1 },
      { type: 'image', sid: 2 },
    ]);
    timers.pass(100);
    client.subscribe(['ticker:S3']);
    expect(client.fresh()).toMatchObject([{ type: 'subscribed' }, { type: 'stale', sids: [1, 3] }]);
    client.subscribe(['ticker:S4']);
    expect(client.freshTypes()).toEqual(['subscribed']);
  });

  it('is not told of a partition that was heard again in the same turn', () => {
    const { join, gateway, timers } = scene(2, PARTITIONS);
    const client = join();
    client.subscribe(['ticker:*']);
    client.fresh();
    gateway.sink.silent(0, 1, 'partition_silent');
    gateway.sink.heard(0);
    timers.pass(100);
    expect(client.fresh()).toEqual([]);
  });

  it('is told all the same where this process stood still: what it hears first waited in buffers', () => {
    const { join, gateway, publisher, timers } = scene(2, PARTITIONS);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join();
    client.subscribe(['ticker:*']);
    client.fresh();
    for (const partition of [0, 1]) gateway.sink.silent(partition, 1, 'gateway_stuck');
    publisher.publish([2], { bidPrice: 2 });
    gateway.sink.heard(0);
    expect(client.fresh()).toMatchObject([{ type: 'stale', sids: null, reason: 'gateway_stuck' }]);
    timers.pass(10);
    expect(client.fresh()).toMatchObject([
      { type: 'update', sid: 2, bidPrice: 0.02 },
      { type: 'fresh', sids: [2] },
    ]);
    gateway.sink.heard(1);
    timers.pass(10);
    expect(client.fresh()).toMatchObject([{ type: 'fresh', sids: null }]);
  });
});

describe('fresh', () => {
  it('comes after the flush that shows it, in slow lanes too', () => {
    const { join, gateway, publisher, timers } = scene(2, PARTITIONS);
    publisher.publish([1, 2], { bidPrice: 1 });
    const clients = [join(), join()];
    clients[0]!.subscribe(['ticker:*']);
    clients[1]!.subscribe(['ticker:*'], { hz: 1 });
    timers.pass(2000);
    publisher.publish([2], { bidPrice: 2 });
    timers.pass(2);
    gateway.sink.silent(0, 1, 'partition_silent');
    timers.pass(50);
    for (const client of clients) client.fresh();
    publisher.publish([2], { bidPrice: 3 });
    gateway.sink.heard(0);
    expect(clients[0]!.fresh()).toEqual([]);
    timers.pass(4);
    for (const client of clients) {
      expect(client.fresh()).toMatchObject([
        { type: 'update', sid: 2, bidPrice: 0.03 },
        { type: 'fresh', sids: null },
      ]);
    }
  });

  it('names the symbols while others are stale still', () => {
    const { join, gateway, timers } = scene(4, PARTITIONS);
    const client = join();
    client.subscribe(['ticker:*']);
    gateway.sink.silent(0, 1, 'redis_lost');
    gateway.sink.silent(1, 1, 'redis_lost');
    timers.pass(10);
    client.fresh();
    gateway.sink.heard(1);
    timers.pass(10);
    expect(client.fresh()).toEqual([{ type: 'fresh', sids: [1, 3] }]);
    gateway.sink.heard(0);
    timers.pass(10);
    expect(client.fresh()).toEqual([{ type: 'fresh', sids: null }]);
  });

  it('waits for a session that is blocked until it has caught up', () => {
    const { join, gateway, publisher, timers } = scene(2, PARTITIONS);
    publisher.publish([1], { bidPrice: 1 });
    const client = join();
    const other = join();
    for (const one of [client, other]) one.subscribe(['ticker:*']);
    timers.pass(10);
    gateway.sink.silent(1, 1, 'partition_silent');
    timers.pass(10);
    plug(client);
    other.fresh();
    publisher.publish([1], { bidPrice: 2 });
    gateway.sink.heard(1);
    timers.pass(10);
    expect(other.freshTypes()).toEqual(['update', 'fresh']);
    expect(client.fresh()).toEqual([]);
    client.socket.drain();
    timers.pass(10);
    expect(client.freshTypes()).toEqual(['image', 'fresh']);
  });

  it('waits for the last image of a session that has more to catch up on than one flush may send', () => {
    const { join, gateway, publisher, timers } = scene(1500, PARTITIONS);
    publisher.publish(sidsTo(1500), { bidPrice: 1 });
    const client = join();
    client.subscribe(['ticker:*']);
    timers.pass(100);
    gateway.sink.silent(1, 1, 'partition_silent');
    timers.pass(10);
    plug(client);
    publisher.publish(sidsTo(1500), { bidPrice: 2 });
    gateway.sink.heard(1);
    timers.pass(10);
    client.socket.drain();
    timers.pass(100);
    const types = client.freshTypes();
    expect(types).toHaveLength(1501);
    expect(types.at(-1)).toBe('fresh');
  });

  it('heard of while a flush runs, which does not show it, waits for the next', () => {
    const { join, gateway, publisher, timers, clock } = scene(2, PARTITIONS, { ms: 0, sessionsPerCheck: 1 });
    publisher.publish([1], { bidPrice: 1 });
    const clients = [join(), join(), join()];
    for (const client of clients) client.subscribe(['ticker:*']);
    gateway.sink.silent(1, 1, 'partition_silent');
    timers.pass(10);
    for (const client of clients) client.fresh();
    gateway.flusher.cause();
    clock.ms += 3;
    timers.runOne();
    timers.runOne();
    expect(gateway.flusher.running).toBe(true);
    publisher.publish([1], { bidPrice: 2 });
    gateway.sink.heard(1);
    timers.pass(10);
    for (const client of clients) expect(client.freshTypes()).toEqual(['update', 'fresh']);
  });

  it('comes also when nothing was missed and the socket was only blocked', () => {
    const { join, gateway, timers } = scene(2, PARTITIONS);
    const client = join();
    client.subscribe(['trade:*']);
    gateway.sink.silent(1, 1, 'partition_silent');
    timers.pass(10);
    plug(client);
    gateway.sink.heard(1);
    timers.pass(10);
    client.socket.drain();
    timers.pass(10);
    expect(client.freshTypes()).toEqual(['fresh']);
  });

  it('is not held up by symbols that have nothing to show: switched off, without a state, without trades', () => {
    const { join, gateway, publisher, timers, registry } = scene(4, PARTITIONS);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join();
    client.subscribe(['ticker:*', 'trade:*'], { from: {} });
    client.say({ op: 'subscribe', channels: ['trade:S1'], from: { 'trade:S1': [1, 50] } });
    registry.set(2, { enabled: false });
    timers.pass(10);
    gateway.sink.silent(0, 1, 'partition_silent');
    timers.pass(10);
    client.fresh();
    gateway.sink.heard(0);
    timers.pass(10);
    expect(client.fresh()).toEqual([{ type: 'fresh', sids: null }]);
  });

  it('is not told for a silence that came back before it was', () => {
    const { join, gateway, timers } = scene(2, PARTITIONS);
    const client = join();
    client.subscribe(['ticker:*']);
    gateway.sink.silent(0, 1, 'partition_silent');
    timers.pass(10);
    client.fresh();
    gateway.sink.heard(0);
    gateway.sink.silent(0, 2, 'partition_silent');
    timers.pass(10);
    expect(client.fresh()).toEqual([]);
    gateway.sink.heard(0);
    timers.pass(10);
    expect(client.freshTypes()).toEqual(['fresh']);
  });
});

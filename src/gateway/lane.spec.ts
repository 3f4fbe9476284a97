import { scene } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

describe('the state of a lane', () => {
  it('is the table again for the first who comes after the last has left', () => {
    const { publisher, join, flush } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    for (const dialectAt of [MSGPACK, JSON_DIALECT]) {
      const client = join(dialectAt);
      client.subscribe(['ticker:S1']);
      client.say({ op: 'unsubscribe', channels: ['ticker:S1'] });
    }
    // No flush in between: the image that was encoded for them must not be used again.
    publisher.publish([1], { bidPrice: 2 });
    const late = [MSGPACK, JSON_DIALECT].map((dialectAt) => {
      const client = join(dialectAt);
      client.subscribe(['ticker:S1']);
      return client;
    });
    for (const client of late) expect(client.image(1)).toMatchObject({ seq: 2, values: { bidPrice: 0.02 } });
    flush();
    for (const client of late) expect(client.freshTypes()).toEqual(['welcome', 'subscribed', 'image']);
  });

  it('stays what its members were sent while the table moves on', () => {
    const { publisher, join, timers } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const slow = join();
    slow.subscribe(['ticker:S1'], { hz: 1 });
    timers.pass(1100);
    for (let i = 2; i <= 5; i++) {
      publisher.publish([1], { bidPrice: i, bidSize: i });
      timers.pass(50);
    }
    const late = join();
    late.subscribe(['ticker:S1'], { hz: 1 });
    expect(late.image(1)).toEqual(slow.image(1));
    timers.pass(1100);
    expect(late.image(1)).toEqual(slow.image(1));
    expect(late.image(1)).toMatchObject({ seq: 5, values: { bidPrice: 0.05, bidSize: 5 } });
  });
});

describe('images for joiners', () => {
  it('do not grow without end in a lane that never flushes', () => {
    const { publisher, join, gateway, timers } = scene(400, { commandBurst: 100_000 });
    const sids = Array.from({ length: 400 }, (_, i) => i + 1);
    publisher.publish(sids, { bidPrice: 1 });
    timers.pass(10);
    const client = join();
    const channels = sids.map((sid) => `ticker:S${sid}`);
    for (let i = 0; i < 200; i++) {
      client.subscribe(channels, { hz: 1 });
      client.say({ op: 'unsubscribe', channels });
      expect(client.imagesHeld).toBeGreaterThan(100);
      client.fresh();
      client.socket.written.length = 0;
    }
    client.subscribe(['ticker:S1'], { hz: 1 });
    expect(gateway.lanes.at(-1)!.image(1, JSON_DIALECT).bytesUsed).toBeLessThan(9 * 1024 * 1024);
  });
});

import { ALL_FIELDS, IMAGE_FIELD_COUNT } from '#market-data';
import { type ClientFixture, scene } from './client.fixture.js';

const values = (bidPrice: number) => {
  const all = new Float64Array(IMAGE_FIELD_COUNT).fill(Number.NaN);
  all[0] = bidPrice;
  return all;
};

const told = (client: ClientFixture) =>
  client.fresh().flatMap((record) => {
    if (record.type === 'image') return [`image ${record.epoch}:${record.seq} ${record.bidPrice}`];
    return record.type === 'update' ? [`update ${record.seq} ${record.bidPrice}`] : [];
  });

describe('a reload', () => {
  it('tells only what differs', () => {
    const { publisher, join, flush } = scene(4);
    publisher.publish([2, 4], { bidPrice: 100 });
    const client = join();
    client.subscribe(['ticker:*']);
    flush();
    client.fresh();
    publisher.reload([2, 4]);
    flush();
    expect(told(client)).toEqual([]);
  });

  it('in a new epoch gives everybody an image, also with lower numbers', () => {
    const { publisher, join, flush } = scene(2);
    publisher.publish([2], { bidPrice: 100 });
    publisher.publish([2], { bidPrice: 200 });
    const client = join();
    client.subscribe(['ticker:*']);
    flush();
    publisher.takeOver(5, new Map([[2, { seq: 1, tradeSeq: 0 }]]));
    publisher.reload([2]);
    flush();
    expect(told(client)).toEqual(['image 1:2 2', 'image 5:1 2']);
  });

  it('from an older checkpoint of the same epoch never sends a lower seq', () => {
    const { join, timers, gateway, publisher } = scene(2);
    publisher.publish([2], { bidPrice: 100 });
    publisher.publish([2], { bidPrice: 200 });
    publisher.publish([2], { bidPrice: 300 });
    const clients = [undefined, 1].map((hz) => {
      const client = join();
      client.subscribe(['ticker:S2'], { hz });
      return client;
    });
    timers.pass(1100);
    for (const client of clients) expect(told(client)).toEqual(['image 1:3 3']);
    const { sink } = gateway;
    sink.beginReload(0, 1);
    sink.image(2, 1, 0, 1_700_000_000_000_000, values(100));
    sink.endReload(0);
    timers.pass(1100);
    for (const client of clients) expect(told(client)).toEqual([]);
    // Whoever comes now, or changes the rate now, is not shown a step back, nor made to wait for ever.
    const late = join();
    late.subscribe(['ticker:S2']);
    clients[0]!.subscribe(['ticker:S2'], { hz: 10 });
    timers.pass(200);
    expect(told(late)).toEqual(['image 1:3 3']);
    expect(told(clients[0]!)).toEqual([]);
    for (let seq = 2; seq <= 4; seq++) {
      sink.beginBatch(0, 1);
      sink.update(2, seq, 1, 1_700_000_000_000_000 + seq, values(seq * 100));
      sink.endBatch(0);
      timers.pass(20);
    }
    timers.pass(1100);
    expect(told(late)).toEqual(['update 4 4']);
    expect(told(clients[1]!)).toEqual(['update 4 4']);
    expect(told(clients[0]!)).toEqual(['image 1:4 4']);
  });

  it('that does not know a symbol any more leaves clients what they have, until it comes', () => {
    const { publisher, join, flush } = scene(4);
    publisher.publish([2, 4], { bidPrice: 100 });
    const client = join();
    client.subscribe(['ticker:*']);
    flush();
    client.fresh();
    publisher.takeOver(
      7,
      new Map([
        [2, { seq: 0, tradeSeq: 0 }],
        [4, { seq: 1, tradeSeq: 0 }],
      ]),
    );
    publisher.reload([4]);
    flush();
    expect(told(client)).toEqual(['image 7:1 1']);
    const late = join();
    late.subscribe(['ticker:S2']);
    publisher.publish([2], { bidPrice: 300 });
    flush();
    expect(told(client)).toEqual(['image 7:1 3']);
    expect(late.image(2)).toMatchObject({ epoch: 7, seq: 1 });
  });

  it('of one partition leaves the others alone', () => {
    const { publisher, join, flush } = scene(4);
    publisher.publish([1, 2, 3, 4], { bidPrice: 100 });
    const client = join();
    client.subscribe(['ticker:*']);
    flush();
    client.fresh();
    publisher.reload([2], 0);
    publisher.publish([1, 2], { bidPrice: 200 });
    flush();
    expect(told(client)).toEqual(['update 2 2', 'update 2 2']);
    const late = join();
    late.subscribe(['ticker:S1', 'ticker:S3']);
    expect(told(late)).toHaveLength(2);
  });
});

describe('a batch', () => {
  it('of an epoch that a symbol was not in begins its image anew', () => {
    const { publisher, join, flush, gateway } = scene(2);
    publisher.publish([1], { bidPrice: 100, askPrice: 200 });
    const client = join();
    client.subscribe(['ticker:S1']);
    flush();
    gateway.sink.beginBatch(1, 2);
    gateway.sink.update(1, 1, 1, 1_700_000_000_000_000, values(300));
    gateway.sink.endBatch(0);
    flush();
    expect(client.image(1)).toMatchObject({ epoch: 2, seq: 1, values: { bidPrice: 3, askPrice: null } });
  });

  it('with only trades of a symbol changes nothing of its image', () => {
    const { join, flush, gateway, publisher } = scene(1);
    publisher.publish([1], { bidPrice: 100 });
    const client = join();
    client.subscribe(['ticker:S1']);
    flush();
    client.fresh();
    gateway.sink.beginBatch(1, 1);
    gateway.sink.update(1, 1, 0, 1_700_000_000_000_000, values(999));
    gateway.sink.endBatch(0);
    flush();
    expect(client.fresh()).toEqual([]);
  });

  it('may hold every field', () => {
    const { join, flush, gateway } = scene(1);
    const client = join();
    client.subscribe(['ticker:S1']);
    gateway.sink.beginBatch(1, 1);
    gateway.sink.update(
      1,
      1,
      ALL_FIELDS,
      1,
      Float64Array.from({ length: IMAGE_FIELD_COUNT }, (_, i) => i * 100),
    );
    gateway.sink.endBatch(0);
    flush();
    expect(client.image(1)!.values).toMatchObject({ bidPrice: 0, askSize: 300, flags: 1300 });
  });

  it('of an unknown sid makes the registry look, once at a time, and is not lost', async () => {
    const { publisher, join, registry, flush, gateway } = scene(2);
    const client = join();
    client.subscribe(['ticker:*']);
    publisher.publish([3], { bidPrice: 100 });
    publisher.publish([3, 4], { bidPrice: 200 });
    publisher.trade(4);
    expect(registry.reconciled).toBe(1);
    await Promise.resolve();
    await Promise.resolve();
    publisher.publish([3], { bidPrice: 300 });
    expect(registry.reconciled).toBe(2);
    expect(gateway.sink.unknownSids).toBe(5);
    registry.setAll([3, 4], {});
    publisher.publish([3], { bidPrice: 400 });
    flush();
    expect(registry.reconciled).toBe(2);
    expect(client.image(3)).toMatchObject({ values: { bidPrice: 4 } });
    expect(client.image(4)).toMatchObject({ values: { bidPrice: 2 } });
  });
});

import type { StreamRecord } from '#wire';
import { type ClientFixture, type Scene, scene } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

const FRAME_MAX = 65_535;
const CODECS = [
  ['msgpack', MSGPACK],
  ['JSON', JSON_DIALECT],
] as const;

/** What came of trades since the last call, in short: `trade 5`, `gap 2-4`, `position 1:3`. */
const told = (client: ClientFixture): string[] =>
  client.fresh().flatMap((record: StreamRecord) => {
    if (record.type === 'trade') return [`trade ${record.seq}`];
    if (record.type === 'gap') return [`gap ${record.from}-${record.to}`];
    return record.type === 'position' ? [`position ${record.epoch}:${record.seq}`] : [];
  });

const trades = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `trade ${from + i}`);

const resume = (client: ClientFixture, epoch: number, seq: number, sid = 1) =>
  client.say({ op: 'subscribe', channels: [`trade:S${sid}`], from: { [`trade:S${sid}`]: [epoch, seq] } });

/** Position of the first channel in the last answer. */
const position = (client: ClientFixture) => client.socket.of('subscribed').at(-1)!.channels[0]!.position;

/** The older tape of both partitions is read. */
function historyRead({ gateway }: Scene): void {
  gateway.sink.historyComplete(0);
  gateway.sink.historyComplete(1);
}

function plug(client: ClientFixture): void {
  client.socket.plugNext = true;
  client.say({ op: 'ping' });
  client.fresh();
}

describe.each(CODECS)('trades in %s', (_name, dialectAt) => {
  it('come all, once and in order, with everything that is known of them', () => {
    const { publisher, join, flush } = scene(2);
    publisher.trade(1, 3);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    expect(position(client)).toEqual({ epoch: 1, seq: 3 });
    expect(client.socket.of('subscribed')[0]!.channels[0]).toMatchObject({
      hz: null,
      fields: ['price', 'size', 'id', 'conditions'],
    });
    publisher.trade(1, 2);
    publisher.trade(2, 2);
    publisher.trade(1, 1, { price: 12_345, size: 100, id: 'T"1\\', conditions: '@ F I' });
    flush();
    const all = client.socket.of('trade');
    expect(all.map(({ seq }) => seq)).toEqual([4, 5, 6]);
    expect(all[0]).toMatchObject({
      sid: 1,
      symbol: 'S1',
      price: 1.04,
      size: null,
      id: null,
      conditions: null,
    });
    expect(all[2]).toMatchObject({ price: 123.45, size: 100, id: 'T"1\\', conditions: '@ F I' });
    expect(all[2]!.timeUs).toBe(1_700_000_000_000_006);
  });

  it('of a blocked session come from where it stood, once it drains', () => {
    const stage = scene(1);
    const { publisher, join, flush } = stage;
    publisher.trade(1, 1);
    const client = join(dialectAt);
    const other = join(dialectAt);
    for (const one of [client, other]) one.subscribe(['trade:*']);
    plug(client);
    for (let i = 0; i < 4; i++) {
      publisher.trade(1, 2);
      flush();
    }
    expect(told(client)).toEqual([]);
    expect(told(other)).toEqual(trades(2, 9));
    client.socket.drain();
    flush();
    expect(told(client)).toEqual(trades(2, 9));
    publisher.trade(1);
    flush();
    expect(told(client)).toEqual(['trade 10']);
  });

  it('go on at another gateway from the last one that the client has', () => {
    const stage = scene(1);
    const { publisher, join, flush } = stage;
    publisher.trade(1, 10);
    const client = join(dialectAt);
    resume(client, 1, 6);
    expect(position(client)).toEqual({ epoch: 1, seq: 6 });
    publisher.trade(1, 1);
    flush();
    expect(told(client)).toEqual(trades(7, 11));
    const newest = join(dialectAt);
    resume(newest, 1, 11);
    expect(newest.session.isBehind).toBe(false);
    flush();
    expect(told(newest)).toEqual([]);
  });

  it('that are not read back yet are waited for, then come as trades', () => {
    const stage = scene(2);
    const { publisher, join, flush, gateway } = stage;
    historyRead(stage);
    const early = publisher.tradeUnheard(1, 5);
    const late = publisher.tradeUnheard(1, 5);
    publisher.reload([1], 1);
    publisher.trade(1, 2);
    const client = join(dialectAt);
    resume(client, 1, 3);
    flush();
    publisher.trade(1);
    flush();
    expect(told(client)).toEqual([]);
    publisher.readBack(1, late, 1);
    gateway.flusher.cause();
    flush();
    expect(told(client)).toEqual([]);
    publisher.readBack(1, early, 1);
    gateway.sink.historyComplete(1);
    flush();
    expect(told(client)).toEqual(trades(4, 13));
  });

  it('that the tape does not have any more are one gap, once that is known', () => {
    const stage = scene(2);
    const { publisher, join, flush } = stage;
    publisher.tradeUnheard(1, 5);
    const kept = publisher.tradeUnheard(1, 3);
    publisher.reload([1], 1);
    const client = join(dialectAt);
    resume(client, 1, 2);
    flush();
    publisher.readBack(1, kept, 1);
    expect(told(client)).toEqual([]);
    stage.gateway.sink.historyComplete(1);
    flush();
    expect(told(client)).toEqual(['gap 3-5', ...trades(6, 8)]);
  });

  it('that went out of the ring are exactly one gap', () => {
    const stage = scene(1, { tradeRingBytesMax: 10 * 112 });
    const { publisher, join, flush } = stage;
    publisher.trade(1);
    historyRead(stage);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    plug(client);
    for (let i = 0; i < 5; i++) {
      publisher.trade(1, 10);
      flush();
    }
    client.socket.drain();
    flush();
    flush();
    expect(told(client)).toEqual(['gap 2-41', ...trades(42, 51)]);
    expect(stage.gateway.rings.evicted).toBe(41);
  });

  it('older than the ring keeps are a gap, too', () => {
    const stage = scene(1, { tradeRingSeconds: 60 });
    const { publisher, join, flush, timers } = stage;
    historyRead(stage);
    publisher.trade(1, 3);
    timers.pass(30_000);
    publisher.trade(1, 3);
    timers.pass(30_001);
    publisher.trade(1, 1);
    const client = join(dialectAt);
    resume(client, 1, 1);
    flush();
    expect(told(client)).toEqual(['gap 2-3', ...trades(4, 7)]);
  });

  it('of a new epoch come after a position', () => {
    const stage = scene(1);
    const { publisher, join, flush } = stage;
    publisher.trade(1, 5);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    publisher.trade(1, 1);
    flush();
    publisher.takeOver(9, new Map([[1, { seq: 0, tradeSeq: 4 }]]));
    publisher.reload([1], 1);
    flush();
    publisher.trade(1, 2);
    flush();
    expect(told(client)).toEqual(['trade 6', 'position 9:4', 'trade 5', 'trade 6']);
    const late = join(dialectAt);
    resume(late, 1, 6);
    expect(position(late)).toEqual({ epoch: 1, seq: 6 });
    flush();
    expect(told(late)).toEqual(['position 9:4', 'trade 5', 'trade 6']);
  });

  it('that this gateway does not have yet are waited for', () => {
    const stage = scene(1);
    const { publisher, join, flush } = stage;
    publisher.trade(1, 3);
    const client = join(dialectAt);
    resume(client, 1, 5);
    publisher.trade(1, 1);
    flush();
    publisher.trade(1, 1);
    flush();
    expect(told(client)).toEqual([]);
    expect(client.session.isBehind).toBe(false);
    publisher.trade(1, 2);
    flush();
    expect(told(client)).toEqual(['trade 6', 'trade 7']);
  });

  it('of a symbol of which nothing is known yet begin with a position', () => {
    const { publisher, join, flush } = scene(1);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    expect(position(client)).toBeNull();
    publisher.trade(1, 2);
    flush();
    expect(told(client)).toEqual(['position 1:0', 'trade 1', 'trade 2']);
  });

  it('lost in a hole of the batches that could not be filled are a gap', () => {
    const { publisher, join, flush, gateway } = scene(1);
    publisher.trade(1, 2);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    publisher.tradeUnheard(1, 4);
    publisher.reload([1], 1);
    flush();
    publisher.trade(1, 1);
    flush();
    // They may be on the tape still, which is being read back: nothing is called lost before that has ended.
    expect(told(client)).toEqual([]);
    gateway.sink.historyComplete(1);
    flush();
    expect(told(client)).toEqual(['gap 3-6', 'trade 7']);
  });

  it('in a hole of the batches come from the tape that is read back, when it still holds them', () => {
    const { publisher, join, flush, gateway } = scene(1);
    publisher.trade(1, 2);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    const missed = publisher.tradeUnheard(1, 4);
    publisher.reload([1], 1);
    publisher.trade(1, 1);
    flush();
    gateway.sink.beginHistory(1, publisher.epoch);
    for (const { seq, timeUs, price } of missed)
      gateway.sink.pastTrade(1, seq, timeUs, price, Number.NaN, null, null);
    gateway.sink.endHistory();
    flush();
    expect(told(client)).toEqual(['trade 3', 'trade 4', 'trade 5', 'trade 6', 'trade 7']);
  });

  it('subscribed to again, or by another channel, go on without a trade twice', () => {
    const { publisher, join, flush } = scene(1);
    publisher.trade(1, 2);
    const client = join(dialectAt);
    client.subscribe(['trade:S1']);
    publisher.trade(1);
    client.subscribe(['trade:*']);
    client.subscribe(['trade:S1']);
    client.say({ op: 'unsubscribe', channels: ['trade:S1'] });
    flush();
    expect(told(client)).toEqual(['trade 3']);
  });
});

describe('a burst of trades larger than one run', () => {
  const LONG = { id: 'x'.repeat(64), conditions: '@ F I T', size: 100_000 };

  it.each([
    ['of one codec', [MSGPACK, MSGPACK]],
    ['of both codecs', [MSGPACK, JSON_DIALECT]],
  ])('reaches sessions %s whole, in order, in frames within 64 KiB', (_name, dialects) => {
    const { publisher, join, timers } = scene(2);
    publisher.trade(1);
    const clients = dialects.map((dialectAt) => join(dialectAt));
    for (const client of clients) client.subscribe(['trade:*', 'ticker:*']);
    publisher.trade(1, 3_000, LONG);
    publisher.trade(2, 2_000, LONG);
    const late = dialects.map((dialectAt) => {
      const client = join(dialectAt);
      resume(client, 1, 1);
      return client;
    });
    timers.pass(3);
    expect(clients[0]!.socket.of('trade').length).toBeGreaterThan(100);
    expect(clients[0]!.socket.of('trade').length).toBeLessThan(5_000);
    timers.pass(1000);
    for (const client of [...clients, ...late]) {
      const seqs = client.socket.of('trade').flatMap(({ sid, seq }) => (sid === 1 ? [seq] : []));
      expect(seqs).toEqual(Array.from({ length: 3_000 }, (_, i) => i + 2));
      expect(Math.max(...client.socket.frameSizes)).toBeLessThanOrEqual(FRAME_MAX);
    }
  });

  it('after a block comes at most 64 KiB per flush', () => {
    const { publisher, join, timers } = scene(3);
    for (const sid of [1, 2, 3]) publisher.trade(sid);
    const client = join(JSON_DIALECT);
    client.subscribe(['trade:*']);
    plug(client);
    for (const sid of [1, 2, 3]) publisher.trade(sid, 1_500, LONG);
    timers.pass(500);
    client.socket.drain();
    for (let turn = 0; turn < 100 && client.session.isBehind; turn++) {
      const frames = client.socket.frameSizes.length;
      timers.pass(3);
      const bytes = client.socket.frameSizes.slice(frames).reduce((sum, size) => sum + size, 0);
      expect(bytes).toBeLessThanOrEqual(FRAME_MAX);
    }
    expect(client.session.isBehind).toBe(false);
    for (const sid of [1, 2, 3]) {
      const seqs = client.socket.of('trade').flatMap((trade) => (trade.sid === sid ? [trade.seq] : []));
      expect(seqs).toEqual(Array.from({ length: 1_500 }, (_, i) => i + 2));
    }
  });
});

describe('while a reload is not complete', () => {
  it('nobody is sent what the ring does not have: they wait', () => {
    const stage = scene(2);
    const { publisher, join, flush, gateway } = stage;
    historyRead(stage);
    publisher.trade(1, 10);
    const client = join();
    client.subscribe(['trade:S1']);
    plug(client);
    publisher.trade(1, 2);
    flush();
    // An older checkpoint of the same epoch; the tape after it cannot be read for a moment.
    gateway.sink.beginReload(1, 1);
    gateway.sink.image(1, 0, 5, 0, new Float64Array(14));
    gateway.sink.endReload(1);
    client.socket.drain();
    flush();
    expect(told(client)).toEqual([]);
    const later = new Map(Array.from({ length: 7 }, (_, i) => [i + 6, 100 + i + 6]));
    gateway.sink.beginBatch(1, 1);
    for (const [seq, price] of later) gateway.sink.trade(1, seq, seq, price, Number.NaN, null, null);
    gateway.sink.endBatch(1);
    flush();
    expect(told(client)).toEqual(['trade 11', 'trade 12']);
  });
});

import { type ClientFixture, scene, sidsTo } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

const SLICED = { ms: 0, sessionsPerCheck: 1 };
const CODECS = [
  ['msgpack', MSGPACK],
  ['JSON', JSON_DIALECT],
] as const;

function plug(client: ClientFixture): void {
  client.socket.plugNext = true;
  client.say({ op: 'ping' });
  client.fresh();
}

describe.each(CODECS)('a symbol that is switched off, in %s', (_name, dialectAt) => {
  it('says so at once and is silent; switched on, it comes back without anyone asking', () => {
    const { publisher, join, registry, timers } = scene(2);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:S1', 'trade:S1', 'ticker:S2']);
    publisher.trade(1, 2);
    timers.pass(10);
    client.fresh();
    registry.set(1, { enabled: false, statusReason: 'corrupt feed' });
    expect(client.fresh()).toEqual([
      { type: 'status', sid: 1, status: 'disabled', reason: 'corrupt feed', version: registry.version },
    ]);
    publisher.publish([1, 2], { bidPrice: 2 });
    publisher.trade(1, 3);
    timers.pass(1000);
    expect(client.fresh()).toMatchObject([{ type: 'update', sid: 2 }]);
    registry.set(1, { enabled: true, statusReason: null });
    expect(client.fresh()).toMatchObject([{ type: 'status', sid: 1, status: 'open', reason: null }]);
    timers.pass(10);
    expect(client.fresh()).toMatchObject([
      { type: 'image', sid: 1, seq: 2, bidPrice: 0.02 },
      { type: 'gap', sid: 1, from: 3, to: 5 },
    ]);
    publisher.publish([1], { bidPrice: 3 });
    publisher.trade(1);
    timers.pass(10);
    expect(client.fresh()).toMatchObject([
      { type: 'update', sid: 1, seq: 3 },
      { type: 'trade', sid: 1, seq: 6 },
    ]);
  });

  it('gives its image again when nothing changed meanwhile, in every lane', () => {
    const { publisher, join, registry, timers } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const clients = [undefined, 10, 1].map((hz) => {
      const client = join(dialectAt);
      client.subscribe(['ticker:S1'], { hz });
      return client;
    });
    timers.pass(2000);
    registry.set(1, { enabled: false });
    timers.pass(2000);
    for (const client of clients) client.fresh();
    registry.set(1, { enabled: true });
    timers.pass(1100);
    for (const client of clients) expect(client.freshTypes()).toEqual(['status', 'image']);
  });

  it('can be subscribed to, with status disabled and no image until it is on', () => {
    const { publisher, join, registry, timers } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    registry.set(1, { enabled: false });
    const client = join(dialectAt);
    const together = join(dialectAt);
    together.subscribe(['ticker:S1', 'trade:S1']);
    client.subscribe(['ticker:S1', 'trade:S1']);
    publisher.publish([1], { bidPrice: 2 });
    timers.pass(1000);
    expect(client.socket.of('subscribed')[0]!.channels.map(({ status }) => status)).toEqual([
      'disabled',
      'disabled',
    ]);
    expect(client.image(1)).toBeUndefined();
    client.subscribe(['ticker:S1'], { hz: 1 });
    expect(client.image(1)).toBeUndefined();
    registry.set(1, { enabled: true });
    timers.pass(1100);
    expect(client.image(1)).toMatchObject({ seq: 2, values: { bidPrice: 0.02 } });
    expect(together.image(1)).toMatchObject({ seq: 2 });
  });

  it('ends what a blocked session had to catch up on, until it is on', () => {
    const { publisher, join, registry, flush } = scene(2);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:*']);
    flush();
    plug(client);
    publisher.publish([1, 2], { bidPrice: 2 });
    flush();
    registry.set(1, { enabled: false });
    client.socket.drain();
    flush();
    expect(client.fresh()).toMatchObject([
      { type: 'status', sid: 1 },
      { type: 'image', sid: 2 },
    ]);
    registry.set(1, { enabled: true });
    flush();
    expect(client.fresh()).toMatchObject([{ type: 'status' }, { type: 'image', sid: 1, seq: 2 }]);
  });

  it('switched off between the slices of a flush: who was not served yet gets the update before the status', () => {
    const { publisher, join, registry, timers, clock, gateway } = scene(1, {}, SLICED);
    publisher.publish([1], { bidPrice: 1 });
    publisher.trade(1);
    const clients = Array.from({ length: 4 }, () => join(dialectAt));
    for (const client of clients) client.subscribe(['ticker:S1', 'trade:S1']);
    timers.pass(10);
    for (const client of clients) client.fresh();
    publisher.publish([1], { bidPrice: 2 });
    publisher.trade(1);
    clock.ms += 3;
    timers.runOne();
    expect(gateway.flusher.running).toBe(true);
    registry.set(1, { enabled: false });
    timers.pass(1000);
    for (const client of clients) expect(client.freshTypes()).toEqual(['update', 'trade', 'status']);
    registry.set(1, { enabled: true });
    timers.pass(10);
    for (const client of clients) expect(client.freshTypes()).toEqual(['status', 'image']);
  });

  it('off and on again while a change of rate waits for its lane gives the image all the same', () => {
    const { publisher, join, registry, timers } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const slow = join(dialectAt);
    slow.subscribe(['ticker:S1'], { hz: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:S1']);
    timers.pass(1500);
    client.fresh();
    registry.set(1, { coalesceIntervalMs: 1000 });
    registry.set(1, { enabled: false });
    registry.set(1, { enabled: true });
    timers.pass(1500);
    expect(client.freshTypes()).toEqual(['status', 'status', 'image']);
  });

  it('off and on again before any flush gives the image, no update', () => {
    const { publisher, join, registry, flush } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:S1']);
    flush();
    client.fresh();
    publisher.publish([1], { bidPrice: 2 });
    registry.set(1, { enabled: false });
    registry.set(1, { enabled: true });
    flush();
    expect(client.freshTypes()).toEqual(['status', 'status', 'image']);
  });
});

describe('status', () => {
  it('comes once per session and symbol, whichever channels cover it, and to nobody else', () => {
    const { join, registry } = scene(3);
    const all = join();
    all.subscribe(['ticker:S1', 'ticker:*', 'trade:S1', 'trade:*', 'status:S1', 'status:S*']);
    const each = ['ticker:S1', 'trade:S*', 'status:S1', 'status:*'].map((channel) => {
      const client = join();
      client.subscribe([channel]);
      return client;
    });
    const none = join();
    none.subscribe(['ticker:S2', 'trade:S3', 'status:S2']);
    for (const client of [all, none, ...each]) client.fresh();
    registry.set(1, { tradingStatus: 'halted', statusReason: 'LULD' });
    for (const client of [all, ...each])
      expect(client.fresh()).toMatchObject([{ type: 'status', sid: 1, status: 'halted', reason: 'LULD' }]);
    expect(none.fresh()).toEqual([]);
  });

  it('of a halt is all that happens: data flows on', () => {
    const { publisher, join, registry, flush } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const client = join();
    client.subscribe(['ticker:S1', 'trade:S1']);
    flush();
    client.fresh();
    registry.set(1, { tradingStatus: 'halted' });
    publisher.publish([1], { bidPrice: 2 });
    publisher.trade(1);
    flush();
    registry.set(1, { tradingStatus: 'open' });
    flush();
    // The first trade that is known of a symbol comes with where its numbering stands.
    expect(client.freshTypes()).toEqual(['status', 'update', 'position', 'trade', 'status']);
  });

  it('does not change by what clients are not told', () => {
    const { join, registry } = scene(1);
    const client = join();
    client.subscribe(['ticker:S1', 'status:*']);
    registry.set(1, { enabled: false });
    client.fresh();
    registry.set(1, { tradingStatus: 'halted' });
    registry.set(1, { name: 'Renamed' });
    expect(client.fresh()).toEqual([]);
  });
});

describe('a symbol that is new', () => {
  it.each(CODECS)('under a wildcard is announced before its image, in %s', (_name, dialectAt) => {
    const { publisher, join, registry, flush, gateway } = scene(2);
    const client = join(dialectAt);
    client.subscribe(['ticker:*', 'trade:*'], { id: 1 });
    const other = join(dialectAt);
    other.subscribe(['ticker:S1']);
    flush();
    client.fresh();
    other.fresh();
    publisher.publish([3], { bidPrice: 12_345 });
    publisher.trade(3, 2);
    flush();
    expect(gateway.sink.unknownSids).toBe(3);
    registry.set(3, { name: 'Third', group: 'crypto' });
    flush();
    const [instrument, image, position, ...trades] = client.fresh();
    expect(instrument).toEqual({
      type: 'instrument',
      ...{ sid: 3, symbol: 'S3', name: 'Third', group: 'crypto' },
      ...{ priceScale: 2, sizeScale: 0, volumeScale: 0, status: 'open' },
    });
    expect(image).toMatchObject({ type: 'image', sid: 3, symbol: 'S3', bidPrice: 123.45 });
    // Trades that came before the announcement are not left out unsaid.
    expect(position).toEqual({ type: 'position', sid: 3, epoch: 1, seq: 0 });
    expect(trades).toMatchObject([
      { type: 'trade', seq: 1 },
      { type: 'trade', seq: 2 },
    ]);
    expect(other.fresh()).toEqual([]);
    publisher.publish([3], { bidPrice: 12_346 });
    flush();
    expect(client.freshTypes()).toEqual(['update']);
  });

  it('is followed at the rate of the longest prefix', () => {
    const { join, registry } = scene(2);
    const client = join();
    client.subscribe(['ticker:*'], { hz: 1 });
    client.subscribe(['ticker:S*'], { hz: 10 });
    registry.set(3, {});
    expect(client.session.membershipOf(3)!.lane.rung.hz).toBe(10);
  });

  it('over the limit of symbols is an error, not silence', () => {
    const { join, registry, flush } = scene(2, { symbolsPerSessionMax: 3 });
    const tickers = join();
    tickers.subscribe(['ticker:*']);
    const trades = join();
    trades.subscribe(['trade:*']);
    const status = join();
    status.subscribe(['status:*']);
    flush();
    for (const client of [tickers, trades, status]) client.fresh();
    registry.setAll([3, 4], {});
    for (const client of [tickers, trades])
      expect(client.fresh()).toMatchObject([
        { type: 'instrument', sid: 3 },
        { type: 'error', id: null, code: 'too_many_symbols', message: expect.stringContaining('S4') },
      ]);
    expect(status.freshTypes()).toEqual(['instrument', 'instrument']);
  });

  it('comes in one go with a thousand others: one copy of the list of symbols per session', () => {
    const { join, registry, gateway, publisher, timers } = scene(2_000);
    const clients = [join(MSGPACK), join(MSGPACK)];
    for (const client of clients) client.subscribe(['ticker:*', 'trade:*']);
    publisher.publish(sidsTo(3_000), { bidPrice: 1 });
    const { cohorts } = gateway.lanes[0]!;
    const enter = cohorts.enter.bind(cohorts);
    let entered = 0;
    cohorts.enter = (sids) => {
      entered++;
      return enter(sids);
    };
    registry.setAll(sidsTo(3_000).slice(2_000), {});
    expect(entered).toBe(2);
    timers.pass(100);
    for (const client of clients) {
      expect(client.socket.of('instrument')).toHaveLength(1_000);
      expect(client.imagesHeld).toBe(3_000);
    }
  });
});

import fc from 'fast-check';
import { FIELD_SCALES, IMAGE_FIELDS, type ImageField } from '#market-data';
import type { StreamRecord } from '#wire';
import { type ClientFixture, scene, sidsTo } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';
import type { Change } from './publisher.fixture.js';

const CODECS = [
  ['msgpack', MSGPACK],
  ['JSON', JSON_DIALECT],
] as const;

/** Scaled integers as clients see them, with two decimals of a price. */
function descaled(values: Readonly<Record<ImageField, number | null>>): Record<string, number | null> {
  return Object.fromEntries(
    IMAGE_FIELDS.map((field, i) => {
      const value = values[field];
      return [field, value !== null && FIELD_SCALES[i] === 'price' ? value / 100 : value];
    }),
  );
}

const errorsOf = (client: ClientFixture) =>
  client.fresh().flatMap((record) => ('errors' in record ? record.errors.map(({ code }) => code) : []));

describe.each(CODECS)('a ticker subscription in %s', (_name, dialectAt) => {
  it('gets the whole image at once, then what changed', () => {
    const { publisher, join, flush } = scene(3);
    publisher.publish(
      [1],
      { bidPrice: 10_123, bidSize: 300, askPrice: null, volume: 5_000 },
      1_700_000_000_000_123,
    );
    const client = join(dialectAt);
    client.subscribe(['ticker:S1'], { id: 'first' });
    const [welcome, subscribed, image, ...rest] = client.fresh();
    expect(welcome).toMatchObject({ type: 'welcome', subject: 'client' });
    expect(subscribed).toMatchObject({ type: 'subscribed', id: 'first', errors: [], more: false });
    expect(image).toMatchObject({
      type: 'image',
      ...{ sid: 1, symbol: 'S1', epoch: 1, seq: 1, timeUs: 1_700_000_000_000_123 },
      ...{ bidPrice: 101.23, bidSize: 300, askPrice: null, volume: 5_000, flags: null },
    });
    expect(rest).toEqual([]);

    publisher.publish([1, 2], { bidPrice: 10_124, askPrice: 10_130 }, 1_700_000_000_000_100);
    flush();
    expect(client.fresh()).toEqual([
      {
        type: 'update',
        ...{ sid: 1, symbol: 'S1', seq: 2, timeUs: 1_700_000_000_000_100 },
        ...{ bidPrice: 101.24, askPrice: 101.3 },
      },
    ]);
  });

  it('tells by a jump of seq how many states were left out', () => {
    const { publisher, join, flush } = scene(1);
    const client = join(dialectAt);
    publisher.publish([1], { bidPrice: 1 });
    client.subscribe(['ticker:S1']);
    client.fresh();
    publisher.publish([1], { bidPrice: 2, bidSize: 7 });
    publisher.publish([1], { bidPrice: 3 });
    publisher.publish([1], { bidPrice: 4 });
    flush();
    const [update, ...rest] = client.fresh();
    expect(update).toMatchObject({ type: 'update', seq: 4, bidPrice: 0.04, bidSize: 7 });
    expect(rest).toEqual([]);
  });

  it('gets nothing but the answer before there is a state, then an image', () => {
    const { publisher, join, flush } = scene(1);
    const client = join(dialectAt);
    client.subscribe(['ticker:S1']);
    flush();
    expect(client.freshTypes()).toEqual(['welcome', 'subscribed']);
    expect(client.session.isBehind).toBe(false);
    publisher.publish([1], { lastPrice: 100 });
    flush();
    publisher.publish([1], { lastPrice: 200 });
    flush();
    expect(client.freshTypes()).toEqual(['image', 'update']);
  });

  it('that joins others gets the state that they were sent, and the same updates from then on', () => {
    const { publisher, join, flush } = scene(1);
    publisher.publish([1], { bidPrice: 1, askPrice: 5 });
    const first = join(dialectAt);
    first.subscribe(['ticker:S1']);
    publisher.publish([1], { bidPrice: 2 });
    const second = join(dialectAt);
    second.subscribe(['ticker:S1']);
    expect(second.image(1)).toMatchObject({ seq: 1 });
    flush();
    expect(second.image(1)).toEqual(first.image(1));
    expect(second.image(1)).toMatchObject({ seq: 2, values: { bidPrice: 0.02, askPrice: 0.05 } });
  });

  it('gets the answer and the image again when it subscribes again', () => {
    const { publisher, join, flush } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:S1']);
    client.fresh();
    client.subscribe(['ticker:S1'], { id: 2 });
    expect(client.freshTypes()).toEqual(['subscribed', 'image']);
    client.subscribe(['ticker:S1'], { id: 3, hz: 1 });
    expect(client.freshTypes()).toEqual(['subscribed', 'image']);
    flush();
    expect(client.fresh()).toEqual([]);
  });
});

describe('image and updates', () => {
  it('make the same state in both codecs, from whenever on, that of the publisher', () => {
    const value = fc.option(fc.integer({ min: 0, max: 2 ** 40 }), { nil: null });
    const change = fc.dictionary(fc.constantFrom(...IMAGE_FIELDS), value, {
      minKeys: 1,
    }) as fc.Arbitrary<Change>;
    const step = fc.record({
      sids: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { minLength: 1 }),
      change,
      timeUs: fc.integer({ min: 1, max: 2 ** 50 }),
      joins: fc.boolean(),
      flushes: fc.boolean(),
      hz: fc.constantFrom(undefined, 10),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const { publisher, join, flush, timers } = scene(3);
        const clients: ClientFixture[] = [];
        for (const { sids, change, timeUs, joins, flushes, hz } of steps) {
          if (joins) {
            for (const [, dialectAt] of CODECS) {
              const client = join(dialectAt);
              client.subscribe(['ticker:*'], { hz });
              clients.push(client);
            }
          }
          publisher.publish(sids, change, timeUs);
          if (flushes) flush();
        }
        timers.pass(200);
        for (const client of clients) {
          for (const sid of [1, 2, 3].filter((known) => publisher.seq(known) > 0)) {
            expect(client.image(sid)).toMatchObject({ epoch: 1, seq: publisher.seq(sid) });
            expect(client.image(sid)!.values).toEqual(descaled(publisher.values(sid)));
            expect(client.image(sid)!.timeUs).toBe(clients[0]!.image(sid)!.timeUs);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('channels of a session', () => {
  it('a wildcard goes on at its own rate when the named channel inside it is gone', () => {
    const { publisher, join, flush, timers, gateway } = scene(3);
    publisher.publish([1, 2, 3], { bidPrice: 1 });
    const client = join();
    client.subscribe(['ticker:*']);
    client.subscribe(['ticker:S2'], { hz: 1 });
    expect(client.session.membershipOf(2)!.lane.rung.hz).toBe(1);
    client.fresh();
    client.say({ op: 'unsubscribe', id: 7, channels: ['ticker:S2'] });
    expect(client.fresh()).toEqual([
      { type: 'unsubscribed', id: 7, channels: ['ticker:S2'], errors: [], more: false },
    ]);
    expect(client.session.membershipOf(2)!.lane).toBe(gateway.lanes[0]);
    publisher.publish([2], { bidPrice: 2 });
    flush();
    expect(client.image(2)!.values.bidPrice).toBe(0.02);
    timers.pass(2000);
    expect(client.fresh()).toHaveLength(1);
  });

  it('the longest prefix that is left gives the rate', () => {
    const { join } = scene(12);
    const client = join();
    client.subscribe(['ticker:*'], { hz: 10 });
    client.subscribe(['ticker:S1*'], { hz: 5 });
    const hz = (sid: number) => client.session.membershipOf(sid)!.lane.rung.hz;
    expect([hz(1), hz(12), hz(2)]).toEqual([5, 5, 10]);
    client.say({ op: 'unsubscribe', channels: ['ticker:S1*'] });
    expect([hz(1), hz(12), hz(2)]).toEqual([10, 10, 10]);
    client.say({ op: 'unsubscribe', channels: ['ticker:*'] });
    expect(client.session.memberships).toEqual([]);
  });

  it('a symbol that no channel covers any more is left, and nothing of it is sent', () => {
    const { publisher, join, flush, gateway } = scene(2);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join();
    client.subscribe(['ticker:S1', 'trade:S1', 'status:S1', 'ticker:S2']);
    client.say({ op: 'unsubscribe', channels: ['ticker:S1', 'trade:S1', 'status:S1'] });
    client.fresh();
    publisher.publish([1], { bidPrice: 2 });
    publisher.trade(1);
    flush();
    expect(client.fresh()).toEqual([]);
    expect(gateway.lanes[0]!.hasMembers(1)).toBe(false);
  });

  it('are listed as given, with the rate that is granted', () => {
    const { join } = scene(3);
    const client = join();
    client.subscribe(['ticker:S1', 'ticker:S*'], { hz: 7 });
    client.subscribe(['trade:S2', 'trade:*', 'status:S3', 'status:X*']);
    client.fresh();
    client.say({ op: 'list', id: 5 });
    expect(client.fresh()).toEqual([
      {
        type: 'list',
        id: 5,
        channels: [
          { channel: 'ticker:S1', hz: 5 },
          { channel: 'ticker:S*', hz: 5 },
          { channel: 'trade:S2', hz: null },
          { channel: 'trade:*', hz: null },
          { channel: 'status:S3', hz: null },
          { channel: 'status:X*', hz: null },
        ],
        more: false,
      },
    ]);
  });

  it('a wildcard that matches nothing yet is taken, and said so', () => {
    const { join } = scene(1);
    const client = join(MSGPACK);
    client.subscribe(['ticker:NONE*']);
    expect(client.socket.of('subscribed')[0]!.channels).toEqual([
      expect.objectContaining({ channel: 'ticker:NONE*', sid: null, symbol: null, hz: null, position: null }),
    ]);
  });

  it('moving a wildcard of many symbols to another rate costs no copy per symbol', () => {
    const symbols = 20_000;
    const { publisher, join, timers, gateway, registry } = scene(symbols);
    publisher.publish(sidsTo(symbols), { bidPrice: 1 });
    const client = join(MSGPACK);
    const entered = gateway.lanes.map(({ cohorts }) => {
      const enter = cohorts.enter.bind(cohorts);
      let count = 0;
      cohorts.enter = (sids) => {
        count++;
        return enter(sids);
      };
      return () => count;
    });
    client.subscribe(['ticker:*']);
    client.subscribe(['ticker:*'], { hz: 10 });
    client.subscribe(['ticker:S*'], { hz: 5 });
    client.say({ op: 'unsubscribe', channels: ['ticker:S*'] });
    registry.setAll(sidsTo(symbols), { coalesceIntervalMs: 1000 });
    expect(entered.reduce((sum, count) => sum + count(), 0)).toBeLessThan(10);
    expect(client.session.memberships.map(({ lane }) => lane.rung.hz)).toEqual([1]);
    timers.pass(60_000);
    expect(client.imagesHeld).toBe(symbols);
  });
});

describe('a channel that cannot be taken', () => {
  it.each([
    [{ channels: ['ticker:S1', 'nonsense'] }, ['bad_channel']],
    [{ channels: ['ticker:S1', 'ticker:s1'] }, ['bad_channel']],
    [{ channels: ['ticker:S1', 'ticker:S1*x'] }, ['bad_channel']],
    [{ channels: ['ticker:S1', 'candle:S1'] }, ['bad_channel']],
    [{ channels: ['ticker:S1', 'ticker:NONE', 'trade:NONE'] }, ['unknown_symbol', 'unknown_symbol']],
    [{ channels: ['ticker:S1', 'trade:S1', 'status:*'], hz: 5 }, ['hz_not_allowed', 'hz_not_allowed']],
    [{ channels: ['ticker:S1'], from: { 'ticker:S1': [1, 1] } }, ['from_not_allowed']],
    [{ channels: ['ticker:S1', 'trade:*'], from: { 'trade:*': [1, 1] } }, ['from_not_allowed']],
    [{ channels: ['ticker:S1', 'trade:*'], from: { 'trade:S1': [1, 1] } }, ['from_not_allowed']],
    [
      { channels: ['ticker:S1', 'trade:S2'], from: { 'trade:S1': [1, 1], x: [0, 0] } },
      ['from_not_allowed', 'from_not_allowed'],
    ],
  ])('%j is answered %j, and the rest of the command holds', (body, codes) => {
    const { publisher, join } = scene(2);
    publisher.publish([1], { bidPrice: 1 });
    const client = join();
    client.subscribe(body.channels, body);
    expect(client.image(1)).toBeDefined();
    expect(errorsOf(client)).toEqual(codes);
  });

  it('over the channels of a session is refused, while those that it has may be given again', () => {
    const { join } = scene(5, { channelsPerSessionMax: 3 });
    const client = join();
    client.subscribe(['ticker:S1', 'trade:*', 'status:S1', 'ticker:S2', 'ticker:*']);
    expect(errorsOf(client)).toEqual(['too_many_channels', 'too_many_channels']);
    client.subscribe(['ticker:S1', 'trade:*', 'status:S1']);
    expect(errorsOf(client)).toEqual([]);
    client.say({ op: 'unsubscribe', channels: ['trade:*'] });
    client.subscribe(['ticker:*']);
    expect(errorsOf(client)).toEqual([]);
  });

  it('is not unsubscribed, and says so', () => {
    const { join } = scene(2);
    const client = join();
    client.subscribe(['ticker:*', 'status:S1']);
    client.fresh();
    client.say({
      op: 'unsubscribe',
      channels: ['ticker:S1', 'ticker:NONE', '', 'trade:S1', 'status:S1', 'ticker:S*'],
    });
    const [answer] = client.fresh() as [Extract<StreamRecord, { type: 'unsubscribed' }>];
    expect(answer.channels).toEqual(['status:S1']);
    expect(answer.errors.map(({ channel, code }) => `${channel} ${code}`)).toEqual([
      'ticker:S1 not_subscribed',
      'ticker:NONE not_subscribed',
      ' bad_channel',
      'trade:S1 not_subscribed',
      'ticker:S* not_subscribed',
    ]);
  });
});

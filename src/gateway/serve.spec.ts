import { type ClientFixture, scene, sidsTo } from './client.fixture.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

const FRAME_MAX = 65_535;
const CODECS = [
  ['msgpack', MSGPACK],
  ['JSON', JSON_DIALECT],
] as const;

/** Fills the kernel's buffer: the next write is taken, and stays there. */
function plug(client: ClientFixture): void {
  client.socket.plugNext = true;
  client.say({ op: 'ping' });
  client.fresh();
}

/** Bytes of images in these writes at most: of everything after the answers. */
const payloadBytes = (client: ClientFixture, fromFrame: number) =>
  client.socket.frameSizes.slice(fromFrame).reduce((sum, size) => sum + size, 0);

/** A value that takes many digits and many bytes. */
const WIDE = {
  ...{ bidPrice: 2 ** 40, bidSize: 2 ** 40, askPrice: 2 ** 40, askSize: 2 ** 40 },
  ...{ lastPrice: 2 ** 40, lastSize: 2 ** 40, volume: 2 ** 40, vwapPrice: 2 ** 40 },
};

describe.each(CODECS)('a session whose socket is blocked, in %s', (_name, dialectAt) => {
  it('is sent no data, and once the newest images when it drains', () => {
    const { publisher, join, flush } = scene(3);
    publisher.publish([1, 2, 3], { bidPrice: 1, volume: 1 });
    const client = join(dialectAt);
    const other = join(dialectAt);
    for (const one of [client, other]) one.subscribe(['ticker:*']);
    flush();
    plug(client);
    const { writes } = client.socket;
    for (let i = 2; i <= 30; i++) {
      publisher.publish(i % 2 === 0 ? [1] : [1, 2], { bidPrice: i });
      flush();
    }
    expect(client.socket.writes).toBe(writes);
    expect(other.image(1)).toMatchObject({ seq: 30 });
    client.socket.drain();
    flush();
    expect(client.fresh()).toMatchObject([
      { type: 'image', sid: 1, seq: 30, bidPrice: 0.3, volume: 1 },
      { type: 'image', sid: 2, bidPrice: 0.29 },
    ]);
    expect(client.session.isBehind).toBe(false);
    publisher.publish([1, 3], { bidPrice: 31 });
    flush();
    expect(client.freshTypes()).toEqual(['update', 'update']);
    for (const sid of [1, 2, 3]) expect(client.image(sid)).toEqual(other.image(sid));
  });

  it('still gets control records', () => {
    const { publisher, join, flush, registry } = scene(2);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:S1']);
    plug(client);
    client.say({ op: 'ping', id: 1 });
    registry.set(1, { tradingStatus: 'halted' });
    client.subscribe(['ticker:S2']);
    publisher.publish([1, 2], { bidPrice: 2 });
    flush();
    expect(client.freshTypes()).toEqual(['pong', 'status', 'subscribed']);
    client.socket.drain();
    flush();
    expect(client.freshTypes()).toEqual(['image', 'image']);
  });

  it('that was in a slower lane gets its images with the lane, also when nothing changes any more', () => {
    const { publisher, join, timers } = scene(2);
    publisher.publish([1, 2], { bidPrice: 1 });
    const client = join(dialectAt);
    client.subscribe(['ticker:*'], { hz: 1 });
    timers.pass(3000);
    plug(client);
    publisher.publish([1], { bidPrice: 2 });
    timers.pass(2000);
    client.socket.drain();
    timers.pass(1100);
    expect(client.fresh()).toMatchObject([{ type: 'image', sid: 1, seq: 2 }]);
  });
});

describe('bytes in the hands of the kernel', () => {
  it('never change, while others are served from the same buffers for long', () => {
    const { publisher, join, flush } = scene(200);
    const clients = Array.from({ length: 12 }, (_, i) => join(i % 2));
    publisher.publish(sidsTo(200), WIDE);
    clients.forEach((client, i) => {
      client.subscribe(i % 3 === 0 ? ['ticker:*'] : [`ticker:S${i}*`, 'ticker:S1*']);
    });
    for (let turn = 0; turn < 60; turn++) {
      publisher.publish(sidsTo(200), (sid) => ({ ...WIDE, bidPrice: sid * 1000 + turn }));
      const blocked = clients[turn % clients.length]!;
      // Its next frames stay with the kernel for a few turns; draining checks that they are what was written.
      if (turn % 5 === 0) blocked.socket.plugNext = true;
      flush();
      if (turn % 5 === 4) for (const { socket } of clients) socket.drain();
    }
    for (const { socket } of clients) socket.drain();
    flush();
    for (const client of clients.slice(0, 3))
      expect(client.image(1)!.values.bidPrice).toBe((1000 + 59) / 100);
  });
});

describe('one flush', () => {
  it('is one socket write per session, however many lanes and channels it has', () => {
    const { publisher, join, timers } = scene(20);
    publisher.publish(sidsTo(20), { bidPrice: 1 });
    const clients = [MSGPACK, JSON_DIALECT].map((dialectAt) => join(dialectAt));
    for (const client of clients) {
      client.subscribe(['ticker:S1', 'ticker:S2']);
      client.subscribe(['ticker:S3', 'ticker:S4'], { hz: 10 });
      client.subscribe(['trade:*']);
      client.subscribe(['ticker:S5'], { hz: 1 });
    }
    timers.pass(2000);
    const before = clients.map(({ socket }) => socket.writes);
    publisher.publish(sidsTo(20), { bidPrice: 2 });
    publisher.trade(1, 3);
    publisher.trade(9, 3);
    timers.pass(4);
    clients.forEach((client, i) => {
      expect(client.socket.writes).toBe(before[i]! + 1);
      expect(client.socket.of('update').map(({ sid }) => sid)).toEqual([1, 2, 3, 4, 5]);
      expect(client.socket.of('trade')).toHaveLength(6);
    });
  });

  it('gives sessions with the same symbols and codec the same bytes, and one that is behind its own', () => {
    const { publisher, join, flush } = scene(5, {}, undefined, undefined, null);
    publisher.publish([1, 2, 3], { bidPrice: 1 });
    const together = Array.from({ length: 3 }, () => join(MSGPACK));
    const others = [join(JSON_DIALECT), join(JSON_DIALECT), join(MSGPACK)];
    for (const client of together) client.subscribe(['ticker:S1', 'ticker:S2']);
    for (const client of others.slice(0, 2)) client.subscribe(['ticker:S1', 'ticker:S2']);
    others[2]!.subscribe(['ticker:S1']);
    flush();
    plug(together[2]!);
    publisher.publish([1], { bidPrice: 2 });
    flush();
    together[2]!.socket.drain();
    publisher.publish([2], { bidPrice: 2 });
    flush();
    const last = (client: ClientFixture) => client.socket.written.at(-1)!;
    expect(last(together[0]!)).toBe(last(together[1]!));
    expect(last(others[0]!)).toBe(last(others[1]!));
    expect(last(together[2]!)).not.toBe(last(together[0]!));
    expect(last(others[2]!)).not.toBe(last(together[0]!));
    expect(together[2]!.freshTypes()).toEqual(['image', 'image']);
    publisher.publish([2], { bidPrice: 3 });
    flush();
    expect(last(together[2]!)).toBe(last(together[0]!));
  });

  it('shares frames also while a symbol under the wildcard is switched off or has no state', () => {
    const { publisher, join, flush, registry } = scene(5, {}, undefined, undefined, null);
    publisher.publish([1, 2], { bidPrice: 1 });
    const clients = [join(MSGPACK), join(MSGPACK)];
    for (const client of clients) client.subscribe(['ticker:*']);
    registry.set(2, { enabled: false });
    publisher.publish([1, 2], { bidPrice: 2 });
    flush();
    expect(clients[0]!.socket.written.at(-1)).toBe(clients[1]!.socket.written.at(-1));
  });

  it('counts what it delivers', () => {
    const { publisher, join, flush, gateway } = scene(3);
    publisher.publish([1, 2], { bidPrice: 1 });
    const clients = [join(MSGPACK), join(MSGPACK), join(JSON_DIALECT)];
    for (const client of clients) client.subscribe(['ticker:*']);
    flush();
    expect(gateway.server.counters).toMatchObject({ delivered: 6, caughtUp: 6 });
    publisher.publish([1, 2, 3], { bidPrice: 2 });
    flush();
    expect(gateway.server.counters).toMatchObject({ delivered: 15, caughtUp: 6, frames: 6, blocked: 0 });
  });
});

describe.each(CODECS)('a wildcard on thousands of symbols in %s', (_name, dialectAt) => {
  it.each([2_000, 10_000])(
    'of %d: pages, then images in steps, all within 64 KiB, nothing twice',
    (symbols) => {
      const { publisher, join, timers } = scene(symbols);
      publisher.publish(sidsTo(symbols), (sid) => ({ ...WIDE, bidPrice: sid }));
      timers.pass(0);
      const client = join(dialectAt);
      client.fresh();
      client.subscribe(['ticker:*']);
      const records = client.fresh();
      const firstImage = records.findIndex(({ type }) => type === 'image');
      const pages = records.slice(0, firstImage);
      expect(pages.map((page) => 'more' in page && page.more)).toEqual(
        pages.map((_, i) => i < pages.length - 1),
      );
      const described = pages.flatMap((page) => (page.type === 'subscribed' ? page.channels : []));
      expect(described).toHaveLength(symbols);
      expect(records.slice(firstImage).every(({ type }) => type === 'image')).toBe(true);
      expect(payloadBytes(client, pages.length + 1)).toBeLessThanOrEqual(FRAME_MAX);

      let imagesAtMost = records.length - firstImage;
      const seen = records.slice(firstImage).map((record) => ('sid' in record ? record.sid : null));
      for (
        let frames = client.socket.frameSizes.length;
        seen.length < symbols;
        frames = client.socket.frameSizes.length
      ) {
        timers.pass(3);
        const more = client.fresh();
        expect(more.length).toBeGreaterThan(0);
        expect(payloadBytes(client, frames)).toBeLessThanOrEqual(FRAME_MAX);
        imagesAtMost = Math.max(imagesAtMost, more.length);
        for (const record of more) seen.push('sid' in record ? record.sid : null);
      }
      expect(seen).toHaveLength(symbols);
      expect(new Set(seen).size).toBe(symbols);
      expect(Math.max(...client.socket.frameSizes)).toBeLessThanOrEqual(FRAME_MAX);
      timers.pass(1000);
      expect(client.fresh()).toEqual([]);
    },
  );

  it('gets complete at a slow rate as fast as at any other', () => {
    const symbols = 4_000;
    const { publisher, join, timers } = scene(symbols);
    publisher.publish(sidsTo(symbols), WIDE);
    const client = join(dialectAt);
    client.subscribe(['ticker:*'], { hz: 1 });
    timers.pass(100);
    expect(client.imagesHeld).toBe(symbols);
  });

  it('gets complete while everything changes, and after a block, within 64 KiB of images per flush', () => {
    const symbols = 3_000;
    const { publisher, join, flush, timers } = scene(symbols);
    publisher.publish(sidsTo(symbols), (sid) => ({ ...WIDE, bidPrice: sid }));
    const client = join(dialectAt);
    client.subscribe(['ticker:*']);
    for (let turn = 1; turn <= 20; turn++) {
      publisher.publish(sidsTo(symbols), (sid) => ({ bidPrice: sid + turn }));
      flush();
    }
    timers.pass(200);
    expect(client.imagesHeld).toBe(symbols);
    plug(client);
    publisher.publish(sidsTo(symbols), (sid) => ({ bidPrice: sid + 50 }));
    flush();
    client.socket.drain();
    let images = 0;
    for (let turn = 0; turn < 200 && client.session.isBehind; turn++) {
      const frames = client.socket.frameSizes.length;
      timers.pass(3);
      const caughtUp = client.fresh().filter(({ type }) => type === 'image').length;
      images += caughtUp;
      expect(payloadBytes(client, frames)).toBeLessThanOrEqual(FRAME_MAX);
    }
    expect(images).toBe(symbols);
    for (const sid of [1, 1500, symbols]) expect(client.image(sid)!.values.bidPrice).toBe((sid + 50) / 100);
  });
});

describe('a long answer', () => {
  it('does not make its reader a slow consumer while it reads', () => {
    const symbols = 8_000;
    const { publisher, join, gateway, timers, clock } = scene(symbols);
    publisher.publish(sidsTo(symbols), { bidPrice: 1 });
    const client = join(JSON_DIALECT);
    client.socket.plugNext = true;
    client.subscribe(['ticker:*']);
    expect(client.socket.pendingBytes).toBeGreaterThan(1024 * 1024);
    clock.ms += 250;
    gateway.pulse.run();
    expect(client.socket.closed).toBeNull();
    client.socket.drain();
    timers.pass(1000);
    expect(client.imagesHeld).toBe(symbols);
  });
});

/** Feed handlers that break the protocol of `/v1/feed`: an error or a close code for them, nothing for anybody else. */
import { Packr, Unpackr } from 'msgpackr';
import { WebSocket } from 'ws';
import { FEED_KEY, Installation, metrics } from '../support/installation.js';
import type { Closed, Codec } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';
import { poll, Waiters } from '../support/waiters.js';
import { BYSTANDER, Bystanders } from './support/bystanders.js';
import { frame, OPCODES, RawSocket } from './support/raw-socket.js';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', mapsAsObjects: true });
const SYMBOL = 'HX-FEED';

type Reply = Readonly<Record<string, unknown>>;

/** A connection that says whatever it is told to, and keeps what is answered. */
class RawFeed {
  readonly replies: Reply[] = [];
  readonly closed: Promise<Closed>;
  readonly waiters = new Waiters();
  private isClosed = false;

  private constructor(
    private readonly socket: WebSocket,
    private readonly codec: Codec,
  ) {
    socket.on('message', (message: Buffer) => {
      this.replies.push(codec === 'json' ? JSON.parse(message.toString()) : unpackr.unpack(message));
      this.waiters.look();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.isClosed = true;
        resolve({ code, reason: reason.toString() });
        this.waiters.look();
      });
    });
  }

  static async open({ url }: Tickcast, codec: Codec): Promise<RawFeed> {
    const headers = { authorization: `Bearer ${FEED_KEY}` };
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/feed`, [`tickcast.v1.${codec}`], {
      headers,
    });
    const feed = new RawFeed(socket, codec);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return feed;
  }

  send(message: unknown): void {
    this.raw(this.codec === 'json' ? JSON.stringify(message) : packr.pack(message));
  }

  raw(message: string | Uint8Array): void {
    this.socket.send(message);
  }

  async next(): Promise<Reply | undefined> {
    await this.waiters.until('a reply', () => this.replies.length > 0 || this.isClosed);
    return this.replies.shift();
  }

  close(): void {
    this.socket.close();
  }
}

const trade = { type: 'trade', symbol: SYMBOL, price: 1.5, size: 1 };

/** What ends a connection: what comes after it could not be told apart. */
const FATAL: readonly (readonly [what: string, message: unknown, code: string])[] = [
  ['null', null, 'bad_message'],
  ['a list', [], 'bad_message'],
  ['a number', 4, 'bad_message'],
  ['hello without a source', { op: 'hello', session: 's' }, 'bad_message'],
  ['hello with spaces', { op: 'hello', source: 'a b', session: 's' }, 'bad_message'],
  ['hello with an empty session', { op: 'hello', source: 'a', session: '' }, 'bad_message'],
  ['hello with a long name', { op: 'hello', source: 'a'.repeat(129), session: 's' }, 'bad_message'],
  ['hello with a map', { op: 'hello', source: {}, session: 's' }, 'bad_message'],
  ['hello with control characters', { op: 'hello', source: 'a\u0000b', session: 's' }, 'bad_message'],
  ['ticks without seq', { op: 'ticks', ticks: [] }, 'bad_message'],
  ['a negative seq', { op: 'ticks', seq: -1, ticks: [] }, 'bad_message'],
  ['a broken seq', { op: 'ticks', seq: 1.5, ticks: [] }, 'bad_message'],
  ['a seq of text', { op: 'ticks', seq: '1', ticks: [] }, 'bad_message'],
  ['a seq beyond 2^53', { op: 'ticks', seq: 2 ** 53, ticks: [] }, 'bad_message'],
  ['ticks that are no list', { op: 'ticks', seq: 1, ticks: { 0: trade } }, 'bad_message'],
  ['no ticks', { op: 'ticks', seq: 1 }, 'bad_message'],
];

describe('/v1/feed among bad handlers', () => {
  let installation: Installation;
  let tickcast: Tickcast;
  let bystanders: Bystanders;
  beforeAll(async () => {
    installation = await Installation.begin({ [SYMBOL]: [2, 0, 0], [BYSTANDER]: [2, 0, 0] });
    tickcast = await installation.start();
    bystanders = await Bystanders.beside(tickcast);
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  async function expectFatal(feed: RawFeed, code: string): Promise<void> {
    expect(await feed.next()).toMatchObject({ op: 'error', code });
    expect((await feed.closed).code).toBe(4000);
    expect(feed.replies).toEqual([]);
  }

  it.each(FATAL)('closes with 4000 after %s', async (_, message, code) => {
    for (const codec of ['json', 'msgpack'] as const) {
      const feed = await RawFeed.open(tickcast, codec);
      feed.send(message);
      await expectFatal(feed, code);
    }
  });

  it.each<[string, Codec, string | Buffer, string]>([
    ['half a map', 'json', '{"op":"hello"', 'bad_json'],
    ['nothing', 'json', '', 'bad_json'],
    ['binary on JSON', 'json', packr.pack({ op: 'ping' }), 'wrong_frame'],
    ['text on msgpack', 'msgpack', '{"op":"ping"}', 'wrong_frame'],
    ['nothing', 'msgpack', Buffer.alloc(0), 'bad_msgpack'],
    ['a list of 4 billion', 'msgpack', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'bad_msgpack'],
    ['an extension', 'msgpack', Buffer.from([0xd4, 1, 0]), 'bad_msgpack'],
    ['lists in lists', 'msgpack', Buffer.alloc(1_000_000, 0x91), 'bad_msgpack'],
  ])('closes with 4000 after %s (%s)', async (_, codec, message, code) => {
    const feed = await RawFeed.open(tickcast, codec);
    feed.raw(message);
    await expectFatal(feed, code);
  });

  it('says what is wrong and goes on: unknown op, too many ticks, out of order', async () => {
    for (const codec of ['json', 'msgpack'] as const) {
      const feed = await RawFeed.open(tickcast, codec);
      feed.send({ op: 'hello', source: 'odd', session: `of-${codec}` });
      expect(await feed.next()).toEqual({ op: 'ready', last: null });
      feed.send({ op: 'flush' });
      expect(await feed.next()).toMatchObject({ op: 'error', code: 'unknown_op' });
      feed.send({ op: 'ticks', seq: 5, ticks: Array.from({ length: 10_001 }, () => trade) });
      expect(await feed.next()).toMatchObject({ op: 'error', code: 'too_many_ticks', seq: 5 });
      feed.send({ op: 'ticks', seq: 5, ticks: [trade] });
      expect(await feed.next()).toEqual({ op: 'ack', seq: 5, accepted: 1, rejected: [] });
      feed.send({ op: 'ticks', seq: 7, ticks: [trade] });
      expect(await feed.next()).toMatchObject({ op: 'error', code: 'out_of_order', seq: 7 });
      feed.send({ op: 'ticks', seq: 6, ticks: [] });
      expect(await feed.next()).toEqual({ op: 'ack', seq: 6, accepted: 0, rejected: [] });
      feed.send({ op: 'ticks', seq: 5, ticks: [trade] });
      expect(await feed.next()).toEqual({ op: 'ack', seq: 5, accepted: 1, rejected: [] });
      feed.send({ op: 'ping', id: 9 });
      expect(await feed.next()).toEqual({ op: 'pong', id: 9 });
      feed.close();
    }
  });

  it('closes hello that comes twice or late', async () => {
    const hello = { op: 'hello', source: 'late', session: 'one' };
    const twice = await RawFeed.open(tickcast, 'json');
    twice.send(hello);
    await twice.next();
    twice.send(hello);
    await expectFatal(twice, 'hello_late');
    const late = await RawFeed.open(tickcast, 'json');
    late.send({ op: 'ticks', seq: 1, ticks: [trade] });
    expect(await late.next()).toMatchObject({ op: 'ack', seq: 1 });
    late.send(hello);
    await expectFatal(late, 'hello_late');
  });

  it('answers ticks of every wrong form with index and reason, and takes those between them', async () => {
    const wrong: readonly unknown[] = [
      ...[null, 1, 'trade', [], {}, { type: 'bar', symbol: SYMBOL }, { ...trade, symbol: null }],
      ...[Number.NaN, '', '1e3', '+1', ' 1', '0x10', true, {}, [1], '9'.repeat(40)].map((price) => ({
        ...trade,
        price,
      })),
      ...['1.5', -1, '-0.5', false].map((size) => ({ ...trade, size })),
      ...[1.5, 'now', -1, 1e15 * 9].map((exchangeTimeUs) => ({ ...trade, exchangeTimeUs })),
      { ...trade, exchangeTimeNs: '12a' },
      { ...trade, tradeId: 'i'.repeat(65) },
      { ...trade, tradeId: {} },
      { ...trade, conditions: 'c'.repeat(33) },
      { ...trade, conditions: [1] },
      { ...trade, line: 'A' },
      { ...trade, line: 'A', sequence: 0 },
      { type: 'quote', symbol: SYMBOL, bidPrice: 2, askPrice: 1 },
      { type: 'quote', symbol: SYMBOL, bidPrice: 2 },
      { ...trade, symbol: '__proto__' },
      { ...trade, symbol: 'NOWHERE' },
    ];
    for (const codec of ['json', 'msgpack'] as const) {
      const feed = await RawFeed.open(tickcast, codec);
      feed.send({ op: 'ticks', seq: 1, ticks: wrong.flatMap((tick) => [tick, trade]) });
      const { accepted, rejected } = (await feed.next()) as unknown as {
        accepted: number;
        rejected: { index: number; reason: string; message: string }[];
      };
      expect(accepted).toBe(wrong.length);
      expect(rejected.map(({ index }) => index)).toEqual(wrong.map((_, i) => 2 * i));
      for (const { reason, message } of rejected) {
        expect(['malformed', 'off_scale', 'crossed', 'unknown_symbol']).toContain(reason);
        expect(message.length).toBeLessThan(400);
      }
      feed.close();
    }
  });

  it('closes a message beyond the limit with 1009, also one in fragments without end', async () => {
    const authorization = `Authorization: Bearer ${FEED_KEY}`;
    for (const claims of [4_194_305n, 2n ** 40n]) {
      const raw = await RawSocket.upgraded(tickcast.port, '/v1/feed', [authorization]);
      raw.write(frame(OPCODES.text, Buffer.from('{'), { claims }));
      expect(await raw.closeCode()).toBe(1009);
    }
    const raws = await Promise.all(
      Array.from({ length: 10 }, () => RawSocket.upgraded(tickcast.port, '/v1/feed', [authorization])),
    );
    const piece = Buffer.alloc(1_000_000, 0x20);
    for (const raw of raws)
      for (let i = 0; i < 6; i++)
        raw.write(frame(i === 0 ? OPCODES.text : OPCODES.continuation, piece, { fin: false }));
    for (const raw of raws) expect(await raw.closeCode()).toBe(1009);
  }, 60_000);

  it('closes a handler that does not read its answers with 4100', async () => {
    const sockets = async () => (await metrics(tickcast)).get('tickcast_feed_sockets')!;
    const before = await sockets();
    const raw = await RawSocket.upgraded(tickcast.port, '/v1/feed', [`Authorization: Bearer ${FEED_KEY}`]);
    raw.socket.pause();
    // Each is answered by more than 0.2 MB: far more than buffers on the way and the limit of 8 MiB hold.
    const wrong = Array.from({ length: 2_000 }, () => ({ ...trade, price: 'x'.repeat(30) }));
    for (let seq = 1; seq <= 200; seq++) {
      const message = Buffer.from(JSON.stringify({ op: 'ticks', seq, ticks: wrong }));
      raw.write(frame(OPCODES.text, message));
      await raw.flushed();
    }
    await poll('the service to hang up', sockets, (open) => open <= before);
    raw.socket.resume();
    // Its connection was cut a second later: with it goes what the kernel had not sent yet.
    expect([4100, null]).toContain(await raw.closeCode());
  }, 60_000);

  it('has disturbed nobody', () => bystanders.expectUndisturbed(), 60_000);
});

import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MsgpackWriter } from '#wire';
import { type Fate, quote, trade } from './feed.fixture.js';
import { FEED_KEY, FeedApplication } from './feed-application.fixture.js';

const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';
const MSGPACK = 'application/msgpack';

const ndjson = (ticks: readonly unknown[]) => ticks.map((tick) => JSON.stringify(tick)).join('\n');
const msgpack = (value: unknown) => {
  const writer = new MsgpackWriter();
  writer.value(value);
  return writer.bytes();
};
const named = (sequence: number, session = 's1') => ({
  'tickcast-source': 'nyse',
  'tickcast-session': session,
  'tickcast-sequence': String(sequence),
});

const firstLine = (line: string) => ({ 'tickcast-first-line': line });

/** Ten kinds of bad, with the reason that each is answered. GONE is switched off. */
const BAD: readonly (readonly [unknown, string])[] = [
  [trade({ symbol: 'NOPE' }), 'unknown_symbol'],
  [trade({ symbol: 'MSFT' }), 'symbol_disabled'],
  [quote({ bidPrice: 191 }), 'crossed'],
  [trade({ price: '190.123456789' }), 'off_scale'],
  [trade({ price: null }), 'malformed'],
  [{ type: 'quote', symbol: 'AAPL', bidPrice: 1 }, 'malformed'],
  [trade({ size: -1 }), 'malformed'],
  [trade({ exchangeTimeUs: 1 }), 'malformed'],
  ['AAPL', 'malformed'],
  [trade({ symbol: 'aapl' }), 'malformed'],
];

/** 1 % bad of the ten kinds; trades have prices of their own, from `first` on. */
function mixed(count: number, first: number): { ticks: unknown[]; bad: Map<number, string> } {
  const ticks: unknown[] = [];
  const bad = new Map<number, string>();
  for (let i = 0; i < count; i++) {
    if (i % 100 === 37) {
      const [tick, reason] = BAD[Math.floor(i / 100) % BAD.length]!;
      ticks.push(tick);
      bad.set(i, reason);
    } else if (i % 2 === 0) ticks.push(quote());
    else ticks.push(trade({ price: `${first + i}.5` }));
  }
  return { ticks, bad };
}

/** Name, body, type, status and code of the answer, further headers. */
type Hostile = readonly [string, string | Uint8Array, string, number, string, Record<string, string>];

describe('feed ingestion', () => {
  let app: FeedApplication;
  beforeEach(async () => {
    app = await FeedApplication.start();
  });
  afterEach(() => app.stop());
  const count = () => app.log.applied.length;

  describe('by both ways', () => {
    it('accounts for 10,000 ticks by NDJSON and 10,000 by socket, 1 % of them bad', async () => {
      await app.disable('MSFT');
      const uploaded = mixed(10_000, 0);
      const posted = await app.post(ndjson(uploaded.ticks), NDJSON);
      expect(posted).toMatchObject({
        status: 200,
        body: { accepted: 9_900, rejectedTotal: 100, storedLines: 10_000 },
      });
      const byLine = posted.body['rejected'] as { line: number; reason: string }[];
      expect(byLine.map(({ line, reason }) => [line - 1, reason])).toEqual([...uploaded.bad]);

      const sent = mixed(10_000, 10_000);
      const socket = await app.socket().opened();
      socket.send({ op: 'hello', source: 'nyse', session: 's1' });
      expect(await socket.next()).toEqual({ op: 'ready', last: null });
      const found: (readonly [number, string])[] = [];
      let accepted = 0;
      for (let seq = 1; seq <= 100; seq++) {
        socket.send({ op: 'ticks', seq, ticks: sent.ticks.slice((seq - 1) * 100, seq * 100) });
        const reply = await socket.next();
        expect(reply).toMatchObject({ op: 'ack', seq });
        accepted += reply['accepted'] as number;
        for (const { index, reason } of reply['rejected'] as { index: number; reason: string }[])
          found.push([(seq - 1) * 100 + index, reason]);
      }
      socket.socket.close();
      expect(accepted).toBe(9_900);
      expect(found).toEqual([...sent.bad]);

      const prices = app.log.applied.flatMap(({ price }) => (Number.isNaN(price) ? [] : [price]));
      const expected = [uploaded, sent].flatMap(({ ticks, bad }) =>
        ticks.flatMap((tick, i) =>
          !bad.has(i) && (tick as { type: string }).type === 'trade'
            ? [(tick as { price: string }).price]
            : [],
        ),
      );
      const { priceScale } = app.registry.bySymbol('AAPL')!;
      expect(prices).toEqual(expected.map((price) => Number(price) * 10 ** priceScale));
      expect(count()).toBe(19_800);
      const metrics = await app.metrics();
      const total = (name: string) =>
        [...metrics.matchAll(new RegExp(`^${name}{.*} (\\d+)$`, 'gm'))].reduce(
          (sum, [, n]) => sum + Number(n),
          0,
        );
      expect(total('tickcast_feed_ticks_accepted_total')).toBe(19_800);
      expect(total('tickcast_feed_ticks_rejected_total')).toBe(200);
    });
  });

  describe('POST /v1/ticks', () => {
    const oneBad = [quote(), trade({ price: null }), trade()];
    const answer = {
      accepted: 2,
      rejected: [{ index: 1, reason: 'malformed', message: expect.stringContaining('price') }],
      rejectedTotal: 1,
    };

    const forms: readonly (readonly [string, string | Uint8Array, string])[] = [
      ['a JSON array', JSON.stringify(oneBad), JSON_TYPE],
      ['JSON with a charset', JSON.stringify(oneBad), 'application/json; charset=utf-8'],
      ['a map of JSON', JSON.stringify({ ticks: oneBad }), JSON_TYPE],
      ['msgpack', msgpack(oneBad), MSGPACK],
      ['a map of msgpack', msgpack({ ticks: oneBad }), 'application/x-msgpack'],
    ];
    it.each(forms)('takes %s', async (_name, body, type) => {
      expect(await app.post(body, type)).toMatchObject({ status: 200, body: answer });
      expect(await app.post(gzipSync(body), type, { 'content-encoding': 'gzip' })).toMatchObject({
        status: 200,
        body: answer,
      });
      expect(count()).toBe(4);
    });

    it('takes NDJSON with its line ends, blank lines and gzip', async () => {
      const body = `\ufeff${JSON.stringify(quote())}\r\n\r\n{"type":\n${JSON.stringify(trade())}`;
      const expected = {
        status: 200,
        body: {
          accepted: 2,
          rejected: [{ line: 3, reason: 'malformed', message: expect.stringContaining('JSON') }],
          rejectedTotal: 1,
          storedLines: 4,
        },
      };
      expect(await app.post(body, NDJSON)).toMatchObject(expected);
      expect(await app.post(gzipSync(body), NDJSON, { 'content-encoding': 'gzip' })).toMatchObject(expected);
    });

    it('keeps every digit of bare nanoseconds, in JSON and NDJSON', async () => {
      const tick = JSON.stringify(trade({ exchangeTimeNs: 0 })).replace(':0}', ':1759999999000123999}');
      await app.post(`[${tick}]`, JSON_TYPE);
      await app.post(tick, NDJSON);
      await app.post(msgpack([trade({ exchangeTimeNs: '1759999999000123999' })]), MSGPACK);
      expect(app.log.applied.map(({ timeUs }) => timeUs)).toEqual(Array(3).fill(1759999999000123));
    });

    it('stores a retry once, in parts that are cut alike', async () => {
      const ticks = mixed(1_300, 0).ticks;
      for (const body of [ndjson(ticks), `${ndjson(ticks)}\n`]) {
        const { status, body: found } = await app.post(body, NDJSON, named(1));
        expect([status, found['accepted'], found['rejectedTotal']]).toEqual([200, 1_289, 11]);
      }
      const metrics = await app.metrics();
      expect(metrics).toContain('tickcast_feed_batches_total{kind="stored"} 3');
      expect(metrics).toContain('tickcast_feed_batches_total{kind="repeated"} 3');
      expect(count()).toBe(1_289);
      expect(await app.post(JSON.stringify([trade()]), JSON_TYPE, named(2))).toMatchObject({ status: 200 });
      expect(count()).toBe(1_290);
    });

    it('stores an upload of sequence 0 once, also when it was busy before', async () => {
      const body = JSON.stringify([trade()]);
      expect(await app.post(body, JSON_TYPE, named(0))).toMatchObject({ status: 200, body: { accepted: 1 } });
      expect(count()).toBe(1);
      for (const text of [body, ndjson([trade()])]) {
        const type = text === body ? JSON_TYPE : NDJSON;
        app.fates.push('full');
        expect(await app.post(text, type, named(0, type))).toMatchObject({ status: 503 });
        for (let i = 0; i < 2; i++)
          expect(await app.post(text, type, named(0, type))).toMatchObject({
            status: 200,
            body: { accepted: 1 },
          });
      }
      expect(count()).toBe(3);
      expect(await app.post(body, JSON_TYPE, named(1))).toMatchObject({ status: 200 });
      expect(count()).toBe(4);
    });

    it('answers a repeat as the first time, whatever operators switched meanwhile', async () => {
      const ticks = [trade({ symbol: 'MSFT' }), ...Array(600).fill(trade()), trade({ symbol: 'MSFT' })];
      for (const [type, body] of [
        [JSON_TYPE, JSON.stringify(ticks)],
        [MSGPACK, msgpack(ticks)],
        [NDJSON, ndjson(ticks)],
      ] as const) {
        await app.switchSymbol('MSFT', false);
        const first = await app.post(body, type, named(1, type));
        expect(first.body).toMatchObject({ accepted: 600, rejectedTotal: 2 });
        await app.switchSymbol('MSFT', true);
        await app.switchSymbol('AAPL', false);
        expect((await app.post(body, type, named(1, type))).body).toEqual(first.body);
        await app.switchSymbol('AAPL', true);
      }
      expect(count()).toBe(1_800);
    });

    it.each([
      ['full', 'log_full'],
      ['lost', 'store_unavailable'],
      ['stored_unanswered', 'store_unavailable'],
    ] as const)(
      'loses and doubles nothing when an upload is repeated whose append was %s',
      async (fate, reason) => {
        const ticks = Array.from({ length: 1_600 }, (_, i) => trade({ price: i + 1 }));
        app.fates.push(fate);
        const refused = await app.post(ndjson(ticks), NDJSON, named(5));
        expect(refused).toMatchObject({
          status: 503,
          body: { code: 'busy', reason, accepted: 0, storedLines: 0, rejected: [] },
        });
        expect(refused.headers.get('retry-after')).toBe('1');
        const again = await app.post(ndjson(ticks), NDJSON, named(5));
        expect(again).toMatchObject({ status: 200, body: { accepted: 1_600, storedLines: 1_600 } });
        expect(count()).toBe(1_600);
      },
    );

    it.each([
      ['goes on with the rest', (stored: number) => stored],
      ['is repeated as a whole', () => 0],
    ] as const)(
      'neither doubles nor loses a trade of an upload that was busy in the middle and %s',
      async (_name, from) => {
        // Of several partitions: what is busy in one of them is stored in others.
        const symbols = ['AAPL', 'NVDA', 'AMZN', 'GOOGL'];
        const lines = Array.from({ length: 40_003 }, (_, i) =>
          JSON.stringify(i === 39_999 ? null : trade({ symbol: symbols[i % 4], price: i + 1 })),
        );
        app.fates.push(...Array<Fate>(9).fill('stored'), 'lost');
        const { status, body } = await app.post(lines.join('\n'), NDJSON, named(1));
        expect([status, body['code'], body['reason']]).toEqual([503, 'busy', 'store_unavailable']);
        const stored = body['storedLines'] as number;
        expect([stored % 500, body['accepted']]).toEqual([0, stored]);
        expect(stored).toBeGreaterThan(0);
        expect(count()).toBeGreaterThan(stored);
        const sent = lines.slice(from(stored));
        const first = firstLine(String(from(stored) + 1));
        expect(await app.post(sent.join('\n'), NDJSON, { ...named(1), ...first })).toMatchObject({
          status: 200,
          body: {
            accepted: sent.length - 1,
            rejected: [{ line: 40_000, reason: 'malformed' }],
            rejectedTotal: 1,
            storedLines: 40_003,
          },
        });
        for (let i = 0; i < symbols.length; i++) {
          const { sid, priceScale } = app.registry.bySymbol(symbols[i]!)!;
          const prices = app.log.applied
            .filter((tick) => tick.sid === sid)
            .map(({ price }) => price / 10 ** priceScale);
          expect(prices).toEqual(lines.flatMap((line, n) => (n % 4 === i && line !== 'null' ? [n + 1] : [])));
        }
        expect(count()).toBe(40_002);
      },
    );

    it('keeps the whole parts of an upload that breaks off, and a retry adds the rest', async () => {
      const lines = Array.from({ length: 1_200 }, (_, i) => `${JSON.stringify(trade({ price: i + 1 }))}\n`);
      const { hostname, port } = new URL(app.url);
      const socket = connect(Number(port), hostname);
      const sent = lines.slice(0, 1_150).join('');
      socket.write(
        [
          'POST /v1/ticks HTTP/1.1',
          `Host: ${hostname}`,
          `Authorization: Bearer ${FEED_KEY}`,
          `Content-Type: ${NDJSON}`,
          ...Object.entries(named(1)).map(([name, value]) => `${name}: ${value}`),
          'Transfer-Encoding: chunked',
          '',
          `${sent.length.toString(16)}\r\n${sent}\r\n`,
        ].join('\r\n'),
      );
      while (count() < 1_000) await new Promise(setImmediate);
      socket.destroy();
      const retried = await app.post(lines.join(''), NDJSON, named(1));
      expect(retried).toMatchObject({ status: 200, body: { accepted: 1_200 } });
      expect(count()).toBe(1_200);
    });

    it('says what is stored when a gzip stream is cut', async () => {
      const lines = Array.from({ length: 5_000 }, (_, i) =>
        JSON.stringify(trade({ price: i + 1, tradeId: `${i * i}` })),
      );
      const bytes = gzipSync(lines.join('\n'));
      const { status, body } = await app.post(bytes.subarray(0, bytes.length - 2_000), NDJSON, {
        'content-encoding': 'gzip',
      });
      expect([status, body['code']]).toEqual([400, 'malformed_request']);
      expect(body['storedLines']).toBeGreaterThan(0);
      expect(count()).toBe(body['storedLines']);
    });

    it('refuses a later upload while an earlier of the session is not stored', async () => {
      app.log.hold();
      const first = app.post(JSON.stringify([trade()]), JSON_TYPE, named(1));
      while (app.log.offers.length === 0) await new Promise(setImmediate);
      expect(await app.post(JSON.stringify([trade()]), JSON_TYPE, named(2))).toMatchObject({
        status: 409,
        body: {
          code: 'sequence_out_of_order',
          detail: expect.stringContaining('sequence 1 is not stored yet, was 2'),
        },
      });
      const retry = app.post(JSON.stringify([trade()]), JSON_TYPE, named(1));
      const other = app.post(JSON.stringify([trade()]), JSON_TYPE, named(2, 's2'));
      while (app.log.offers.length < 2) await new Promise(setImmediate);
      app.log.release();
      for (const { status } of await Promise.all([first, retry, other])) expect(status).toBe(200);
      expect(await app.post(JSON.stringify([trade()]), JSON_TYPE, named(2))).toMatchObject({ status: 200 });
      expect(count()).toBe(3);
    });

    it('wants the key of a feed', async () => {
      const body = JSON.stringify([trade()]);
      const asked = async (authorization: string) => {
        const { status, headers, body: problem } = await app.post(body, JSON_TYPE, { authorization });
        return [status, headers.get('content-type'), problem['code']];
      };
      const type = expect.stringContaining('application/problem+json');
      expect(await asked('')).toEqual([401, type, 'unauthenticated']);
      expect(await asked('Bearer wrong')).toEqual([401, type, 'unauthenticated']);
      expect(await asked('Bearer the-key-of-the-clients')).toEqual([403, type, 'forbidden']);
      expect((await asked('Bearer the-key-of-the-operators'))[0]).toBe(200);
      expect(count()).toBe(1);
    });

    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
    const hostile: readonly Hostile[] = [
      ['no JSON', '[{', JSON_TYPE, 400, 'malformed_json', {}],
      ['deep JSON', '['.repeat(1_000_000), JSON_TYPE, 400, 'malformed_json', {}],
      ['JSON of another form', '{"tick":[]}', JSON_TYPE, 400, 'malformed_request', {}],
      ['JSON of a number', '5', JSON_TYPE, 400, 'malformed_request', {}],
      ['a polluting key', '{"__proto__":{"ticks":[]}}', JSON_TYPE, 400, 'malformed_request', {}],
      ['an empty body', '', JSON_TYPE, 400, 'malformed_json', {}],
      [
        'msgpack with a length that lies',
        Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff),
        MSGPACK,
        400,
        'malformed_msgpack',
        {},
      ],
      ['msgpack with an extension', Uint8Array.of(0xd4, 0x69, 0x00), MSGPACK, 400, 'malformed_msgpack', {}],
      ['msgpack with bytes left over', Uint8Array.of(0x90, 0x90), MSGPACK, 400, 'malformed_msgpack', {}],
      ['deep msgpack', new Uint8Array(100_000).fill(0x91), MSGPACK, 400, 'malformed_msgpack', {}],
      ['too many ticks', JSON.stringify(Array(10_001).fill(0)), JSON_TYPE, 413, 'body_too_large', {}],
      ['too many bytes', `[${' '.repeat(5 * 1024 * 1024)}]`, JSON_TYPE, 413, 'body_too_large', {}],
      ['a gzip bomb', bomb, JSON_TYPE, 413, 'body_too_large', { 'content-encoding': 'gzip' }],
      ['gzip that is none', '[]', JSON_TYPE, 400, 'malformed_request', { 'content-encoding': 'gzip' }],
      ['another encoding', '[]', JSON_TYPE, 415, 'unsupported_media_type', { 'content-encoding': 'br' }],
      ['another type', '[]', 'application/xml', 415, 'unsupported_media_type', {}],
      ['text', '[]', 'text/plain', 415, 'unsupported_media_type', {}],
      ['one header of three', '[]', JSON_TYPE, 400, 'malformed_header', { 'tickcast-source': 'nyse' }],
      ['a negative sequence', '[]', JSON_TYPE, 400, 'malformed_header', named(-1)],
      [
        'a sequence of words',
        '[]',
        JSON_TYPE,
        400,
        'malformed_header',
        { ...named(1), 'tickcast-sequence': '1e3' },
      ],
      ['a session with a space', '[]', JSON_TYPE, 400, 'malformed_header', named(1, 'a b')],
      [
        'a first line of an array',
        '[]',
        JSON_TYPE,
        400,
        'malformed_header',
        { ...named(1), ...firstLine('1') },
      ],
      ['a first line without names', '', NDJSON, 400, 'malformed_header', firstLine('501')],
      ...['0', '2', '500', '1,501', '5e2', '-499', '9007199254741001'].map(
        (line): Hostile => [
          `a first line of ${line}`,
          '',
          NDJSON,
          400,
          'malformed_header',
          { ...named(1), ...firstLine(line) },
        ],
      ),
    ];
    it.each(hostile)('answers %s with a problem', async (_name, body, type, status, code, headers) => {
      const answered = await app.post(body, type, headers);
      expect([answered.status, answered.body['code']]).toEqual([status, code]);
      expect(await app.post('[]', JSON_TYPE)).toMatchObject({ status: 200 });
    });

    it('answers each bad line of hostile NDJSON and goes on', async () => {
      const lines = [
        'x'.repeat(20_000),
        '['.repeat(16_000),
        '{"__proto__":{"type":"trade"}}',
        'null',
        '\u0000',
        JSON.stringify(trade()),
      ];
      const { status, body } = await app.post(lines.join('\n'), NDJSON);
      expect([status, body['accepted'], body['rejectedTotal']]).toEqual([200, 1, 5]);
    });

    it('ends uploads when the process stops, says what is stored, and takes no more', async () => {
      const { hostname, port } = new URL(app.url);
      const headers = { authorization: `Bearer ${FEED_KEY}`, 'content-type': NDJSON };
      const upload = request({ hostname, port, path: '/v1/ticks', method: 'POST', headers });
      const answered = new Promise<{ status: number; body: Record<string, unknown> }>((resolve) => {
        upload.on('response', async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
        });
      });
      upload.write(`${ndjson(Array(700).fill(trade()))}\n`);
      while (count() < 500) await new Promise(setImmediate);
      await app.stopRooms();
      expect(await answered).toMatchObject({
        status: 503,
        body: { code: 'stopping', storedLines: 500, accepted: 500 },
      });
      upload.end();
      expect(await app.post('[]', JSON_TYPE)).toMatchObject({ status: 503, body: { code: 'stopping' } });
    });
  });

  describe('GET /v1/feed', () => {
    it('speaks msgpack where that is asked for, else JSON', async () => {
      const socket = await app.socket(['tickcast.v1.msgpack']).opened();
      socket.socket.send(msgpack({ op: 'ticks', seq: 1, ticks: [trade(), null] }));
      expect(await socket.next()).toMatchObject({ op: 'ack', seq: 1, accepted: 1, rejected: [{ index: 1 }] });
      socket.socket.close();
      const plain = await app.socket(['unknown', 'tickcast.v1.json']).opened();
      expect(plain.socket.protocol).toBe('tickcast.v1.json');
      plain.send({ op: 'ping', id: 1 });
      expect(await plain.next()).toEqual({ op: 'pong', id: 1 });
      plain.socket.close();
    });

    it('wants the key of a feed before it upgrades', async () => {
      expect(await app.socket([], {}).refused()).toMatchObject({
        status: 401,
        body: { code: 'unauthenticated' },
      });
      const client = app.socket([], { authorization: 'Bearer the-key-of-the-clients' });
      expect(await client.refused()).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      expect(await app.socket(['graphql-ws']).refused()).toMatchObject({ status: 400 });
    });

    it('neither doubles nor loses what is sent again on another connection', async () => {
      const first = await app.socket().opened();
      first.send({ op: 'hello', source: 'nyse', session: 's1' });
      first.send({ op: 'ticks', seq: 1, ticks: [trade({ price: 1 })] });
      while (count() === 0) await new Promise(setImmediate);
      // The acknowledgement is lost.
      first.socket.terminate();
      const second = await app.socket().opened();
      second.send({ op: 'hello', source: 'nyse', session: 's1' });
      second.send({ op: 'ticks', seq: 1, ticks: [trade({ price: 1 })] });
      second.send({ op: 'ticks', seq: 2, ticks: [trade({ price: 2 })] });
      expect(await second.next()).toEqual({ op: 'ready', last: 1 });
      expect([await second.next(), await second.next()]).toMatchObject([
        { op: 'ack', seq: 1, accepted: 1 },
        { op: 'ack', seq: 2, accepted: 1 },
      ]);
      expect(count()).toBe(2);
      const restarted = await app.socket().opened();
      restarted.send({ op: 'hello', source: 'nyse', session: 's2' });
      restarted.send({ op: 'ticks', seq: 1, ticks: [trade({ price: 3 })] });
      expect(await restarted.next()).toEqual({ op: 'ready', last: null });
      expect(await restarted.next()).toMatchObject({ op: 'ack', seq: 1 });
      expect(count()).toBe(3);
      second.socket.close();
      restarted.socket.close();
    });

    it('acknowledges a repeat as the first time, whatever operators switched meanwhile', async () => {
      await app.disable('AAPL');
      const replies: unknown[] = [];
      for (let i = 0; i < 2; i++) {
        const socket = await app.socket().opened();
        socket.send({ op: 'hello', source: 'nyse', session: 's1' });
        await socket.next();
        socket.send({ op: 'ticks', seq: 1, ticks: [trade(), trade({ symbol: 'MSFT' })] });
        replies.push(await socket.next());
        socket.socket.close();
        await app.switchSymbol('AAPL', true);
        await app.disable('MSFT');
      }
      expect(replies[0]).toMatchObject({
        op: 'ack',
        accepted: 1,
        rejected: [{ index: 0, reason: 'symbol_disabled' }],
      });
      expect(replies[1]).toEqual(replies[0]);
      expect(count()).toBe(1);
    });

    it('closes with 4000 on what it cannot read, with 1009 on what is too long, and disturbs nobody else', async () => {
      const good = await app.socket().opened();
      for (const [message, code] of [
        ['{"op":', 4000],
        [Buffer.of(0x80), 4000],
        ['x'.repeat(5 * 1024 * 1024), 1009],
      ] as const) {
        const bad = await app.socket().opened();
        bad.socket.send(message);
        expect(await bad.closed).toBe(code);
      }
      good.send({ op: 'ticks', seq: 1, ticks: [trade()] });
      expect(await good.next()).toMatchObject({ op: 'ack', seq: 1 });
      good.socket.close();
    });

    it('answers what it has when the process stops, says goodbye and closes with 1012', async () => {
      const socket = await app.socket().opened();
      app.log.hold();
      socket.send({ op: 'ticks', seq: 1, ticks: [trade()] });
      while (app.log.offers.length === 0) await new Promise(setImmediate);
      const stopped = app.stopRooms();
      app.log.release();
      expect(await socket.next()).toMatchObject({ op: 'ack', seq: 1 });
      expect(await socket.next()).toMatchObject({
        op: 'goodbye',
        reason: 'shutdown',
        retryAfterMs: expect.any(Number),
      });
      expect(await socket.closed).toBe(1012);
      await stopped;
      expect(await app.socket().refused()).toMatchObject({ status: 503, body: { code: 'stopping' } });
      expect(count()).toBe(1);
    });
  });
});

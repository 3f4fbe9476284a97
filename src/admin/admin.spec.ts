import { Controller, Get } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { type RedisServer, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import { RedisConnections } from '../fanout/redis-connections.js';
import { standaloneAt } from '../fanout/redis-topology.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { createLog } from '../ops/log.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { type Answer, ask, CLIENT_KEY, FEED_KEY, startAdmin } from './admin.fixture.js';
import { openApi } from './open-api.js';

const REASON = { reason: 'Ticket 4711' };
const GBTC = {
  symbol: 'GBTC/X.1',
  name: 'Some trust',
  exchange: 'ARCX',
  group: 'us-etf',
  priceScale: 4,
  sizeScale: 2,
  volumeScale: 1,
  ...REASON,
};

@Controller('v1/faulty')
class FaultyController {
  @Get()
  fail(): never {
    throw new Error('secret of the inside');
  }
}

let app: NestFastifyApplication;
afterEach(async () => {
  await app.get(Lifecycle).stop();
  await app.close();
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body?.code, answer.body?.status]).toEqual([status, code, status]);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.body).toMatchObject({ type: `urn:tickcast:problem:${code}`, title: expect.any(String) });
  expect(answer.body.instance).toMatch(/^\/[^?]*$/);
}

describe('admin REST', () => {
  beforeEach(async () => {
    app = await startAdmin({
      environment: { TICKCAST_SYMBOLS_MAX: '600' },
      controllers: [FaultyController],
      before: (made) => openApi(made, { node: 'spec' }),
    });
  });

  const list = async (query: string) => (await ask(app, `GET /v1/admin/symbols${query}`)).body;
  const symbols = async (query: string) =>
    (await list(query)).symbols.map((found: { symbol: string }) => found.symbol);

  describe('keys', () => {
    it.each([
      ['no key', null, 401, 'unauthenticated'],
      ['an unknown key', 'guessed', 401, 'unauthenticated'],
      ["the feed's key", FEED_KEY, 403, 'forbidden'],
      ["the clients' key", CLIENT_KEY, 403, 'forbidden'],
    ])('refuses %s', async (_name, key, status, code) => {
      for (const line of ['GET /v1/admin/symbols', 'GET /v1/admin/symbols/AAPL', 'GET /v1/admin/audit']) {
        const answer = await ask(app, line, { key });
        expectProblem(answer, status, code);
        expect(answer.headers['www-authenticate']).toBe(
          status === 401 ? 'Bearer realm="tickcast"' : undefined,
        );
      }
      expectProblem(await ask(app, 'POST /v1/admin/symbols/AAPL/halt', { key, body: REASON }), status, code);
    });

    it('refuses other schemes', async () => {
      const headers = { authorization: 'Basic dGhlOm9wZXJhdG9ycw==' };
      expectProblem(await ask(app, 'GET /v1/admin/audit', { key: null, headers }), 401, 'unauthenticated');
    });
  });

  describe('list', () => {
    it('pages through all symbols', async () => {
      const found: string[] = [];
      let next: string | null = null;
      let pages = 0;
      do {
        const page = await list(`?limit=250${next === null ? '' : `&after=${encodeURIComponent(next)}`}`);
        found.push(...page.symbols.map((symbol: { symbol: string }) => symbol.symbol));
        next = page.next;
        pages++;
      } while (next !== null);
      const { size } = app.get<SymbolRegistry>(SYMBOL_REGISTRY);
      expect([found.length, new Set(found).size, pages]).toEqual([size, size, 3]);
    });

    it('filters by part of symbol or name, by group and by switch', async () => {
      expect(await symbols('?filter=berkshire')).toEqual(['BRK.A', 'BRK.B']);
      expect(await symbols('?filter=brk.b')).toEqual(['BRK.B']);
      expect(await symbols('?group=test')).toEqual(['TEST']);
      expect(await symbols('?enabled=false')).toEqual([]);
      await ask(app, 'POST /v1/admin/symbols/IBM/disable', { body: REASON });
      expect(await symbols('?enabled=false')).toEqual(['IBM']);
      expect((await symbols('?group=crypto&enabled=true&limit=1000')).length).toBeGreaterThanOrEqual(30);
    });

    it('ends exactly at the last symbol', async () => {
      const all = await symbols('?group=crypto&limit=1000');
      expect(await list(`?group=crypto&limit=${all.length}`)).toMatchObject({ next: null });
      expect(await list(`?group=crypto&limit=${all.length - 1}`)).toMatchObject({ next: all.at(-2) });
    });

    it.each([
      '?limit=0',
      '?limit=1001',
      '?limit=x',
      '?enabled=maybe',
      '?unknown=1',
      '?after=NOPE',
      '?filter=a&filter=b',
    ])('refuses %s', async (query) => {
      const answer = await ask(app, `GET /v1/admin/symbols${query}`);
      expectProblem(answer, 400, 'invalid_query');
      expect(answer.body.errors).toEqual([
        { field: /\?(\w+)/.exec(query)?.[1], message: expect.any(String) },
      ]);
    });
  });

  it('shows a symbol with its version as ETag', async () => {
    const answer = await ask(app, 'GET /v1/admin/symbols/BRK.B');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ symbol: 'BRK.B', exchange: 'XNYS', status: 'open', enabled: true });
    expect(answer.headers['etag']).toBe(`"${answer.body.version}"`);
  });

  it.each(['NOPE', 'aapl', '%20', 'A%2FB', 'AAPL%00', 'A'.repeat(25)])('does not find %s', async (symbol) => {
    for (const line of [`GET /v1/admin/symbols/${symbol}`, `POST /v1/admin/symbols/${symbol}/halt`]) {
      const body = line.startsWith('POST') ? REASON : undefined;
      expectProblem(await ask(app, line, { body }), 404, 'symbol_not_found');
    }
    expectProblem(
      await ask(app, `PATCH /v1/admin/symbols/${symbol}`, { body: { ...REASON, name: 'x' } }),
      404,
      'symbol_not_found',
    );
  });

  describe('create', () => {
    it('stores, shows and locates a symbol with a slash and a dot', async () => {
      const answer = await ask(app, 'POST /v1/admin/symbols', { body: GBTC });
      const { reason: _reason, ...definition } = GBTC;
      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({
        ...definition,
        enabled: true,
        tradingStatus: 'open',
        status: 'open',
        coalesceIntervalMs: null,
      });
      expect(answer.headers['location']).toBe('/v1/admin/symbols/GBTC%2FX.1');
      const shown = await ask(app, `GET ${answer.headers['location']}`);
      expect(shown.body).toEqual(answer.body);
      expect(shown.headers['etag']).toBe(answer.headers['etag']);
      expect(app.get<SymbolRegistry>(SYMBOL_REGISTRY).bySid(answer.body.sid)?.symbol).toBe('GBTC/X.1');
    });

    it('refuses one that exists', async () => {
      const answer = await ask(app, 'POST /v1/admin/symbols', { body: { ...GBTC, symbol: 'AAPL' } });
      expectProblem(answer, 409, 'symbol_exists');
    });

    it('refuses more than the registry may hold', async () => {
      const { size } = app.get<SymbolRegistry>(SYMBOL_REGISTRY);
      for (let i = size; i < 600; i++) {
        const made = await ask(app, 'POST /v1/admin/symbols', { body: { ...GBTC, symbol: `FILL${i}` } });
        expect(made.status).toBe(201);
      }
      expectProblem(await ask(app, 'POST /v1/admin/symbols', { body: GBTC }), 422, 'registry_full');
    });

    it.each([
      ['symbol', { symbol: 'lower' }],
      ['symbol', { symbol: 7 }],
      ['symbol', { symbol: undefined }],
      ['name', { name: 'two\nlines' }],
      ['name', { name: null }],
      ['exchange', { exchange: 'lower' }],
      ['group', { group: 'Not A Group' }],
      ['group', { group: undefined }],
      ['priceScale', { priceScale: 13 }],
      ['priceScale', { priceScale: '4' }],
      ['sizeScale', { sizeScale: -1 }],
      ['sizeScale', { sizeScale: 1.5 }],
      ['volumeScale', { volumeScale: 3 }],
      ['enabled', { enabled: 'yes' }],
      ['tradingStatus', { tradingStatus: 'paused' }],
      ['coalesceIntervalMs', { coalesceIntervalMs: 0 }],
      ['coalesceIntervalMs', { coalesceIntervalMs: 49 }],
      ['reason', { reason: undefined }],
      ['reason', { reason: '' }],
      ['reason', { reason: '   ' }],
      ['reason', { reason: 'x'.repeat(501) }],
      ['reason', { reason: 'forged\r\nline' }],
      ['sid', { sid: 7 }],
      ['constructor', { constructor: 'x' }],
    ])('names the field %s of %j', async (field, change) => {
      const answer = await ask(app, 'POST /v1/admin/symbols', { body: { ...GBTC, ...change } });
      expectProblem(answer, 400, 'invalid_body');
      expect(answer.body.errors).toEqual([{ field, message: expect.any(String) }]);
    });

    it('names every field that is wrong', async () => {
      const answer = await ask(app, 'POST /v1/admin/symbols', { body: {} });
      const fields = answer.body.errors.map((error: { field: string }) => error.field).sort();
      expect(fields).toEqual(['group', 'priceScale', 'reason', 'sizeScale', 'symbol', 'volumeScale']);
    });

    it.each(['[]', '"text"', '7', 'null', 'true'])('refuses %s instead of an object', async (body) => {
      expectProblem(await ask(app, 'POST /v1/admin/symbols', { body }), 400, 'invalid_body');
    });
  });

  describe('patch', () => {
    it('changes what is given, and leaves the rest', async () => {
      const before = (await ask(app, 'GET /v1/admin/symbols/AAPL')).body;
      const change = {
        name: 'Äpple',
        exchange: '',
        group: 'fruit',
        tradingStatus: 'closed',
        coalesceIntervalMs: 250,
      };
      const answer = await ask(app, 'PATCH /v1/admin/symbols/AAPL', { body: { ...change, ...REASON } });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        ...before,
        ...change,
        status: 'closed',
        statusReason: 'Ticket 4711',
        version: expect.any(Number),
      });
      expect(answer.body.version).toBeGreaterThan(before.version);
      expect(answer.headers['etag']).toBe(`"${answer.body.version}"`);
      const back = await ask(app, 'PATCH /v1/admin/symbols/AAPL', {
        body: { coalesceIntervalMs: null, ...REASON },
      });
      expect(back.body).toMatchObject({ name: 'Äpple', coalesceIntervalMs: null });
    });

    it.each(['priceScale', 'sizeScale', 'volumeScale'])('never changes %s', async (scale) => {
      const answer = await ask(app, 'PATCH /v1/admin/symbols/AAPL', {
        body: { [scale]: 2, name: 'x', ...REASON },
      });
      expectProblem(answer, 409, 'scale_fixed');
      expect(answer.body.fields).toEqual([scale]);
      expect((await ask(app, 'GET /v1/admin/symbols/AAPL')).body.name).toBe('Apple Inc.');
    });

    it.each([
      [{ ...REASON }],
      [{ name: 'x' }],
      [{ name: null, ...REASON }],
      [{ enabled: false, ...REASON }],
      [{ symbol: 'B', ...REASON }],
      [{ coalesceIntervalMs: 'fast', ...REASON }],
      [{ coalesceIntervalMs: 10, ...REASON }],
    ])('refuses %j', async (body) => {
      expectProblem(await ask(app, 'PATCH /v1/admin/symbols/AAPL', { body }), 400, 'invalid_body');
    });
  });

  describe('switches', () => {
    it.each([
      ['disable', { enabled: false, tradingStatus: 'open', status: 'disabled' }],
      ['halt', { enabled: true, tradingStatus: 'halted', status: 'halted' }],
    ])('%s and back', async (action, expected) => {
      const before = (await ask(app, 'GET /v1/admin/symbols/MSFT')).body;
      const answer = await ask(app, `POST /v1/admin/symbols/MSFT/${action}`, { body: REASON });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        ...before,
        ...expected,
        statusReason: 'Ticket 4711',
        version: expect.any(Number),
      });
      expect(app.get<SymbolRegistry>(SYMBOL_REGISTRY).bySymbol('MSFT')).toMatchObject({
        enabled: expected.enabled,
        tradingStatus: expected.tradingStatus,
      });
      const undone = { enabled: true, tradingStatus: 'open', status: 'open' };
      const undo = action === 'disable' ? 'enable' : 'resume';
      const back = await ask(app, `POST /v1/admin/symbols/MSFT/${undo}`, { body: REASON });
      expect(back.body).toEqual({ ...answer.body, ...undone, version: answer.body.version + 1 });
    });

    it('answers what already holds without a new version, and audits it', async () => {
      const first = await ask(app, 'POST /v1/admin/symbols/MSFT/disable', { body: REASON });
      const again = await ask(app, 'POST /v1/admin/symbols/MSFT/disable', { body: { reason: 'Once more' } });
      expect([again.status, again.body]).toEqual([200, first.body]);
      const { entries } = (await ask(app, 'GET /v1/admin/audit?limit=1000')).body;
      expect(entries.slice(-2).map((entry: { reason: string }) => entry.reason)).toEqual([
        'Ticket 4711',
        'Once more',
      ]);
    });

    it('keeps a halt while a symbol is off', async () => {
      await ask(app, 'POST /v1/admin/symbols/MSFT/halt', { body: REASON });
      const off = await ask(app, 'POST /v1/admin/symbols/MSFT/disable', { body: REASON });
      expect(off.body).toMatchObject({ status: 'disabled', tradingStatus: 'halted' });
      const on = await ask(app, 'POST /v1/admin/symbols/MSFT/enable', { body: REASON });
      expect(on.body.status).toBe('halted');
    });

    it('needs a reason, and nothing else', async () => {
      for (const body of [{}, { reason: '' }, { reason: 'x', force: true }, undefined]) {
        expectProblem(await ask(app, 'POST /v1/admin/symbols/MSFT/halt', { body }), 400, 'invalid_body');
      }
    });

    it('knows no other switch', async () => {
      expectProblem(await ask(app, 'POST /v1/admin/symbols/MSFT/delete', { body: REASON }), 404, 'not_found');
      expectProblem(
        await ask(app, 'POST /v1/admin/symbols/MSFT/toString', { body: REASON }),
        404,
        'not_found',
      );
    });
  });

  describe('If-Match', () => {
    const halt = (ifMatch: string) =>
      ask(app, 'POST /v1/admin/symbols/IBM/halt', { body: REASON, headers: { 'if-match': ifMatch } });
    const version = () => app.get<SymbolRegistry>(SYMBOL_REGISTRY).bySymbol('IBM')?.version ?? 0;

    it('lets the version through that holds, alone, among others, or as any', async () => {
      expect((await halt(`"${version()}"`)).status).toBe(200);
      expect((await halt('*')).status).toBe(200);
      expect((await halt(`"1", W/"2", "${version()}"`)).status).toBe(200);
    });

    it.each([
      ['an older version', '"1"'],
      ['a weak tag', 'W/"1"'],
      ['a tag of another make', '"abc"'],
      ['none of several', '"1", "2"'],
    ])('refuses %s', async (_name, tag) => {
      const answer = await halt(tag);
      expectProblem(answer, 412, 'version_mismatch');
      expect(answer.body).toMatchObject({ symbol: 'IBM', version: version() });
      expect((await ask(app, 'GET /v1/admin/symbols/IBM')).body.status).toBe('open');
    });

    it('refuses one of two changes that were decided on the same version', async () => {
      const headers = { 'if-match': `"${version()}"` };
      const patch = (name: string) =>
        ask(app, 'PATCH /v1/admin/symbols/IBM', { body: { name, ...REASON }, headers });
      const answers = await Promise.all([patch('A'), patch('B')]);
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 412]);
    });

    it.each(['17', '"17', '"1" "2"', ''])('refuses the header %j', async (tag) => {
      expectProblem(await halt(tag), 400, 'malformed_header');
    });
  });

  describe('audit', () => {
    it('keeps who, from where, in which request, why, before and after', async () => {
      const headers = { 'x-request-id': 'desk-1' };
      const answer = await ask(app, 'POST /v1/admin/symbols/TSLA/halt', { body: REASON, headers });
      expect(answer.headers['x-request-id']).toBe('desk-1');
      const { entries, next } = (await ask(app, 'GET /v1/admin/audit?limit=1000')).body;
      expect(entries.at(-1)).toEqual({
        id: expect.any(String),
        timeUs: expect.any(Number),
        action: 'halt',
        actor: expect.stringMatching(/^operator:[0-9a-f]{8}$/),
        reason: 'Ticket 4711',
        requestId: 'desk-1',
        ip: '127.0.0.1',
        version: answer.body.version,
        symbols: ['TSLA'],
        before: expect.objectContaining({ symbol: 'TSLA', status: 'open' }),
        after: answer.body,
      });
      expect(entries[0]).toMatchObject({ action: 'seed', actor: 'seed', before: null, after: null });
      expect(next).toBeNull();
    });

    it('names a request that has no proper name', async () => {
      const headers = { 'x-request-id': 'not a name' };
      const answer = await ask(app, 'POST /v1/admin/symbols/TSLA/halt', { body: REASON, headers });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('keeps nothing of what was refused', async () => {
      const count = async () => (await ask(app, 'GET /v1/admin/audit?limit=1000')).body.entries.length;
      const before = await count();
      await ask(app, 'POST /v1/admin/symbols/TSLA/halt', { body: REASON, headers: { 'if-match': '"1"' } });
      await ask(app, 'POST /v1/admin/symbols/TSLA/halt', { body: {} });
      await ask(app, 'POST /v1/admin/symbols', { body: { ...GBTC, symbol: 'AAPL' } });
      expect(await count()).toBe(before);
    });

    it('is read in pages', async () => {
      for (let i = 0; i < 4; i++)
        await ask(app, 'POST /v1/admin/symbols/TSLA/halt', { body: { reason: `r${i}` } });
      const first = (await ask(app, 'GET /v1/admin/audit?limit=3')).body;
      const second = (await ask(app, `GET /v1/admin/audit?limit=3&after=${first.next}`)).body;
      const reasons = [...first.entries, ...second.entries].map((entry: { reason: string }) => entry.reason);
      expect(reasons.slice(-4)).toEqual(['r0', 'r1', 'r2', 'r3']);
      expect(second.next).toBeNull();
      expectProblem(await ask(app, 'GET /v1/admin/audit?after=x'), 400, 'invalid_query');
    });
  });

  describe('what is wrong before a handler runs', () => {
    it.each(['{"reason":', '{reason:1}', '', '{"__proto__":{"a":1},"reason":"x"}'])(
      'refuses the JSON %j',
      async (body) => {
        const answer = await ask(app, 'POST /v1/admin/symbols/AAPL/halt', { body });
        expectProblem(answer, 400, 'malformed_json');
      },
    );

    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'application/jsonx',
      'nonsense',
    ])('refuses a body of type %s', async (type) => {
      const answer = await ask(app, 'POST /v1/admin/symbols/AAPL/halt', {
        body: 'reason=x',
        headers: { 'content-type': type },
      });
      expectProblem(answer, 415, 'unsupported_media_type');
    });

    it('refuses a body that is too large', async () => {
      const body = { reason: 'x'.repeat(300 * 1024) };
      expectProblem(await ask(app, 'POST /v1/admin/symbols/AAPL/halt', { body }), 413, 'body_too_large');
    });

    it.each([
      ['PUT /v1/admin/symbols/AAPL', 'GET, HEAD, PATCH'],
      ['DELETE /v1/admin/symbols', 'GET, HEAD, POST'],
      ['GET /v1/admin/symbols/BTC%2FUSD/halt', 'POST'],
      ['POST /v1/admin/audit', 'GET, HEAD'],
    ])('says which methods there are instead of %s', async (line, allowed) => {
      const answer = await ask(app, line);
      expectProblem(answer, 405, 'method_not_allowed');
      expect(answer.headers['allow']).toBe(allowed);
    });

    it.each(['GET /', 'GET /v1/admin', 'GET /v1/admin/symbols/A/B/C', 'GET /v2/admin/symbols?x=1'])(
      'finds nothing at %s',
      async (line) => expectProblem(await ask(app, line), 404, 'not_found'),
    );

    it('refuses an address that cannot be decoded', async () => {
      expectProblem(await ask(app, 'GET /v1/admin/symbols/%E0%A4%A'), 400, 'malformed_request');
    });

    it('tells nothing of its inside when it fails', async () => {
      const answer = await ask(app, 'GET /v1/faulty');
      expectProblem(answer, 500, 'internal_error');
      expect(JSON.stringify(answer.body)).not.toContain('secret');
    });
  });

  describe('API page', () => {
    it('describes every address, its bodies and its problems', async () => {
      const { status, body } = await ask(app, 'GET /docs-json', { key: null });
      expect(status).toBe(200);
      const page = body as unknown as OpenAPIObject;
      expect(Object.keys(page.paths)).toEqual(
        expect.arrayContaining([
          '/v1/admin/symbols',
          '/v1/admin/symbols/{symbol}',
          '/v1/admin/symbols/{symbol}/{action}',
          '/v1/admin/audit',
        ]),
      );
      const responses = page.paths['/v1/admin/symbols/{symbol}']?.patch?.responses ?? {};
      expect(Object.keys(responses)).toEqual(
        expect.arrayContaining(['200', '400', '401', '403', '404', '409', '412', '413', '415', '503']),
      );
      expect(responses['409']).toMatchObject({
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemAnswer' } } },
      });
      const create = page.components?.schemas?.['CreateSymbolBody'] as { readonly required: string[] };
      expect([...create.required].sort()).toEqual(
        ['group', 'priceScale', 'reason', 'sizeScale', 'symbol', 'volumeScale'].sort(),
      );
      expect(page.components?.schemas?.['ProblemAnswer']).toBeDefined();
    });

    it('is a page for people, too', async () => {
      const page = await app.inject({ method: 'GET', url: '/docs' });
      expect([page.statusCode, page.headers['content-type']]).toEqual([
        200,
        expect.stringContaining('text/html'),
      ]);
      const script = await app.inject({ method: 'GET', url: '/docs/swagger-ui-bundle.js' });
      expect(script.statusCode).toBe(200);
    });
  });
});

describe('admin REST on Redis', () => {
  let redis: RedisServer;
  let connections: RedisConnections;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    const log = createLog({ logLevel: 'silent', node: 'spec' });
    connections = new RedisConnections({ topology: standaloneAt(redis.url), log, clock: systemClock });
    app = await startAdmin({ connections, environment: { REDIS_URL: redis.url } });
  });
  afterEach(() => connections.close());

  it('answers a change when it is stored and shown here', async () => {
    const answer = await ask(app, 'POST /v1/admin/symbols/AAPL/disable', { body: REASON });
    expect([answer.status, answer.body.enabled]).toEqual([200, false]);
    expect(app.get<SymbolRegistry>(SYMBOL_REGISTRY).bySymbol('AAPL')?.version).toBe(answer.body.version);
    const { entries } = (await ask(app, 'GET /v1/admin/audit?limit=1000')).body;
    expect(entries.at(-1)).toMatchObject({ action: 'disable', after: answer.body });
  });

  it('shows symbols, but changes none, while the store does not answer', async () => {
    await redis.pause();
    try {
      expect((await ask(app, 'GET /v1/admin/symbols/AAPL')).status).toBe(200);
      for (const line of ['POST /v1/admin/symbols/AAPL/halt', 'GET /v1/admin/audit']) {
        const body = line.startsWith('POST') ? REASON : undefined;
        const answer = await ask(app, line, { body });
        expectProblem(answer, 503, 'store_unavailable');
        expect(answer.headers['retry-after']).toBe('1');
      }
    } finally {
      await redis.resume();
    }
  });
});

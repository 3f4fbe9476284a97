/** Uploads and operators' requests of every wrong form: problem details with a stable code, and nothing else. */
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import {
  ADMIN_KEY,
  type Answer,
  FEED_KEY,
  http,
  Installation,
  type Request,
} from '../support/installation.js';
import { StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';
import { BYSTANDER, Bystanders } from './support/bystanders.js';

const CLIENT_KEY = 'client-of-the-acceptance';
const SYMBOL = 'HX-HTTP';
const packr = new Packr({ useRecords: false });
const trade = { type: 'trade', symbol: SYMBOL, price: 2.5, size: 1 };

const of = (type: string, more: Readonly<Record<string, string>> = {}) => ({ 'content-type': type, ...more });
const JSON_TYPE = of('application/json');
const NDJSON = of('application/x-ndjson');
const MSGPACK = of('application/msgpack');
const named = (source: string, session: string, sequence: string) => ({
  ...JSON_TYPE,
  'tickcast-source': source,
  'tickcast-session': session,
  'tickcast-sequence': sequence,
});

type Case = readonly [what: string, request: Request, status: number, code: string];

const UPLOADS: readonly Case[] = [
  ['no key', { body: [trade], key: undefined }, 401, 'unauthenticated'],
  ['a wrong key', { body: [trade], key: 'wrong' }, 401, 'unauthenticated'],
  [
    'another scheme',
    { body: [trade], key: undefined, headers: { authorization: `Basic ${FEED_KEY}` } },
    401,
    'unauthenticated',
  ],
  ['a key of a client', { body: [trade], key: CLIENT_KEY }, 403, 'forbidden'],
  ['half of JSON', { body: '[{"type":', headers: JSON_TYPE }, 400, 'malformed_json'],
  ['nothing as JSON', { body: '', headers: JSON_TYPE }, 400, 'malformed_json'],
  ['lists in lists', { body: '['.repeat(1_000_000), headers: JSON_TYPE }, 400, 'malformed_json'],
  ['a map without ticks', { body: {} }, 400, 'malformed_request'],
  ['ticks that are no list', { body: { ticks: trade } }, 400, 'malformed_request'],
  ['a number', { body: '7', headers: JSON_TYPE }, 400, 'malformed_request'],
  ['too many ticks', { body: Array.from({ length: 10_001 }, () => 1) }, 413, 'body_too_large'],
  ['too long', { body: ' '.repeat(4_194_305), headers: JSON_TYPE }, 413, 'body_too_large'],
  [
    'a bomb',
    {
      body: gzipSync(Buffer.alloc(100_000_000, 0x20)),
      headers: of('application/json', { 'content-encoding': 'gzip' }),
    },
    413,
    'body_too_large',
  ],
  [
    'no gzip',
    { body: 'plain', headers: of('application/json', { 'content-encoding': 'gzip' }) },
    400,
    'malformed_request',
  ],
  [
    'another encoding',
    { body: 'x', headers: of('application/json', { 'content-encoding': 'br' }) },
    415,
    'unsupported_media_type',
  ],
  ['text', { body: 'ticks', headers: of('text/plain') }, 415, 'unsupported_media_type'],
  [
    'a form',
    { body: 'a=b', headers: of('application/x-www-form-urlencoded') },
    415,
    'unsupported_media_type',
  ],
  [
    'half of msgpack',
    { body: packr.pack([trade]).subarray(0, 9), headers: MSGPACK },
    400,
    'malformed_msgpack',
  ],
  [
    'msgpack of 4 billion',
    { body: Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), headers: MSGPACK },
    400,
    'malformed_msgpack',
  ],
  ['JSON as msgpack', { body: '[]', headers: MSGPACK }, 400, 'malformed_msgpack'],
  [
    'a header alone',
    { body: [trade], headers: of('application/json', { 'tickcast-sequence': '1' }) },
    400,
    'malformed_header',
  ],
  ['a name with spaces', { body: [trade], headers: named('a b', 's', '1') }, 400, 'malformed_header'],
  [
    'a name that is too long',
    { body: [trade], headers: named('a', 's'.repeat(129), '1') },
    400,
    'malformed_header',
  ],
  ['a sequence that is none', { body: [trade], headers: named('a', 's', '1.0') }, 400, 'malformed_header'],
  [
    'a sequence beyond 2^53',
    { body: [trade], headers: named('a', 's', '9007199254740993') },
    400,
    'malformed_header',
  ],
  ['another method', { method: 'GET' }, 405, 'method_not_allowed'],
];

const SYMBOLS = '/v1/admin/symbols';
const reason = 'a test';
const definition = {
  symbol: 'HX-NEW',
  group: 'acceptance',
  priceScale: 2,
  sizeScale: 0,
  volumeScale: 0,
  reason,
};

const OPERATORS: readonly (readonly [...Case, path: string])[] = [
  ['no key', { key: undefined }, 401, 'unauthenticated', SYMBOLS],
  ['a key of a feed', { key: FEED_KEY }, 403, 'forbidden', SYMBOLS],
  [
    'a key of a client',
    { key: CLIENT_KEY, body: { reason } },
    403,
    'forbidden',
    `${SYMBOLS}/${SYMBOL}/disable`,
  ],
  ['an unknown parameter', {}, 400, 'invalid_query', `${SYMBOLS}?symbol=AAPL`],
  ['a limit of text', {}, 400, 'invalid_query', `${SYMBOLS}?limit=many`],
  ['a limit beyond all', {}, 400, 'invalid_query', `${SYMBOLS}?limit=1001`],
  ['a parameter twice', {}, 400, 'invalid_query', `${SYMBOLS}?filter=a&filter=b`],
  ['half of JSON', { body: '{"reason":', headers: JSON_TYPE }, 400, 'malformed_json', SYMBOLS],
  ['nothing', { body: '', headers: JSON_TYPE }, 400, 'malformed_json', SYMBOLS],
  ['a list', { body: [] }, 400, 'invalid_body', SYMBOLS],
  ['null', { body: 'null', headers: JSON_TYPE }, 400, 'invalid_body', SYMBOLS],
  [
    'the prototype',
    { body: '{"__proto__":{"reason":"x"}}', headers: JSON_TYPE },
    400,
    'malformed_json',
    SYMBOLS,
  ],
  ['no reason', { body: { ...definition, reason: undefined } }, 400, 'invalid_body', SYMBOLS],
  ['a reason of two lines', { body: { ...definition, reason: 'a\nb' } }, 400, 'invalid_body', SYMBOLS],
  [
    'a reason without end',
    { body: { ...definition, reason: 'r'.repeat(501) } },
    400,
    'invalid_body',
    SYMBOLS,
  ],
  ['an unknown field', { body: { ...definition, sid: 4 } }, 400, 'invalid_body', SYMBOLS],
  ['a symbol of small letters', { body: { ...definition, symbol: 'aapl' } }, 400, 'invalid_body', SYMBOLS],
  ['a scale of text', { body: { ...definition, priceScale: '2' } }, 400, 'invalid_body', SYMBOLS],
  ['a scale beyond all', { body: { ...definition, priceScale: 13 } }, 400, 'invalid_body', SYMBOLS],
  ['a volume finer than sizes', { body: { ...definition, volumeScale: 1 } }, 400, 'invalid_body', SYMBOLS],
  ['a symbol that exists', { body: { ...definition, symbol: SYMBOL } }, 409, 'symbol_exists', SYMBOLS],
  [
    'a form',
    { body: 'reason=x', headers: of('application/x-www-form-urlencoded') },
    415,
    'unsupported_media_type',
    SYMBOLS,
  ],
  ['ticks', { body: '{}', headers: NDJSON }, 415, 'unsupported_media_type', SYMBOLS],
  [
    'a body without end',
    { body: { ...definition, name: 'n'.repeat(300_000) } },
    413,
    'body_too_large',
    SYMBOLS,
  ],
  ['a symbol that is none', {}, 404, 'symbol_not_found', `${SYMBOLS}/NOWHERE`],
  ['a symbol of slashes', {}, 404, 'symbol_not_found', `${SYMBOLS}/%2e%2e%2f%2e%2e%2fetc`],
  ['a path that cannot be decoded', {}, 400, 'malformed_request', `${SYMBOLS}/%ZZ`],
  ['an unknown switch', { body: { reason } }, 404, 'not_found', `${SYMBOLS}/${SYMBOL}/explode`],
  ['a switch without a reason', { body: {} }, 400, 'invalid_body', `${SYMBOLS}/${SYMBOL}/disable`],
  ['a symbol that is none', { body: { reason } }, 404, 'symbol_not_found', `${SYMBOLS}/NOWHERE/disable`],
  [
    'a scale that is fixed',
    { method: 'PATCH', body: { priceScale: 4, reason } },
    409,
    'scale_fixed',
    `${SYMBOLS}/${SYMBOL}`,
  ],
  [
    'an old version',
    { method: 'PATCH', headers: { 'if-match': '"999999"' }, body: { name: 'x', reason } },
    412,
    'version_mismatch',
    `${SYMBOLS}/${SYMBOL}`,
  ],
  [
    'If-Match that is none',
    { method: 'PATCH', headers: { 'if-match': '7' }, body: { name: 'x', reason } },
    400,
    'malformed_header',
    `${SYMBOLS}/${SYMBOL}`,
  ],
  ['another method', { method: 'DELETE' }, 405, 'method_not_allowed', `${SYMBOLS}/${SYMBOL}`],
  ['an address that is none', {}, 404, 'not_found', '/v1/admin/nothing'],
];

describe('HTTP among strangers', () => {
  let installation: Installation;
  let tickcast: Tickcast;
  let bystanders: Bystanders;
  let watcher: StreamPeer;
  beforeAll(async () => {
    installation = await Installation.begin({ [SYMBOL]: [2, 0, 0], [BYSTANDER]: [2, 0, 0] });
    tickcast = await installation.start({ TICKCAST_CLIENT_KEY: CLIENT_KEY });
    bystanders = await Bystanders.beside(tickcast);
    watcher = await StreamPeer.open(tickcast.url);
    await watcher.subscribe([`trade:${SYMBOL}`, `ticker:${SYMBOL}`]);
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  function expectProblem({ status, headers, body }: Answer, wanted: number, code: string): void {
    expect([status, body.code]).toEqual([wanted, code]);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ type: `urn:tickcast:problem:${code}`, status, title: expect.any(String) });
    // Nothing of the inside: no traces, no paths.
    expect(JSON.stringify(body)).not.toMatch(/node_modules|\.js:\d|at Object/);
  }

  it.each(UPLOADS)('refuses an upload: %s', async (_, request, status, code) => {
    expectProblem(await http(`${tickcast.url}/v1/ticks`, { key: FEED_KEY, ...request }), status, code);
  });

  it.each(OPERATORS)('refuses an operator’s request: %s', async (_, request, status, code, path) => {
    expectProblem(await http(`${tickcast.url}${path}`, { key: ADMIN_KEY, ...request }), status, code);
  });

  it('answers lines of every wrong form with their numbers, and takes those between them', async () => {
    const wrong = [
      '{',
      'null',
      '[]',
      '7',
      '\u0000',
      '{"type":"trade"}',
      `"${'x'.repeat(20_000)}"`,
      '\ufffd',
      '{}}',
    ];
    const lines = wrong.flatMap((line) => [line, '', JSON.stringify(trade)]);
    const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\n`), Buffer.from([0xc3, 0x28, 0x0a])]);
    const { status, body } = await http(`${tickcast.url}/v1/ticks`, {
      key: FEED_KEY,
      headers: NDJSON,
      body: bytes,
    });
    expect([status, body.accepted, body.rejectedTotal]).toEqual([200, wrong.length, wrong.length + 1]);
    expect(body.rejected.map(({ line }: { line: number }) => line)).toEqual([
      ...wrong.map((_, i) => 3 * i + 1),
      lines.length + 1,
    ]);
    for (const { reason: why, message } of body.rejected) {
      expect(why).toBe('malformed');
      expect(message.length).toBeLessThan(400);
    }
    await watcher.until('the good ones', () => watcher.state.of(SYMBOL).trades.length === wrong.length);
  });

  it('lists at most 10,000 bad lines, and counts them all', async () => {
    const body = '{"type":"bar"}\n'.repeat(30_000);
    const answer = await http(`${tickcast.url}/v1/ticks`, { key: FEED_KEY, headers: NDJSON, body });
    expect(answer.body).toMatchObject({ accepted: 0, rejectedTotal: 30_000, storedLines: 30_000 });
    expect(answer.body.rejected).toHaveLength(10_000);
  });

  it('takes a line without end as one bad line, in bounded memory', async () => {
    const line = Buffer.alloc(40_000_000, 0x61);
    const body = Buffer.concat([line, Buffer.from(`\n${JSON.stringify(trade)}\n`)]);
    const before = watcher.state.of(SYMBOL).trades.length;
    const answer = await http(`${tickcast.url}/v1/ticks`, { key: FEED_KEY, headers: NDJSON, body });
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejectedTotal: 1,
      rejected: [{ line: 1, reason: 'malformed' }],
    });
    await watcher.until('the good one', () => watcher.state.of(SYMBOL).trades.length === before + 1);
  });

  it('stores nothing of the last part of an upload that broke off', async () => {
    const before = watcher.state.of(SYMBOL).trades.length;
    const upload = request(`${tickcast.url}/v1/ticks`, {
      method: 'POST',
      headers: { ...NDJSON, authorization: `Bearer ${FEED_KEY}`, 'content-length': 1_000_000 },
    });
    upload.on('error', () => undefined);
    upload.write(`${JSON.stringify(trade)}\n`.repeat(700));
    // The first 500 are a part of their own, and stored when they are there.
    await watcher.until('the first part', () => watcher.state.of(SYMBOL).trades.length === before + 500);
    upload.destroy();
    await http(`${tickcast.url}/v1/ticks`, { key: FEED_KEY, body: [{ ...trade, tradeId: 'after' }] });
    await watcher.until('what came after', () => watcher.state.of(SYMBOL).trades.at(-1)?.id === 'after');
    expect(watcher.state.of(SYMBOL).trades.length).toBe(before + 501);
  });

  it('has changed nothing and disturbed nobody', async () => {
    const { body } = await http(`${tickcast.url}${SYMBOLS}?limit=1000`, { key: ADMIN_KEY });
    expect(body.symbols.map(({ symbol }: { symbol: string }) => symbol).sort()).toEqual(
      [SYMBOL, BYSTANDER].sort(),
    );
    const { trades } = watcher.state.of(SYMBOL);
    await watcher.until(
      'the image',
      () => watcher.state.of(SYMBOL).image?.values.tradeCount === trades.length,
    );
    expect(watcher.state.faults).toEqual([]);
    await bystanders.expectUndisturbed();
  }, 60_000);
});

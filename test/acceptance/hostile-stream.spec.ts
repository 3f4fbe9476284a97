/** Whatever strangers send to `/v1/stream`: a record or a close code for them, nothing for anybody else. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Packr } from 'msgpackr';
import { FEED_KEY, http, Installation } from '../support/installation.js';
import { type Codec, StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';
import { BYSTANDER, Bystanders } from './support/bystanders.js';
import { frame, OPCODES, RawSocket } from './support/raw-socket.js';

const CLIENT_KEY = 'client-of-the-acceptance';
const packr = new Packr({ useRecords: false });
const bytes = (...parts: (number | Buffer)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));

/** Messages that are no commands in either codec, and what is said of them. */
const COMMANDS: readonly (readonly [what: string, message: unknown, code: string])[] = [
  ['null', null, 'bad_command'],
  ['a number', 17, 'bad_command'],
  ['a text', 'subscribe', 'bad_command'],
  ['a list', [{ op: 'ping' }], 'bad_command'],
  ['an empty map', {}, 'bad_command'],
  ['op of another type', { op: 1 }, 'bad_command'],
  ['op that is a list', { op: ['ping'] }, 'bad_command'],
  ['an unknown op', { op: 'shutdown' }, 'unknown_op'],
  ['the name of a method as op', { op: 'constructor' }, 'unknown_op'],
  ['an id that is a map', { op: 'ping', id: {} }, 'bad_command'],
  ['an id that is too long', { op: 'ping', id: 'i'.repeat(129) }, 'bad_command'],
  ['subscribe without channels', { op: 'subscribe' }, 'bad_command'],
  ['channels that are a text', { op: 'subscribe', channels: 'ticker:AAPL' }, 'bad_command'],
  ['no channels', { op: 'subscribe', channels: [] }, 'bad_command'],
  ['channels of other types', { op: 'subscribe', channels: ['ticker:AAPL', 7] }, 'bad_command'],
  ['hz of zero', { op: 'subscribe', channels: ['ticker:AAPL'], hz: 0 }, 'bad_command'],
  ['hz below zero', { op: 'subscribe', channels: ['ticker:AAPL'], hz: -5 }, 'bad_command'],
  ['hz that is a text', { op: 'subscribe', channels: ['ticker:AAPL'], hz: 'fast' }, 'bad_command'],
  ['from that is a list', { op: 'subscribe', channels: ['trade:AAPL'], from: [1] }, 'bad_command'],
  [
    'from that is no position',
    { op: 'subscribe', channels: ['trade:AAPL'], from: { 'trade:AAPL': [1, -1] } },
    'bad_command',
  ],
  ['unsubscribe without channels', { op: 'unsubscribe', channels: null }, 'bad_command'],
  ['auth without a token', { op: 'auth' }, 'bad_command'],
  [
    'more channels than a command may have',
    { op: 'subscribe', channels: Array.from({ length: 501 }, (_, i) => `ticker:S${i}`) },
    'too_many_channels',
  ],
];

/** Channels that are refused one by one, and what is said of each. */
const CHANNELS: readonly (readonly [
  command: Readonly<Record<string, unknown>>,
  channel: string,
  code: string,
])[] = [
  ...[
    '',
    'AAPL',
    'ticker',
    'ticker:',
    'ticker:aapl',
    'book:AAPL',
    'ticker:**',
    'ticker:A*B',
    'ticker:A\u0000',
  ].map((channel) => [{ op: 'subscribe', channels: [channel] }, channel, 'bad_channel'] as const),
  [{ op: 'subscribe', channels: [`ticker:${'A'.repeat(25)}`] }, `ticker:${'A'.repeat(25)}`, 'bad_channel'],
  [{ op: 'subscribe', channels: ['ticker:__PROTO__'] }, 'ticker:__PROTO__', 'bad_channel'],
  [{ op: 'subscribe', channels: ['ticker:NOWHERE'] }, 'ticker:NOWHERE', 'unknown_symbol'],
  [{ op: 'unsubscribe', channels: ['ticker:AAPL'] }, 'ticker:AAPL', 'not_subscribed'],
  [{ op: 'subscribe', channels: ['trade:AAPL'], hz: 5 }, 'trade:AAPL', 'hz_not_allowed'],
  [
    { op: 'subscribe', channels: ['ticker:AAPL'], from: { 'ticker:AAPL': [1, 1] } },
    'ticker:AAPL',
    'from_not_allowed',
  ],
  [{ op: 'subscribe', channels: ['trade:*'], from: { 'trade:*': [1, 1] } }, 'trade:*', 'from_not_allowed'],
];

/** Bytes that are no msgpack of one message. */
const NO_MSGPACK: readonly (readonly [what: string, message: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['the byte that is never used', bytes(0xc1)],
  ['a map that ends early', packr.pack({ op: 'subscribe', channels: ['ticker:AAPL'] }).subarray(0, 12)],
  ['two values', bytes(packr.pack({ op: 'ping' }), packr.pack({ op: 'ping' }))],
  ['a list of 4 billion items', bytes(0xdd, 0xff, 0xff, 0xff, 0xff)],
  ['a map of 4 billion items', bytes(0xdf, 0xff, 0xff, 0xff, 0xff)],
  ['a text of 4 billion bytes', bytes(0xdb, 0xff, 0xff, 0xff, 0xff, 0x41)],
  ['bytes of 4 billion', bytes(0xc6, 0xff, 0xff, 0xff, 0xff)],
  ['an extension', bytes(0x81, 0xa2, Buffer.from('op'), 0xd4, 0x01, 0x00)],
  ['a time stamp', bytes(0xd6, 0xff, 0, 0, 0, 0)],
  ['lists in lists without end', Buffer.alloc(60_000, 0x91)],
  ['text that is no UTF-8', bytes(0x81, 0xa2, Buffer.from('op'), 0xa2, 0xc3, 0x28)],
];

describe('/v1/stream among strangers', () => {
  let installation: Installation;
  let gateway: Tickcast;
  let bystanders: Bystanders;
  beforeAll(async () => {
    installation = await Installation.begin({ AAPL: [2, 0, 0], [BYSTANDER]: [2, 0, 0] });
    gateway = await installation.start({ TICKCAST_CLIENT_KEY: CLIENT_KEY });
    bystanders = await Bystanders.beside(gateway);
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  async function expectError(peer: StreamPeer, code: string): Promise<void> {
    await peer.until(code, () => peer.errors.length > 0 || peer.isClosed);
    expect(peer.errors.map((error) => error.code)).toEqual([code]);
    expect(peer.errors[0]!.message.length).toBeLessThan(500);
    // It is told, and goes on.
    expect(await peer.ask({ op: 'ping' })).toMatchObject([{ type: 'pong' }]);
    expect(peer.state.faults).toEqual([]);
    await peer.close();
  }

  it.each(COMMANDS)('answers what is no command: %s', async (_, message, code) => {
    for (const codec of ['json', 'msgpack'] as const) {
      const peer = await StreamPeer.open(gateway.url, { codec });
      peer.send(message);
      await expectError(peer, code);
    }
  });

  it('refuses channels one by one, and carries out the rest of the command', async () => {
    for (const [i, [command, channel, code]] of CHANNELS.entries()) {
      const peer = await StreamPeer.open(gateway.url, { codec: i % 2 === 0 ? 'json' : 'msgpack' });
      const channels = [...(command['channels'] as string[]), `status:${BYSTANDER}`];
      const [answer] = await peer.ask({ ...command, channels });
      const errors = answer !== undefined && 'errors' in answer ? answer.errors : [];
      expect(errors).toContainEqual(expect.objectContaining({ channel, code }));
      if (command['op'] === 'subscribe' && command['hz'] === undefined)
        expect(peer.state.channels).toContain(`status:${BYSTANDER}`);
      expect([peer.errors, peer.state.faults]).toEqual([[], []]);
      await peer.close();
    }
  });

  it.each(NO_MSGPACK)('answers what is no msgpack: %s', async (_, message) => {
    const peer = await StreamPeer.open(gateway.url);
    peer.sendRaw(message);
    await expectError(peer, 'bad_msgpack');
  });

  it.each([
    ['nothing', ''],
    ['half a map', '{"op":"ping"'],
    ['msgpack as text', '\u0081\u00a2op\u00a4ping'],
    ['lists in lists without end', '['.repeat(60_000)],
    ['a number beyond all', '{"op":"ping","id":1e999'],
  ])('answers what is no JSON: %s', async (_, message) => {
    const peer = await StreamPeer.open(gateway.url, { codec: 'json' });
    peer.sendRaw(message);
    await expectError(peer, 'bad_json');
  });

  it('answers deep and odd JSON that is no command', async () => {
    for (const message of [
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      '{"__proto__":{"op":"ping"}}',
      '{"op":"ping","id":1e999}',
    ]) {
      const peer = await StreamPeer.open(gateway.url, { codec: 'json' });
      peer.sendRaw(message);
      await expectError(peer, 'bad_command');
    }
  });

  it.each<[Codec, string | Buffer]>([
    ['json', packr.pack({ op: 'ping' })],
    ['msgpack', '{"op":"ping"}'],
  ])('answers a frame of the other kind on a %s stream', async (codec, message) => {
    const peer = await StreamPeer.open(gateway.url, { codec });
    peer.sendRaw(message);
    await expectError(peer, 'wrong_frame');
  });

  it('refuses more channels than a session may have', async () => {
    const peer = await StreamPeer.open(gateway.url);
    for (let page = 0; page < 2; page++)
      await peer.subscribe(Array.from({ length: 500 }, (_, i) => `status:${page === 0 ? 'A' : 'B'}${i}*`));
    const [answer] = await peer.ask({ op: 'subscribe', channels: ['ticker:AAPL', `status:A1*`] });
    expect(answer).toMatchObject({
      errors: [{ channel: 'ticker:AAPL', code: 'too_many_channels' }],
      channels: [{ channel: 'status:A1*' }],
    });
    await peer.close();
  });

  it('closes a message beyond the limit with 1009, and claims of one before it is sent', async () => {
    const peer = await StreamPeer.open(gateway.url, { codec: 'json' });
    const { frameBytesMax } = peer.welcome!.limits;
    peer.sendRaw(`{"op":"ping","id":"${'x'.repeat(frameBytesMax!)}"}`);
    expect((await peer.closed).code).toBe(1009);
    for (const claims of [BigInt(frameBytesMax!) + 1n, 2n ** 31n, 2n ** 53n - 1n]) {
      const raw = await RawSocket.upgraded(gateway.port, '/v1/stream');
      raw.write(frame(OPCODES.text, Buffer.from('{'), { claims }));
      expect(await raw.closeCode()).toBe(1009);
    }
  });

  it('tells a client that commands come too fast, and closes one that goes on with 4101', async () => {
    const peer = await StreamPeer.open(gateway.url);
    for (let i = 0; i < 200; i++) peer.send({ op: 'ping', id: i });
    expect(await peer.closed).toEqual({ code: 4101, reason: 'too_many_commands' });
    expect(peer.goodbye).toMatchObject({ reason: 'too_many_commands' });
    expect(new Set(peer.errors.map(({ code }) => code))).toEqual(new Set(['too_many_commands']));
    expect(peer.state.faults).toEqual([]);
  });

  it.each<[string, number, Buffer[]]>([
    ['a frame that is not masked', 1002, [frame(OPCODES.text, Buffer.from('{}'), { masked: false })]],
    ['reserved bits', 1002, [frame(OPCODES.text, Buffer.from('{}'), { reserved: 4 })]],
    ['an opcode that does not exist', 1002, [frame(5, Buffer.from('{}'))]],
    ['a continuation of nothing', 1002, [frame(OPCODES.continuation, Buffer.from('{}'))]],
    ['a ping that is too long', 1002, [frame(OPCODES.ping, Buffer.alloc(126))]],
    ['a ping in fragments', 1002, [frame(OPCODES.ping, Buffer.from('a'), { fin: false })]],
    ['a close code that may not be sent', 1002, [frame(OPCODES.close, Buffer.from([0x03, 0xee]))]],
    ['text that is no UTF-8', 1007, [frame(OPCODES.text, Buffer.from([0xc3, 0x28]))]],
    ['a length beyond 2^53', 1009, [frame(OPCODES.binary, Buffer.alloc(1), { claims: 2n ** 62n })]],
    [
      'fragments without end',
      1008,
      [
        frame(OPCODES.text, Buffer.from('{'), { fin: false }),
        ...Array.from({ length: 500 }, () => frame(OPCODES.continuation, Buffer.from(' '), { fin: false })),
      ],
    ],
  ])('closes a connection that breaks the WebSocket protocol: %s', async (_, code, frames) => {
    const raw = await RawSocket.upgraded(gateway.port, '/v1/stream');
    for (const one of frames) raw.write(one);
    expect(await raw.closeCode()).toBe(code);
  });

  it.each([
    ['another path', '/v1/streams', [], 404],
    ['a path up and down', '/v1/../v1/stream', [], 404],
    ['only unknown subprotocols', '/v1/stream', ['Sec-WebSocket-Protocol: graphql-ws, v9'], 400],
    ['a subprotocol header that is none', '/v1/stream', ['Sec-WebSocket-Protocol: ,,,'], 400],
    ['a foreign page', '/v1/stream', ['Origin: https://evil.example'], 403],
    ['no key where one is needed', '/v1/feed', [], 401],
    ['a key of a client where a feed’s is needed', '/v1/feed', [`Authorization: Bearer ${CLIENT_KEY}`], 403],
  ])('refuses an upgrade with problem details: %s', async (_, path, headers, status) => {
    const refused = await RawSocket.upgraded(gateway.port, path, headers).catch(
      (error: Error) => error.message,
    );
    expect(refused).toContain(`HTTP/1.1 ${status}`);
    expect(refused).toContain('application/problem+json');
  });

  it('answers what is no HTTP, and ends a head without end', async () => {
    const garbage = await RawSocket.to(gateway.port);
    garbage.write('\u0000\u0001\u0002 hello\r\n\r\n');
    expect(await garbage.answered()).toMatch(/^HTTP\/1\.1 400/);
    const long = await RawSocket.to(gateway.port);
    long.write(`GET /v1/stream HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`);
    expect(await long.answered()).toMatch(/^HTTP\/1\.1 431/);
    const slow = await RawSocket.to(gateway.port);
    slow.write('GET /v1/stream HTTP/1.1\r\nHost: x\r\n');
    expect(await slow.answered()).toMatch(/^HTTP\/1\.1 408|^$/);
  }, 60_000);

  it('keeps strangers out where anonymous clients are not let in', async () => {
    const guarded = await installation.start({
      TICKCAST_ROLES: 'gateway',
      TICKCAST_ANONYMOUS: 'off',
      TICKCAST_CLIENT_KEY: CLIENT_KEY,
      TICKCAST_AUTH_MS: '1500',
    });
    const silent = await StreamPeer.open(guarded.url);
    expect(silent.welcome).toMatchObject({ subject: null });
    const curious = await StreamPeer.open(guarded.url, { codec: 'json' });
    for (const command of [{ op: 'subscribe', channels: ['ticker:*'] }, { op: 'list' }])
      expect(await curious.ask(command)).toMatchObject([{ type: 'error', code: 'unauthenticated' }]);
    expect(await curious.ask({ op: 'ping' })).toMatchObject([{ type: 'pong' }]);
    for (const token of ['wrong', FEED_KEY, '']) {
      const liar = await StreamPeer.open(guarded.url);
      expect(await liar.ask({ op: 'auth', token })).toMatchObject([{ type: 'error', code: 'bad_token' }]);
      expect((await liar.closed).code).toBe(4001);
    }
    const known = await StreamPeer.open(guarded.url);
    expect(await known.ask({ op: 'auth', token: CLIENT_KEY })).toMatchObject([{ type: 'authenticated' }]);
    expect(await known.ask({ op: 'auth', token: CLIENT_KEY })).toMatchObject([
      { type: 'error', code: 'already_authenticated' },
    ]);
    await known.subscribe([`ticker:${BYSTANDER}`]);
    await known.untilImages([BYSTANDER]);
    for (const peer of [silent, curious]) expect((await peer.closed).code).toBe(4001);
    expect(known.isClosed).toBe(false);
    await guarded.stop();
  }, 60_000);

  it('closes connections that come and go by the hundred without a trace', async () => {
    for (let round = 0; round < 5; round++) {
      const raws = await Promise.all(
        Array.from({ length: 100 }, () => RawSocket.upgraded(gateway.port, '/v1/stream')),
      );
      for (const [i, raw] of raws.entries()) {
        raw.write(frame(OPCODES.text, Buffer.from('{"op":"subscribe","channels":["ticker:*","trade:*"]}')));
        if (i % 2 === 0) raw.socket.destroy();
        else raw.socket.resetAndDestroy();
      }
      await sleep(50);
    }
    const sessions = async () =>
      /tickcast_gateway_sessions\{dialect="\w+"\} \d+/g[Symbol.match](
        (await http(`${gateway.url}/metrics`)).body,
      );
    const sum = async () => (await sessions())!.reduce((all, line) => all + Number(line.split(' ')[1]), 0);
    while ((await sum()) !== bystanders.peers.length) await sleep(50);
  }, 60_000);

  it('has disturbed nobody', () => bystanders.expectUndisturbed(), 60_000);
});

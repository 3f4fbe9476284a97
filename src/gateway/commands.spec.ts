import { ERROR_CODES, MsgpackWriter, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '#wire';
import { type ClientFixture, scene } from './client.fixture.js';
import { DIALECTS } from './dialects.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';

const CODECS = [
  [SUBPROTOCOL_MSGPACK, MSGPACK],
  [SUBPROTOCOL_JSON, JSON_DIALECT],
] as const;

/** id and code of each error since the last call. */
const errors = (client: ClientFixture) =>
  client.fresh().flatMap((record) => (record.type === 'error' ? [[record.id, record.code]] : []));

/** The bytes of `{"op": "ping", "id": <value>}` in msgpack, with any value in place of the id. */
function pingWithId(value: readonly number[]): Uint8Array {
  const writer = new MsgpackWriter();
  writer.map(2);
  writer.string('op');
  writer.string('ping');
  writer.string('id');
  writer.raw(Uint8Array.from(value));
  return writer.bytes();
}

describe.each(CODECS)('commands of %s', (_subprotocol, dialectAt) => {
  const { binary } = DIALECTS[dialectAt]!;

  it('are answered with their id, whether number, text or none', () => {
    const { join, clock } = scene(1);
    const client = join(dialectAt);
    client.fresh();
    for (const id of [1, 0, -7, 1.5, 2 ** 53, 'a', 'x'.repeat(128), null]) client.say({ op: 'ping', id });
    client.say({ op: 'ping' });
    const pongs = client.socket.of('pong');
    expect(pongs.map(({ id }) => id)).toEqual([1, 0, -7, 1.5, 2 ** 53, 'a', 'x'.repeat(128), null, null]);
    expect(pongs[0]!.timeUs).toBe(clock.nowUs());
  });

  it.each([
    [{}, null, 'bad_command'],
    [{ id: 3 }, 3, 'bad_command'],
    [{ op: 7, id: 3 }, 3, 'bad_command'],
    [{ op: 'ping', id: 'x'.repeat(129) }, null, 'bad_command'],
    [{ op: 'ping', id: [1] }, null, 'bad_command'],
    [{ op: 'candles', id: 3 }, 3, 'unknown_op'],
    [{ op: 'subscribe', id: 3 }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: [] }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: ['ticker:S1', 1] }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: 'ticker:S1' }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: ['ticker:S1'], hz: 0 }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: ['ticker:S1'], hz: '5' }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: ['trade:S1'], from: [1, 2] }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: ['trade:S1'], from: { 'trade:S1': [1, -1] } }, 3, 'bad_command'],
    [{ op: 'subscribe', id: 3, channels: ['trade:S1'], from: { 'trade:S1': [1, 2, 3] } }, 3, 'bad_command'],
    [{ op: 'unsubscribe', id: 3 }, 3, 'bad_command'],
    [{ op: 'auth', id: 3 }, 3, 'bad_command'],
  ])('%j is answered with id %j and %s', (body, id, code) => {
    const { join } = scene(1);
    const client = join(dialectAt);
    client.say(body);
    expect(errors(client)).toEqual([[id, code]]);
    expect(client.socket.closed).toBeNull();
    client.say({ op: 'ping', id: 9 });
    expect(client.freshTypes()).toEqual(['pong']);
  });

  it('in the other kind of frame are answered wrong_frame', () => {
    const { join, gateway } = scene(1);
    const client = join(dialectAt);
    gateway.commands.receive(client.session, Buffer.from('{"op":"ping"}'), !binary);
    expect(errors(client)).toEqual([[null, 'wrong_frame']]);
  });

  it('of too many channels are refused whole', () => {
    const { join } = scene(3, { channelsPerCommandMax: 2 });
    const client = join(dialectAt);
    client.say({ op: 'subscribe', id: 4, channels: ['ticker:S1', 'ticker:S2', 'ticker:S3'] });
    client.say({ op: 'unsubscribe', id: 5, channels: ['ticker:S1', 'ticker:S2', 'ticker:S3'] });
    expect(errors(client)).toEqual([
      [4, 'too_many_channels'],
      [5, 'too_many_channels'],
    ]);
    expect(client.session.memberships).toEqual([]);
  });
});

describe('what is no message of the codec', () => {
  it.each(['', '{', '[1,2', 'nonsense', '{"op":"ping"}x', '\u0000'])('%j is answered bad_json', (text) => {
    const { join, gateway } = scene(1);
    const client = join(JSON_DIALECT);
    gateway.commands.receive(client.session, Buffer.from(text), false);
    expect(errors(client)).toEqual([[null, 'bad_json']]);
  });

  it('text that is not UTF-8 is answered bad_json', () => {
    const { join, gateway } = scene(1);
    const client = join(JSON_DIALECT);
    gateway.commands.receive(client.session, Uint8Array.of(0x22, 0xff, 0xfe, 0x22), false);
    expect(errors(client)).toEqual([[null, 'bad_json']]);
  });

  it.each([
    ['nothing', Uint8Array.of()],
    ['a map that ends early', Uint8Array.of(0x82, 0xa2, 0x6f)],
    ['bytes behind the message', Uint8Array.of(0x80, 0x80)],
    ['an unused type', Uint8Array.of(0xc1)],
    ['an extension', pingWithId([0xd4, 0x01, 0x00])],
    ['a text of 4 GB', pingWithId([0xdb, 0xff, 0xff, 0xff, 0xff])],
    ['a list of 4 G items', pingWithId([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['nesting without end', new Uint8Array(60_000).fill(0x91)],
  ])('%s is answered bad_msgpack', (_name, bytes) => {
    const { join, gateway } = scene(1);
    const client = join(MSGPACK);
    gateway.commands.receive(client.session, bytes, true);
    expect(errors(client)).toEqual([[null, 'bad_msgpack']]);
    expect(client.socket.closed).toBeNull();
  });

  it.each([[[1, 2]], [7], ['subscribe'], [null], [true]])('%j is no command', (body) => {
    const { join, gateway } = scene(1);
    for (const dialectAt of [MSGPACK, JSON_DIALECT]) {
      const client = join(dialectAt);
      const writer = new MsgpackWriter();
      writer.value(body);
      const { binary } = DIALECTS[dialectAt]!;
      const bytes = binary ? writer.bytes() : Buffer.from(JSON.stringify(body));
      gateway.commands.receive(client.session, bytes, binary);
      expect(errors(client)).toEqual([[null, 'bad_command']]);
    }
  });
});

describe('a session that has yet to say who it is', () => {
  it('may authenticate and ping, and nothing else', () => {
    const { join, publisher } = scene(1);
    publisher.publish([1], { bidPrice: 1 });
    const client = join(JSON_DIALECT, null);
    expect(client.socket.of('welcome')[0]).toMatchObject({ subject: null });
    client.say({ op: 'subscribe', id: 1, channels: ['ticker:S1'] });
    client.say({ op: 'unsubscribe', id: 2, channels: ['ticker:S1'] });
    client.say({ op: 'list', id: 3 });
    expect(errors(client)).toEqual([1, 2, 3].map((id) => [id, 'unauthenticated']));
    client.say({ op: 'ping', id: 4 });
    client.say({ op: 'auth', id: 5, token: 'right' });
    expect(client.fresh()).toMatchObject([
      { type: 'pong', id: 4 },
      { type: 'authenticated', id: 5, subject: 'client' },
    ]);
    client.subscribe(['ticker:S1']);
    expect(client.image(1)).toBeDefined();
  });

  it('is closed with 4001 after a wrong token', () => {
    const { join, timers } = scene(1);
    const client = join(JSON_DIALECT, null);
    client.say({ op: 'auth', id: 5, token: 'wrong' });
    expect(client.freshTypes()).toEqual(['welcome', 'error', 'goodbye']);
    expect(client.socket.closed).toEqual({ code: 4001, reason: 'unauthenticated' });
    client.say({ op: 'auth', id: 6, token: 'right' });
    expect(client.fresh()).toEqual([]);
    timers.pass(1000);
    expect(client.socket.terminated).toBe(true);
  });

  it('is closed with 4001 when it lets the time pass', () => {
    const { join, gateway, timers } = scene(1, { authMs: 5000 });
    const client = join(JSON_DIALECT, null);
    const other = join(JSON_DIALECT, 'client');
    timers.pass(5000);
    gateway.pulse.run();
    expect(client.socket.closed).toBeNull();
    timers.pass(1);
    gateway.pulse.run();
    expect(client.socket.closed).toEqual({ code: 4001, reason: 'unauthenticated' });
    expect(other.socket.closed).toBeNull();
  });
});

describe('auth again', () => {
  it('is refused once a token was shown, and changes nothing', () => {
    const { join } = scene(1);
    const client = join(JSON_DIALECT, 'client:1234');
    client.say({ op: 'auth', id: 1, token: 'right' });
    client.say({ op: 'auth', id: 2, token: 'wrong' });
    expect(errors(client)).toEqual([
      [1, 'already_authenticated'],
      [2, 'already_authenticated'],
    ]);
    expect(client.session.subject).toBe('client:1234');
    expect(client.socket.closed).toBeNull();
  });

  it('tells who an anonymous session is', () => {
    const { join } = scene(1);
    const client = join(JSON_DIALECT, 'anonymous');
    client.fresh();
    client.say({ op: 'auth', id: 1, token: 'right' });
    expect(client.fresh()).toEqual([{ type: 'authenticated', id: 1, subject: 'client' }]);
  });
});

describe('commands faster than allowed', () => {
  const refused = { id: null, code: 'too_many_commands', message: ERROR_CODES.too_many_commands };

  it('are not carried out, and said so; slower ones are again', () => {
    const { join, timers } = scene(1, { commandBurst: 3, commandsPerSecond: 5 });
    const client = join();
    client.fresh();
    for (let id = 1; id <= 5; id++) client.say({ op: 'ping', id });
    expect(client.fresh()).toMatchObject([
      ...[1, 2, 3].map((id) => ({ type: 'pong', id })),
      ...[refused, refused],
    ]);
    timers.pass(200);
    client.say({ op: 'ping', id: 6 });
    client.say({ op: 'ping', id: 7 });
    expect(client.fresh()).toMatchObject([{ type: 'pong', id: 6 }, refused]);
  });

  it('count whatever they are, and close the session with 4101 when they go on', () => {
    const { join, gateway } = scene(1, { commandBurst: 3, commandsPerSecond: 5 });
    const client = join();
    const other = join();
    for (let i = 0; i < 3; i++) gateway.commands.receive(client.session, Buffer.from('{'), false);
    client.fresh();
    for (let i = 0; i < 20; i++) client.say({ op: 'ping' });
    expect(client.fresh()).toEqual(new Array(20).fill({ type: 'error', ...refused }));
    client.say({ op: 'ping' });
    expect(client.freshTypes()).toEqual(['goodbye']);
    expect(client.socket.closed).toEqual({ code: 4101, reason: 'too_many_commands' });
    other.fresh();
    other.say({ op: 'ping' });
    expect(other.freshTypes()).toEqual(['pong']);
  });

  it('count anew once one was carried out', () => {
    const { join, timers } = scene(1, { commandBurst: 1, commandsPerSecond: 1 });
    const client = join();
    for (let i = 0; i < 5; i++) {
      for (let count = 0; count < 16; count++) client.say({ op: 'ping' });
      timers.pass(1000);
    }
    expect(client.socket.closed).toBeNull();
  });

  it('are those of a client, too, that does not read the long answers it asks for', () => {
    const { join, gateway } = scene(8000);
    const client = join();
    client.socket.plugNext = true;
    while (client.session.answerBytes <= 4 * 1024 * 1024) client.subscribe(['status:*']);
    client.fresh();
    const pending = client.socket.pendingBytes;
    client.subscribe(['status:*']);
    expect(client.fresh()).toMatchObject([refused]);
    expect(client.socket.pendingBytes).toBeLessThan(pending + 300);
    gateway.pulse.run();
    expect(client.socket.closed).toBeNull();
    client.socket.drain();
    client.say({ op: 'ping' });
    expect(client.freshTypes()).toEqual(['pong']);
  });
});

import { WebSocket } from 'ws';
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { HeldRecord } from '../../wire/src/native-messages.fixture.js';
import { type Codec, type StreamCalls, StreamClient, type StreamState } from './index.js';
import { ManualClock } from './manual-clock.fixture.js';
import { HEARTBEAT_MS, type Listed, type ServedClient, StreamService } from './stream-service.fixture.js';

let service: StreamService;
let clock: ManualClock;
let clients: StreamClient[];

beforeEach(async () => {
  service = await StreamService.start();
  clock = new ManualClock();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await service.stop();
});

function newClient(more: Partial<ConstructorParameters<typeof StreamClient>[0]> = {}): StreamClient {
  const client = new StreamClient({ url: service.url, WebSocket, clock, random: () => 0.5, ...more });
  clients.push(client);
  return client;
}

/** The next call of this kind. */
function next<Name extends keyof StreamCalls>(client: StreamClient, name: Name): Promise<StreamCalls[Name]> {
  return new Promise((resolve) => {
    const off = client.on(name, (...args: StreamCalls[Name]) => {
      off();
      resolve(args);
    });
  });
}

async function until(client: StreamClient, kind: StreamState['kind']): Promise<StreamState> {
  while (client.state.kind !== kind) await next(client, 'state');
  return client.state;
}

/** Connects and welcomes an anonymous session. */
async function open(client: StreamClient): Promise<ServedClient> {
  client.connect();
  const served = await service.client();
  served.welcome();
  await until(client, 'open');
  return served;
}

const values = (known: Readonly<Record<number, number>>): (number | null)[] =>
  Array.from({ length: IMAGE_FIELD_COUNT }, (_, field) => known[field] ?? null);

const image = (instrument: Listed, seq: number, known: Readonly<Record<number, number>>): HeldRecord => ({
  type: 'image',
  instrument,
  epoch: 5,
  seq,
  timeUs: 1_000,
  values: values(known),
});

const update = (instrument: Listed, seq: number, known: Readonly<Record<number, number>>): HeldRecord => ({
  type: 'update',
  instrument,
  seq,
  mask: Object.keys(known).reduce((mask, field) => mask | (1 << Number(field)), 0),
  previousTimeUs: 1_000,
  timeUs: 1_000 + seq,
  values: values(known),
});

const trade = (seq: number): HeldRecord => ({
  type: 'trade',
  instrument: 'AAPL',
  seq,
  timeUs: 2_000 + seq,
  price: 10_000 + seq,
  size: 100,
  id: null,
  conditions: null,
});

describe.each<Codec>(['msgpack', 'json'])('in %s', (codec) => {
  it('computes images from an image and the updates after it', async () => {
    const client = newClient({ codec });
    const served = await open(client);
    client.subscribe(['ticker:AAPL', 'ticker:BTC/USD']);
    await served.grant();
    served.send(image('AAPL', 1, { 0: 10_000, 1: 300, 2: 10_002 }), image('BTC/USD', 8, { 4: 6_612_345 }));
    await next(client, 'image');
    const heard = next(client, 'update');
    served.send(update('AAPL', 2, { 0: 10_001 }));
    const [state, changes] = await heard;
    expect(changes).toEqual({
      type: 'update',
      sid: 17,
      symbol: 'AAPL',
      seq: 2,
      timeUs: 1_002,
      bidPrice: 100.01,
    });
    expect(state.image).toMatchObject({
      type: 'image',
      epoch: 5,
      seq: 2,
      timeUs: 1_002,
      bidPrice: 100.01,
      bidSize: 300,
      askPrice: 100.02,
      lastPrice: null,
    });
    expect(client.symbol('BTC/USD')?.image).toMatchObject({ seq: 8, lastPrice: 66_123.45 });
    expect(client.counters).toMatchObject({ images: 2, updates: 1, updatesIgnored: 0, statesSkipped: 0 });
  });

  it('ignores and counts updates of a symbol without image, and such as are not newer', async () => {
    const client = newClient({ codec });
    const served = await open(client);
    client.subscribe(['ticker:AAPL']);
    await served.grant();
    served.send(
      update('AAPL', 4, { 0: 9_000 }),
      image('AAPL', 4, { 0: 10_000 }),
      update('AAPL', 4, { 0: 1 }),
    );
    served.send(update('AAPL', 9, { 1: 5 }));
    const [state] = await next(client, 'update');
    expect(state.image).toMatchObject({ seq: 9, bidPrice: 100, bidSize: 5 });
    expect(client.counters).toMatchObject({ updates: 1, updatesIgnored: 2, statesSkipped: 4 });
  });

  it('tells trades once each and in order, and what is lost', async () => {
    const client = newClient({ codec });
    const served = await open(client);
    const seqs: number[] = [];
    const gaps: unknown[] = [];
    client.on('trade', ({ seq }) => seqs.push(seq));
    client.on('gap', (gap) => gaps.push(gap));
    client.subscribe(['trade:AAPL']);
    await served.grant({ AAPL: { epoch: 5, seq: 10 } });
    served.send(
      trade(11),
      trade(12),
      trade(12),
      { type: 'gap', sid: 17, from: 13, to: 15 },
      trade(16),
      trade(18),
    );
    served.send({ type: 'position', sid: 17, epoch: 6, seq: 0 }, trade(1));
    while (seqs.at(-1) !== 1) await next(client, 'trade');
    expect(seqs).toEqual([11, 12, 16, 18, 1]);
    expect(gaps).toEqual([
      { kind: 'lost', symbol: 'AAPL', epoch: 5, from: 13, to: 15 },
      { kind: 'lost', symbol: 'AAPL', epoch: 5, from: 17, to: 17 },
      { kind: 'new_epoch', symbol: 'AAPL', previous: [5, 18], position: [6, 0] },
    ]);
    expect(client.symbol('AAPL')?.tradePosition).toEqual([6, 1]);
    expect(client.counters).toMatchObject({ trades: 5, tradesRepeated: 1, holesUnannounced: 1 });
  });

  it('asks for everything again after a lost connection, trades from the last one that came', async () => {
    const client = newClient({ codec });
    const served = await open(client);
    client.subscribe(['ticker:AAPL', 'trade:AAPL', 'trade:BTC/USD']);
    client.subscribe(['ticker:BTC/USD'], { hz: 2 });
    await served.grant({ AAPL: { epoch: 5, seq: 10 } });
    expect(await served.grant()).toMatchObject({ hz: 2, channels: ['ticker:BTC/USD'] });
    served.send(image('AAPL', 1, { 0: 10_000 }), trade(11));
    await next(client, 'trade');
    served.cut();
    expect(await until(client, 'waiting')).toMatchObject({ code: 1006 });
    expect(client.symbol('AAPL')).toMatchObject({ image: { bidPrice: 100 } });

    clock.pass(250);
    const again = await service.client();
    again.welcome();
    const first = await again.grant({ AAPL: { epoch: 5, seq: 11 } });
    expect(first).toMatchObject({
      op: 'subscribe',
      channels: ['ticker:AAPL', 'trade:AAPL', 'trade:BTC/USD'],
      from: { 'trade:AAPL': [5, 11] },
    });
    expect(first).not.toHaveProperty('hz');
    expect(await again.grant()).toMatchObject({ hz: 2, channels: ['ticker:BTC/USD'] });
    expect(client.symbol('AAPL')).toMatchObject({ inStep: false });
    // The old image is not brought up to date by another connection's updates.
    again.send(update('AAPL', 2, { 0: 1 }), trade(12));
    await next(client, 'trade');
    expect(client.symbol('AAPL')).toMatchObject({ image: { seq: 1, bidPrice: 100 }, tradePosition: [5, 12] });
    again.send(image('AAPL', 7, { 0: 10_100 }));
    await next(client, 'image');
    expect(client.symbol('AAPL')).toMatchObject({ inStep: true, image: { seq: 7, bidPrice: 101 } });
  });
});

describe('what is said about symbols', () => {
  it('keeps status and staleness', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:AAPL', 'ticker:BTC/USD']);
    await served.grant();
    served.say({ type: 'status', sid: 17, status: 'disabled', reason: 'bad prints', version: 9 });
    served.say({ type: 'stale', sids: null, sinceUs: 77, reason: 'redis_lost' });
    await next(client, 'stale');
    expect(client.symbol('AAPL')).toMatchObject({
      status: 'disabled',
      statusReason: 'bad prints',
      stale: { sinceUs: 77, reason: 'redis_lost' },
    });
    const fresh: string[] = [];
    client.on('fresh', ({ symbol }) => fresh.push(symbol));
    served.say({ type: 'fresh', sids: [18] });
    served.say({ type: 'fresh', sids: null });
    served.say({ type: 'heartbeat', timeUs: 5, feedTimeUs: 4 });
    await next(client, 'heartbeat');
    expect(fresh).toEqual(['BTC/USD', 'AAPL']);
    expect(client.feedTimeUs).toBe(4);
  });

  it('learns symbols of a wildcard when they are announced, and forgets them with it', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:A*']);
    const { id } = await served.command();
    served.say({ type: 'subscribed', id, channels: [], errors: [], more: false });
    const rest = {
      name: '',
      group: '',
      priceScale: 2,
      sizeScale: 0,
      volumeScale: 0,
      status: 'open',
    } as const;
    served.say({ type: 'instrument', sid: 17, symbol: 'AAPL', ...rest });
    served.send(image('AAPL', 1, { 0: 10_000 }));
    await next(client, 'image');
    expect(client.symbol('AAPL')).toMatchObject({ status: 'open', image: { bidPrice: 100 } });
    client.unsubscribe(['ticker:A*']);
    expect(client.symbol('AAPL')).toBeUndefined();
    expect(await served.command()).toMatchObject({ op: 'unsubscribe', channels: ['ticker:A*'] });
    served.send(update('AAPL', 2, { 0: 1 }));
    served.say({ type: 'heartbeat', timeUs: 5, feedTimeUs: null });
    await next(client, 'heartbeat');
    expect(client.counters).toMatchObject({ recordsUnasked: 1, updatesIgnored: 1 });
  });

  it('forgets the image, not the trades, when only the ticker goes', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:AAPL', 'trade:AAPL']);
    await served.grant({ AAPL: { epoch: 5, seq: 10 } });
    served.send(image('AAPL', 1, { 0: 10_000 }));
    await next(client, 'image');
    client.unsubscribe(['ticker:AAPL', 'ticker:MSFT']);
    expect(client.symbol('AAPL')).toMatchObject({ image: null, tradePosition: [5, 10] });
    expect(await served.command()).toMatchObject({ op: 'unsubscribe', channels: ['ticker:AAPL'] });
  });

  it('tells which channels were refused, and keeps asking for them', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:NOPE']);
    const { id } = await served.command();
    const refusal = { channel: 'ticker:NOPE', code: 'unknown_symbol', message: 'No NOPE here' } as const;
    served.say({ type: 'subscribed', id, channels: [], errors: [refusal], more: false });
    expect(await next(client, 'refused')).toEqual([refusal]);
    expect(client.wanted).toEqual(['ticker:NOPE']);
  });

  it('refuses a whole command channel by channel', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:AAPL']);
    const { id } = await served.command();
    served.say({ type: 'error', id, code: 'too_many_channels', message: 'Enough' });
    expect(await next(client, 'refused')).toEqual([
      { channel: 'ticker:AAPL', code: 'too_many_channels', message: 'Enough' },
    ]);
  });
});

describe('authentication', () => {
  it('sends the token where the service wants one, then subscribes', async () => {
    const client = newClient({ token: async () => 'secret' });
    client.subscribe(['ticker:AAPL']);
    client.connect();
    const served = await service.client();
    served.welcome({ subject: null });
    const { id, ...auth } = await served.command();
    expect(auth).toEqual({ op: 'auth', token: 'secret' });
    expect(client.state).toMatchObject({ kind: 'connecting' });
    served.say({ type: 'authenticated', id, subject: 'desk-7' });
    expect(await until(client, 'open')).toMatchObject({ subject: 'desk-7' });
    expect(await served.command()).toMatchObject({ op: 'subscribe', channels: ['ticker:AAPL'] });
  });

  it('is over when the token is wrong', async () => {
    const client = newClient({ token: 'wrong' });
    client.connect();
    const served = await service.client();
    served.welcome({ subject: null });
    const { id } = await served.command();
    served.say({ type: 'error', id, code: 'bad_token', message: 'No' });
    expect(await until(client, 'closed')).toEqual({ kind: 'closed', code: 4001, reason: 'bad_token' });
  });

  it('is over when there is no token', async () => {
    const client = newClient();
    client.connect();
    (await service.client()).welcome({ subject: null });
    expect(await until(client, 'closed')).toMatchObject({ code: 4001 });
  });

  it('tries again later when the source of tokens fails', async () => {
    const client = newClient({ token: () => Promise.reject(new Error('vault is down')) });
    client.connect();
    (await service.client()).welcome({ subject: null });
    expect(await until(client, 'waiting')).toMatchObject({ reason: 'No token: vault is down' });
  });
});

describe('coming back', () => {
  it.each([
    [4000, 'protocol_error'],
    [4001, 'unauthenticated'],
    [4003, 'forbidden'],
  ])('does not after %i', async (code, reason) => {
    const client = newClient();
    (await open(client)).close(code, reason);
    expect(await until(client, 'closed')).toEqual({ kind: 'closed', code, reason });
  });

  it.each([
    [4100, 125],
    [4200, 0],
    [1012, 125],
    [1000, 125],
  ])('does after %i', async (code, delayMs) => {
    const client = newClient();
    (await open(client)).close(code);
    expect(await until(client, 'waiting')).toMatchObject({ code, retryAtMs: clock.nowMs() + delayMs });
  });

  it('stays away as long as goodbye says, and tells why', async () => {
    const client = newClient();
    const served = await open(client);
    served.say({ type: 'goodbye', reason: 'service_restart', retryAfterMs: 1_234 });
    served.close(1012);
    expect(await until(client, 'waiting')).toMatchObject({
      code: 1012,
      reason: 'service_restart',
      retryAtMs: clock.nowMs() + 1_234,
    });
  });

  it('waits longer each time, until a heartbeat has shown a good connection', async () => {
    const client = newClient();
    client.connect();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      const served = await service.client();
      if (attempt === 7) {
        served.welcome();
        served.say({ type: 'heartbeat', timeUs: 1, feedTimeUs: null });
        await next(client, 'heartbeat');
      }
      served.cut();
      const state = await until(client, 'waiting');
      waits.push(state.kind === 'waiting' ? state.retryAtMs - clock.nowMs() : Number.NaN);
      clock.pass(waits.at(-1)!);
    }
    expect(waits).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 8_000, 125, 250]);
    expect(client.counters.connections).toBe(10);
  });

  it('comes back at once when told to', async () => {
    const client = newClient();
    (await open(client)).cut();
    await until(client, 'waiting');
    client.retryNow();
    (await service.client()).welcome();
    await until(client, 'open');
  });

  it('gives a silent connection up after two and a half heartbeats', async () => {
    const client = newClient();
    const served = await open(client);
    clock.pass(HEARTBEAT_MS * 2);
    served.say({ type: 'heartbeat', timeUs: 1, feedTimeUs: null });
    await next(client, 'heartbeat');
    clock.pass(HEARTBEAT_MS * 2.4);
    expect(client.state.kind).toBe('open');
    clock.pass(HEARTBEAT_MS * 0.1);
    expect(client.state).toMatchObject({ kind: 'waiting', reason: 'No message for 2500 ms' });
    await served.closed;
  });

  it('gives a service up that accepts the socket and says nothing', async () => {
    const client = newClient();
    client.connect();
    await service.client();
    clock.pass(9_999);
    expect(client.state.kind).toBe('connecting');
    clock.pass(1);
    expect(client.state).toMatchObject({ kind: 'waiting', code: 1006 });
  });

  it('leaves a service whose messages it cannot read, and comes back', async () => {
    const client = newClient();
    const served = await open(client);
    served.raw(Uint8Array.of(0xc1));
    expect(await until(client, 'waiting')).toMatchObject({ reason: expect.stringContaining('Undecodable') });
    expect(await served.closed).toEqual({ code: 4000 });
  });

  it('ends for good when told to, in any state, and begins again when told to', async () => {
    const client = newClient();
    const served = await open(client);
    client.close();
    expect(client.state).toMatchObject({ kind: 'closed', code: 1000 });
    expect(await served.closed).toEqual({ code: 1000 });
    client.connect();
    (await service.client()).cut();
    await until(client, 'waiting');
    client.close();
    expect(client.state.kind).toBe('closed');
    clock.pass(60_000);
    expect(client.counters.connections).toBe(2);
    await open(client);
  });
});

describe('commands', () => {
  it('share one message when they are asked for in one go', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:AAPL']);
    client.subscribe(['trade:AAPL', 'ticker:MSFT']);
    client.unsubscribe(['ticker:MSFT']);
    expect(await served.command()).toMatchObject({ op: 'unsubscribe', channels: ['ticker:MSFT'] });
    expect(await served.command()).toMatchObject({ channels: ['ticker:AAPL', 'trade:AAPL'] });
    expect(served.untaken).toBe(0);
  });

  it('are cut and spaced as the limits of the service say', async () => {
    const client = newClient();
    client.subscribe(Array.from({ length: 9 }, (_, i) => `ticker:S${i}`));
    client.connect();
    const served = await service.client();
    served.welcome({ limits: { channelsPerCommandMax: 2, commandBurst: 6, commandsPerSecond: 5 } });
    const channels: string[] = [];
    for (let i = 0; i < 3; i++) channels.push(...((await served.command()).channels ?? []));
    expect(channels).toEqual(['ticker:S0', 'ticker:S1', 'ticker:S2', 'ticker:S3', 'ticker:S4', 'ticker:S5']);
    // Half of the burst is used; from here on four a second.
    clock.pass(249);
    expect(served.untaken).toBe(0);
    clock.pass(1);
    expect((await served.command()).channels).toEqual(['ticker:S6', 'ticker:S7']);
    clock.pass(250);
    expect((await served.command()).channels).toEqual(['ticker:S8']);
  });

  it('are said again after a pause when they came too fast', async () => {
    const client = newClient();
    const served = await open(client);
    client.subscribe(['ticker:AAPL', 'ticker:MSFT']);
    await served.command();
    served.say({ type: 'error', id: null, code: 'too_many_commands', message: 'Slow down' });
    served.say({ type: 'heartbeat', timeUs: 1, feedTimeUs: null });
    await next(client, 'heartbeat');
    client.unsubscribe(['ticker:MSFT']);
    await Promise.resolve();
    expect(served.untaken).toBe(0);
    clock.pass(2_000);
    const said = [await served.command(), await served.command()];
    expect(said.map(({ op, channels }) => [op, channels])).toEqual([
      ['unsubscribe', ['ticker:MSFT']],
      ['subscribe', ['ticker:AAPL']],
    ]);
  });

  it('refuse at once what is no channel', () => {
    expect(() => newClient().subscribe(['ticker:aapl'])).toThrow(/kind:symbol/);
  });
});

it('reports a listener that throws, and goes on', async () => {
  const reported: unknown[] = [];
  const client = newClient({ report: (error) => reported.push(error) });
  const served = await open(client);
  const fault = new Error('a chart failed');
  client.on('image', () => {
    throw fault;
  });
  client.subscribe(['ticker:AAPL']);
  await served.grant();
  served.send(image('AAPL', 1, { 0: 10_000 }), update('AAPL', 2, { 0: 10_001 }));
  await next(client, 'update');
  expect(reported).toEqual([fault]);
});

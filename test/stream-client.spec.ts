/** The client on a real service: what it computes is what the service has, whatever happens to the connection. */

import { WebSocket } from 'ws';
import { type Codec, StreamClient, type SymbolState } from '#client';
import { CLOSE_CODES } from '#wire';
import { startTickcast, type Tickcast } from './support/tickcast.js';

const ADMIN_KEY = 'operator-of-the-client-test';
const FEED_KEY = 'feed-of-the-client-test';
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'BTC-USD', 'TEST'];

let tickcast: Tickcast;
let clients: StreamClient[] = [];

beforeAll(async () => {
  tickcast = await startTickcast({
    env: { TICKCAST_ADMIN_KEY: ADMIN_KEY, TICKCAST_FEED_KEY: FEED_KEY, TICKCAST_SIMULATOR_RATE: '2000' },
  });
}, 120_000);

afterEach(() => {
  for (const client of clients) client.close();
  clients = [];
});

afterAll(async () => {
  await tickcast?.stop();
});

/** The socket that a client has now, to cut it. */
let socket: WebSocket | undefined;
class CuttableSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    socket = this;
  }
}

function connect(codec: Codec = 'msgpack'): StreamClient {
  const url = `${tickcast.url.replace('http', 'ws')}/v1/stream`;
  const client = new StreamClient({ url, codec, WebSocket: CuttableSocket });
  clients.push(client);
  client.connect();
  return client;
}

async function post(path: string, key: string, body: unknown): Promise<void> {
  const response = await fetch(`${tickcast.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok || /"rejected":\[\{/.test(text)) throw new Error(`${path}: ${response.status} ${text}`);
}

const newSymbol = (symbol: string) =>
  post('/v1/admin/symbols', ADMIN_KEY, {
    symbol,
    name: 'Client test',
    group: 'test',
    priceScale: 2,
    sizeScale: 0,
    volumeScale: 0,
    reason: 'a test',
  });

/** Resolves when this holds after some call of the client. */
function until(client: StreamClient, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (!holds()) return;
      for (const off of offs) off();
      resolve();
    };
    const calls = ['state', 'image', 'update', 'trade', 'gap', 'status', 'refused', 'heartbeat'] as const;
    const offs = calls.map((call) => client.on(call, check));
    check();
  });
}

/** Every state that a client went through, by symbol, epoch and seq. */
function recorded(client: StreamClient): Map<string, unknown> {
  const states = new Map<string, unknown>();
  const record = ({ symbol, image }: SymbolState): void => {
    if (image !== null) states.set(`${symbol} ${image.epoch} ${image.seq}`, { ...image });
  };
  client.on('image', record);
  client.on('update', record);
  return states;
}

it('agrees with the image of whoever subscribes later, in either codec', async () => {
  const early = [connect('msgpack'), connect('json')];
  const channels = SYMBOLS.map((symbol) => `ticker:${symbol}`);
  const states = early.map((client) => {
    client.subscribe(channels);
    return recorded(client);
  });
  for (let round = 1; round <= 8; round++) {
    await until(early[0]!, () => early[0]!.counters.updates >= round * 25);
    const late = connect(round % 2 === 0 ? 'json' : 'msgpack');
    late.subscribe(channels);
    await until(late, () => SYMBOLS.every((symbol) => late.symbol(symbol)?.image != null));
    for (const symbol of SYMBOLS) {
      const image = { ...late.symbol(symbol)!.image! };
      const name = `${symbol} ${image.epoch} ${image.seq}`;
      for (const [i, client] of early.entries()) {
        await until(client, () => (client.symbol(symbol)?.image?.seq ?? -1) >= image.seq);
        expect([name, states[i]!.get(name)]).toEqual([name, image]);
      }
    }
    late.close();
  }
  for (const client of early) expect(client.counters).toMatchObject({ updatesIgnored: 0, recordsUnasked: 0 });
}, 60_000);

it.each<Codec>(['msgpack', 'json'])(
  'gets every trade once over cut connections, in %s',
  async (codec) => {
    const symbol = `CUT-${codec.toUpperCase()}`;
    await newSymbol(symbol);
    const client = connect(codec);
    const ids: (string | null)[] = [];
    const gaps: unknown[] = [];
    client.on('trade', ({ id }) => ids.push(id));
    client.on('gap', (gap) => gaps.push(gap));
    client.subscribe([`trade:${symbol}`]);
    await until(client, () => client.symbol(symbol) !== undefined);
    const sent: string[] = [];
    const trades = async (count: number): Promise<void> => {
      const batch = Array.from({ length: count }, (_, i) => String(sent.length + i + 1));
      sent.push(...batch);
      await post(
        '/v1/ticks',
        FEED_KEY,
        batch.map((tradeId) => ({
          type: 'trade',
          symbol,
          price: Number(tradeId),
          size: 1,
          tradeId,
        })),
      );
    };
    await trades(3);
    await until(client, () => ids.length === 3);
    for (let round = 0; round < 3; round++) {
      socket!.terminate();
      await until(client, () => client.state.kind === 'waiting');
      await trades(20);
      client.retryNow();
      await trades(20);
      await until(client, () => ids.length >= sent.length);
    }
    expect(ids).toEqual(sent);
    expect(gaps).toEqual([]);
    expect(client.counters).toMatchObject({ tradesRepeated: 0, holesUnannounced: 0 });
  },
  60_000,
);

it('is told of a disabled symbol, and gets its image when it is enabled', async () => {
  await newSymbol('SWITCHED');
  const quote = { type: 'quote', symbol: 'SWITCHED', bidPrice: 10, bidSize: 1, askPrice: 11, askSize: 1 };
  await post('/v1/ticks', FEED_KEY, [quote]);
  const client = connect();
  client.subscribe(['ticker:SWITCHED']);
  await until(client, () => client.symbol('SWITCHED')?.image != null);
  await post('/v1/admin/symbols/SWITCHED/disable', ADMIN_KEY, { reason: 'bad prints' });
  await until(client, () => client.symbol('SWITCHED')?.status === 'disabled');
  expect(client.symbol('SWITCHED')).toMatchObject({ statusReason: 'bad prints' });
  const late = connect('json');
  late.subscribe(['ticker:SWITCHED']);
  await until(late, () => late.symbol('SWITCHED') !== undefined);
  expect(late.symbol('SWITCHED')).toMatchObject({ status: 'disabled', image: null });
  await post('/v1/admin/symbols/SWITCHED/enable', ADMIN_KEY, { reason: 'mended' });
  await until(late, () => late.symbol('SWITCHED')?.image != null);
  expect(late.symbol('SWITCHED')).toMatchObject({ status: 'open', image: { bidPrice: 10, askPrice: 11 } });
});

it('hears which symbols nobody has', async () => {
  const client = connect();
  const refused: string[] = [];
  client.on('refused', ({ channel, code }) => refused.push(`${channel} ${code}`));
  client.subscribe(['ticker:NOPE1', 'ticker:AAPL']);
  await until(client, () => refused.length > 0 && client.symbol('AAPL') !== undefined);
  expect(refused).toEqual(['ticker:NOPE1 unknown_symbol']);
});

it('is let in with a token only where the service wants one', async () => {
  const guarded = await startTickcast({
    env: { TICKCAST_ANONYMOUS: 'off', TICKCAST_CLIENT_KEY: 'let-me-in' },
  });
  try {
    const url = `${guarded.url.replace('http', 'ws')}/v1/stream`;
    const stranger = new StreamClient({ url, WebSocket, token: 'wrong' });
    stranger.connect();
    await until(stranger, () => stranger.state.kind === 'closed');
    expect(stranger.state).toMatchObject({ code: CLOSE_CODES.unauthenticated });
    const known = new StreamClient({ url, WebSocket, token: 'let-me-in' });
    clients.push(known);
    known.subscribe(['ticker:AAPL']);
    known.connect();
    await until(known, () => known.symbol('AAPL')?.image != null);
  } finally {
    for (const client of clients) client.close();
    await guarded.stop();
  }
}, 60_000);

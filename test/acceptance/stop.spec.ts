/** SIGTERM: readiness first, then the clients, then the feeds; nothing accepted is lost; it ends by itself. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler, type RawTick } from '../support/feed-handler.js';
import { ADMIN_KEY, FEED_KEY, http, Installation } from '../support/installation.js';
import { StreamPeer } from '../support/stream-peer.js';
import { startTickcast, type Tickcast } from '../support/tickcast.js';
import { poll } from '../support/waiters.js';

/** Long enough to look at what happens in it on a busy machine. */
const DRAIN = {
  TICKCAST_DRAIN_MS: '4000',
  TICKCAST_DRAIN_SPREAD_MS: '300',
  TICKCAST_RECONNECT_SPREAD_MS: '700',
};
const SYMBOLS = ['ST-A', 'ST-B', 'ST-C'];
const SEED = Object.fromEntries(['ST-BODY', ...SYMBOLS].map((symbol) => [symbol, [2, 0, 0] as const]));

const trade = (symbol: string, tradeId: string): RawTick => ({
  ...{ type: 'trade', symbol, price: 7.5, size: 2, tradeId },
});

/** Trades without a break until it is told to stop; what is not acknowledged stays with the handler. */
class Pusher {
  readonly idsBySeq = new Map<number, readonly [symbol: string, id: string][]>();
  private over = false;
  private running: Promise<void> | undefined;
  private count = 0;

  constructor(readonly handler: FeedHandler) {}

  start(): void {
    this.running = this.run();
  }

  private async run(): Promise<void> {
    for (; !this.over; await sleep(3)) {
      const ids = Array.from(
        { length: 8 },
        (_, i) => [SYMBOLS[i % SYMBOLS.length]!, `${this.handler.session}-${++this.count}`] as const,
      );
      this.idsBySeq.set(this.handler.push(ids.map(([symbol, id]) => trade(symbol, id))), ids as never);
    }
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
  }

  /** Ids of batches, by symbol. */
  ids(symbol: string, includes: (seq: number) => boolean): string[] {
    return [...this.idsBySeq].flatMap(([seq, ids]) =>
      includes(seq) ? ids.filter(([one]) => one === symbol).map(([, id]) => id) : [],
    );
  }
}

const isReady = async ({ url }: Tickcast) => (await http(`${url}/ready`)).status === 200;

/** Readiness fails while its clients are still served. */
async function expectReadinessFirst(going: Tickcast, peers: readonly StreamPeer[]): Promise<void> {
  await poll(
    'readiness to fail',
    () => isReady(going),
    (ready) => !ready,
  );
  for (const peer of peers) {
    expect([peer.isClosed, peer.goodbye]).toEqual([false, null]);
    const { updates, trades } = peer.state;
    await peer.until('further records', () => peer.state.updates > updates && peer.state.trades > trades);
    expect(peer.goodbye).toBeNull();
  }
  // The proxy has yet to notice: whoever is still sent here is let in, and told with the others.
  const late = await StreamPeer.open(going.url);
  await expectGoodbye(late);
}

async function expectGoodbye(peer: StreamPeer): Promise<void> {
  expect(await peer.closed).toEqual({ code: 1012, reason: 'service_restart' });
  expect(peer.goodbye).toMatchObject({ reason: 'service_restart' });
  expect(peer.goodbye!.retryAfterMs).toBeGreaterThanOrEqual(0);
  expect(peer.goodbye!.retryAfterMs).toBeLessThan(700);
  expect(peer.state.faults).toEqual([]);
}

const UPLOAD = {
  'content-type': 'application/x-ndjson',
  'tickcast-source': 'venue',
  'tickcast-session': 'upload',
  'tickcast-sequence': '1',
};
/** Lines of the upload from one place on, their ids being their numbers. */
const linesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify(trade('ST-BODY', String(first + i)))}\n`).join(
    '',
  );

/** An upload that never ends by itself. Resolves with its answer. */
function endlessUpload({ url }: Tickcast): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${FEED_KEY}`, ...UPLOAD };
    const upload = request(`${url}/v1/ticks`, { method: 'POST', headers });
    let line = 1;
    const timer = setInterval(() => {
      upload.write(linesFrom(line, 70));
      line += 70;
    }, 20);
    upload.on('response', (response) => {
      clearInterval(timer);
      let body = '';
      response.on('data', (text) => (body += text));
      response.on('close', () => {
        upload.destroy();
        resolve({ status: response.statusCode!, body });
      });
    });
    upload.on('error', (error) => {
      clearInterval(timer);
      reject(error);
    });
  });
}

function expectCleanEnd(gone: Tickcast): void {
  expect(gone.output()).toContain('"msg":"stopped"');
  expect(gone.output()).not.toMatch(/"level":[56]0/);
}

describe('SIGTERM on Redis', () => {
  let installation: Installation;
  let going: Tickcast;
  let gateway: Tickcast;
  beforeAll(async () => {
    installation = await Installation.begin(SEED);
    going = await installation.start(DRAIN);
    gateway = await installation.start({ TICKCAST_ROLES: 'gateway' });
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  it('fails readiness first, sends clients away with 1012, loses nothing accepted, and ends with code 0', async () => {
    const witness = await StreamPeer.open(gateway.url);
    await witness.subscribe(['trade:*']);
    const pusher = new Pusher(new FeedHandler('venue', 'until-the-end', 'msgpack'));
    await pusher.handler.connect(going.url);
    pusher.start();
    const peers = await Promise.all(
      (['json', 'msgpack'] as const).map(async (codec) => {
        const peer = await StreamPeer.open(going.url, { codec });
        await peer.subscribe(['ticker:*', 'trade:*']);
        await peer.until('trades', () => peer.state.trades > 50);
        return peer;
      }),
    );
    // One that reads nothing, an upload without end, and a connection without a request: none may hold it.
    const stuck = await StreamPeer.open(going.url);
    await stuck.subscribe(['ticker:*', 'trade:*']);
    stuck.pause();
    const upload = endlessUpload(going);
    await http(`${going.url}/live`, { headers: { connection: 'keep-alive' } });

    going.kill('SIGTERM');
    await expectReadinessFirst(going, peers);
    for (const peer of peers) await expectGoodbye(peer);
    const uploaded = await upload;
    expect(uploaded.status).toBe(503);
    expect(JSON.parse(uploaded.body)).toMatchObject({ code: 'stopping', rejected: [] });
    expect((await pusher.handler.closed).code).toBe(1012);
    expect(pusher.handler.goodbye).toBe(true);
    expect(await going.exited).toEqual({ code: 0, signal: null });
    expectCleanEnd(going);
    await pusher.stop();
    stuck.terminate();

    // What was acknowledged was published to the other gateway before the process went.
    const isAcked = (seq: number) => pusher.handler.acks.has(seq);
    expect(pusher.handler.acks.size).toBeGreaterThan(20);
    for (const symbol of SYMBOLS) {
      const acked = pusher.ids(symbol, isAcked);
      const state = witness.state.of(symbol);
      await witness.until('what was acknowledged', () => state.trades.length >= acked.length);
      expect(state.trades.slice(0, acked.length).map(({ id }) => id)).toEqual(acked);
    }
    const { storedLines } = JSON.parse(uploaded.body);
    await expectAfterRestart(pusher, witness, storedLines);
  }, 90_000);

  async function expectAfterRestart(pusher: Pusher, witness: StreamPeer, uploaded: number): Promise<void> {
    const next = await installation.start();
    await pusher.handler.connect(next.url);
    await pusher.handler.allAcknowledged();
    expect(pusher.handler.faults).toEqual([]);
    const fresh = await StreamPeer.open(next.url, { codec: 'json' });
    await fresh.subscribe(['ticker:*']);
    for (const symbol of SYMBOLS) {
      const all = pusher.ids(symbol, () => true);
      await fresh.untilImages([symbol]);
      const image = () => fresh.state.of(symbol).image!.values;
      await fresh.until('all trades in the image', () => image().tradeCount === all.length);
      expect(image()).toMatchObject({ tradeCount: all.length, volume: 2 * all.length });
      const state = witness.state.of(symbol);
      await witness.until('all trades', () => state.trades.length >= all.length);
      expect(state.trades.map(({ id }) => id)).toEqual(all);
    }
    // The upload goes on here behind what the process that went had stored.
    const headers = { ...UPLOAD, 'tickcast-first-line': String(uploaded + 1) };
    const rest = { key: FEED_KEY, headers, body: linesFrom(uploaded + 1, 300) };
    expect(await http(`${next.url}/v1/ticks`, rest)).toMatchObject({ status: 200, body: { accepted: 300 } });
    const body = witness.state.of('ST-BODY');
    await witness.until('all lines', () => body.trades.length >= uploaded + 300);
    expect(body.trades.map(({ id }) => id)).toEqual(body.trades.map((_, i) => String(i + 1)));
    await fresh.until('all lines in the image', () => {
      return fresh.state.of('ST-BODY').image?.values.tradeCount === uploaded + 300;
    });
    expect([witness.state.faults, fresh.state.faults]).toEqual([[], []]);
  }
});

describe('SIGTERM embedded', () => {
  it('does the same, but what it had goes with it', async () => {
    const going = await startTickcast({
      env: { ...DRAIN, TICKCAST_ADMIN_KEY: ADMIN_KEY, TICKCAST_FEED_KEY: FEED_KEY },
    });
    const peers = await Promise.all(
      (['json', 'msgpack'] as const).map(async (codec) => {
        const peer = await StreamPeer.open(going.url, { codec });
        await peer.subscribe(['ticker:*', 'trade:*']);
        await peer.until('trades', () => peer.state.trades > 20);
        return peer;
      }),
    );
    const handler = new FeedHandler('venue', 'embedded');
    await handler.connect(going.url);
    const body = [{ type: 'trade', symbol: 'AAPL', price: 1, size: 1, tradeId: 'last' }];
    going.kill('SIGTERM');
    await expectReadinessFirst(going, peers);
    // Feeds are still served: what they bring is acknowledged.
    expect(await handler.acknowledged(handler.push(body))).toMatchObject({ accepted: 1 });
    for (const peer of peers) await expectGoodbye(peer);
    expect((await handler.closed).code).toBe(1012);
    expect(handler.goodbye).toBe(true);
    expect(await going.exited).toEqual({ code: 0, signal: null });
    expectCleanEnd(going);
  }, 60_000);
});

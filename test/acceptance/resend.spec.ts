/**
 * Feed handlers that lose replies, connections and processes, and send again: no trade is doubled, none is lost. What
 * counts is what a trade subscriber got, and the figures of the image.
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler, type RawTick } from '../support/feed-handler.js';
import { FEED_KEY, http, Installation, metrics, switchSymbol, total } from '../support/installation.js';
import { Seeded } from '../support/seeded.js';
import { StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';

const SYMBOLS = ['RS-A', 'RS-B', 'RS-C', 'RS-D'];
const SEED = Object.fromEntries(
  [...SYMBOLS, 'RS-HTTP', 'RS-KILL', 'RS-OFF', 'RS-OFF-TOO'].map((name) => [name, [2, 0, 0] as const]),
);

describe('feed handlers that send again', () => {
  let installation: Installation;
  let main: Tickcast;
  let otherFeed: Tickcast;
  let gateway: Tickcast;
  let peer: StreamPeer;

  beforeAll(async () => {
    installation = await Installation.begin(SEED);
    main = await installation.start();
    [otherFeed, gateway] = await Promise.all([
      installation.start({ TICKCAST_ROLES: 'feed' }),
      installation.start({ TICKCAST_ROLES: 'gateway' }),
    ]);
    peer = await StreamPeer.open(gateway.url);
    await peer.subscribe(['trade:*', 'ticker:*']);
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  const trade = (symbol: string, tradeId: string): RawTick => ({
    ...{ type: 'trade', symbol, price: 10.25, size: 3, tradeId },
  });

  /** Expects exactly these trades, in this order, and figures of the image that count each once. */
  async function expectTrades(ids: ReadonlyMap<string, readonly string[]>): Promise<void> {
    for (const [symbol, expected] of ids) {
      const state = peer.state.of(symbol);
      const last = expected.at(-1);
      await peer.until(`${last} of ${symbol}`, () => state.trades.at(-1)?.id === last);
      expect(state.trades.map(({ id }) => id)).toEqual(expected);
      const fresh = await StreamPeer.open(gateway.url, { codec: 'json' });
      await fresh.subscribe([`ticker:${symbol}`]);
      const image = () => fresh.state.of(symbol).image?.values;
      await fresh.until('all trades in the image', () => (image()?.tradeCount ?? 0) >= expected.length);
      expect(image()).toMatchObject({ tradeCount: expected.length, volume: expected.length * 3 });
      await fresh.close();
    }
    expect(peer.state.faults).toEqual([]);
  }

  /** The ids that one life of a handler sends, by symbol. */
  class Sent {
    readonly ids = new Map<string, string[]>(SYMBOLS.map((symbol) => [symbol, []]));
    private count = 0;

    batch(prefix: string, seeded: Seeded): RawTick[] {
      return Array.from({ length: seeded.integer(1, 40) }, () => {
        const symbol = seeded.pick(SYMBOLS);
        const id = `${prefix}-${++this.count}`;
        this.ids.get(symbol)!.push(id);
        return trade(symbol, id);
      });
    }
  }

  it('neither doubles nor loses a trade over cut connections, other processes and a new life of the handler', async () => {
    const seeded = new Seeded(20_261);
    const sent = new Sent();
    const feeds = [main, otherFeed];
    for (const [session, codec] of [
      ['life-1', 'json'],
      // Restarted: it counts from 1 again, under a new session.
      ['life-2', 'msgpack'],
    ] as const) {
      const handler = new FeedHandler('nyse', session, codec);
      await handler.connect(main.url);
      for (let round = 0; round < 30; round++) {
        for (let i = seeded.integer(1, 6); i > 0; i--) handler.push(sent.batch(session, seeded));
        if (seeded.chance(0.3)) await handler.allAcknowledged();
        // Before the batch is read, while it waits for its append, or after the reply has left.
        else if (seeded.chance(0.8)) await sleep(seeded.integer(0, 14));
        handler.cut();
        await handler.connect(seeded.pick(feeds).url);
      }
      await handler.allAcknowledged();
      expect(handler.faults).toEqual([]);
      await handler.close();
    }
    await expectTrades(sent.ids);
    // Some were stored twice indeed, or the test shows nothing.
    expect((await metrics(main)).get('tickcast_owner_repeated_ticks_total')).toBeGreaterThan(0);
  }, 90_000);

  it('takes the same upload again after its answer was lost, here and elsewhere', async () => {
    const seeded = new Seeded(7);
    const ids: string[] = [];
    for (let sequence = 1; sequence <= 8; sequence++) {
      const lines = Array.from({ length: 1_203 }, (_, i) => `h${sequence}-${i}`);
      ids.push(...lines);
      const body = lines.map((id) => JSON.stringify(trade('RS-HTTP', id))).join('\n');
      const headers = {
        'content-type': 'application/x-ndjson',
        'tickcast-source': 'nightly',
        'tickcast-session': 'uploads',
        'tickcast-sequence': String(sequence),
      };
      await uploadCutOff(main, headers, body, seeded);
      await uploadCutOff(otherFeed, headers, body.slice(0, seeded.integer(0, body.length)), seeded);
      const answers = [];
      for (const { url } of [otherFeed, main]) answers.push(await uploaded(`${url}/v1/ticks`, headers, body));
      for (const { body: answer } of answers)
        expect(answer).toMatchObject({ accepted: 1_203, rejectedTotal: 0, storedLines: 1_203 });
    }
    await expectTrades(new Map([['RS-HTTP', ids]]));
  }, 90_000);

  /** Repeats a busy or still occupied upload until it is through, as the page says. */
  async function uploaded(url: string, headers: Record<string, string>, body: string) {
    for (;;) {
      const answer = await http(url, { key: FEED_KEY, headers, body });
      if (answer.status === 200) return answer;
      expect([409, 503]).toContain(answer.status);
      await sleep(100);
    }
  }

  /** Sends an upload and goes away without waiting for its answer. */
  async function uploadCutOff(to: Tickcast, headers: Record<string, string>, body: string, seeded: Seeded) {
    const upload = request(`${to.url}/v1/ticks`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${FEED_KEY}`, 'content-length': 10_000_000 },
    });
    upload.on('error', () => undefined);
    upload.write(body);
    await sleep(seeded.integer(0, 30));
    upload.destroy();
  }

  it('loses nothing that it acknowledged, and doubles nothing, when a feed process is killed', async () => {
    const seeded = new Seeded(99);
    const handler = new FeedHandler('nyse', 'killed', 'msgpack');
    const ids: string[] = [];
    for (let round = 0; round < 3; round++) {
      const victim = await installation.start({ TICKCAST_ROLES: 'feed' });
      await handler.connect(victim.url);
      for (let i = 0; i < 20; i++) {
        const batch = Array.from({ length: 10 }, (_, at) => `k${round}-${i}-${at}`);
        ids.push(...batch);
        handler.push(batch.map((id) => trade('RS-KILL', id)));
        await sleep(seeded.integer(0, 6));
      }
      victim.kill('SIGKILL');
      await handler.closed;
      await handler.connect(otherFeed.url);
      await handler.allAcknowledged();
      handler.cut();
    }
    expect(handler.faults).toEqual([]);
    await expectTrades(new Map([['RS-KILL', ids]]));
    expect(total(await metrics(otherFeed), 'tickcast_feed_ticks_rejected_total')).toBe(0);
  }, 90_000);

  it('answers a repeat like the batch itself, though a symbol was switched on meanwhile', async () => {
    const handler = new FeedHandler('nyse', 'switched');
    await switchSymbol(main, 'RS-OFF', 'disable');
    await handler.connect(main.url);
    const first = await handler.acknowledged(
      handler.push([trade('RS-OFF', 'no'), trade('RS-OFF-TOO', 'yes')]),
    );
    expect(first).toMatchObject({ accepted: 1, rejected: [{ index: 0, reason: 'symbol_disabled' }] });
    handler.cut();
    await switchSymbol(main, 'RS-OFF', 'enable');
    const again = new FeedHandler('nyse', 'switched');
    await again.connect(main.url);
    expect(await again.acknowledged(again.push([trade('RS-OFF', 'no'), trade('RS-OFF-TOO', 'yes')]))).toEqual(
      first,
    );
    await again.acknowledged(again.push([trade('RS-OFF', 'new'), trade('RS-OFF-TOO', 'new')]));
    await expectTrades(
      new Map([
        ['RS-OFF', ['new']],
        ['RS-OFF-TOO', ['yes', 'new']],
      ]),
    );
    await again.close();
  }, 60_000);
});

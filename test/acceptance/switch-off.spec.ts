/**
 * An operator switches a symbol off on one process: it is silent on every gateway, also on one that was cut off from
 * Redis at that moment, and comes back on all of them without anyone subscribing again.
 *
 * The registry is compared with Redis once in ten minutes here, instead of every 5 s: only what is announced, or found
 * out by a reconnect, can silence a symbol in time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler, type RawTick } from '../support/feed-handler.js';
import { FEED_KEY, http, Installation, switchSymbol } from '../support/installation.js';
import type { StreamRecord } from '../support/records.js';
import { StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';
import { TcpProxy } from './support/tcp-proxy.js';

const SWITCHED = 'SW-OFF';
const STEADY = 'SW-ON';
const LATE = 'SW-LATE';

describe('a symbol that is switched off', () => {
  let installation: Installation;
  let wire: TcpProxy;
  let main: Tickcast;
  let near: Tickcast;
  /** Its Redis is behind the wire. */
  let far: Tickcast;
  let peers: { readonly peer: StreamPeer; readonly seen: StreamRecord[] }[];
  let handler: FeedHandler;
  let pushing: Promise<void>;
  let over = false;
  /** Ids of the trades of SWITCHED that were accepted, in order. */
  const accepted: string[] = [];

  beforeAll(async () => {
    const scales = [2, 0, 0] as const;
    installation = await Installation.begin(
      { [SWITCHED]: scales, [STEADY]: scales, [LATE]: scales },
      { TICKCAST_RECONCILE_MS: '600000' },
    );
    wire = await TcpProxy.to(installation.redis.port);
    main = await installation.start();
    [near, far] = await Promise.all([
      installation.start({ TICKCAST_ROLES: 'gateway' }),
      installation.start({ TICKCAST_ROLES: 'gateway', REDIS_URL: `redis://127.0.0.1:${wire.port}` }),
    ]);
    handler = new FeedHandler('switched', 'one');
    await handler.connect(main.url);
    pushing = push();
    peers = [];
    for (const { url } of [main, near, far]) {
      for (const codec of ['json', 'msgpack'] as const) {
        const seen: StreamRecord[] = [];
        const peer = await StreamPeer.open(url, { codec, onRecord: (record) => seen.push(record) });
        const channels = ['ticker', 'trade'].flatMap((kind) => [`${kind}:${SWITCHED}`, `${kind}:${STEADY}`]);
        await peer.subscribe(channels);
        await peer.untilImages([SWITCHED, STEADY]);
        peers.push({ peer, seen });
      }
    }
  }, 120_000);
  afterAll(async () => {
    over = true;
    await pushing;
    await handler?.close();
    wire?.mend();
    await installation?.end();
    await wire?.close();
  }, 60_000);

  /** Quotes and trades of both symbols without a break; what is answered says what was accepted. */
  async function push(): Promise<void> {
    for (let n = 1; !over; n++) {
      const ticks = [SWITCHED, STEADY].flatMap((symbol): RawTick[] => [
        { type: 'quote', symbol, bidPrice: n / 100, bidSize: n, askPrice: (n + 1) / 100, askSize: n },
        { type: 'trade', symbol, price: n / 100, size: 1, tradeId: String(n) },
      ]);
      const { rejected } = await handler.acknowledged(handler.push(ticks));
      if (rejected.length === 0) accepted.push(String(n));
      for (const { index, reason } of rejected) if (index > 1 || reason !== 'symbol_disabled') over = true;
      await sleep(5);
    }
  }

  const ofGateway = (tickcast: Tickcast) => peers.slice([main, near, far].indexOf(tickcast) * 2).slice(0, 2);
  const isOff = (peer: StreamPeer) => peer.state.of(SWITCHED).status === 'disabled';

  /** Resolves when a client has got so many more updates of the symbol that stays on. */
  async function untilSteady(peer: StreamPeer, count: number): Promise<void> {
    const state = peer.state.of(STEADY);
    const before = state.updates + state.images;
    await peer.until('updates of the other symbol', () => state.updates + state.images >= before + count);
  }

  /** Nothing of the switched symbol may come while the other one goes on. PeerState takes it for a breach. */
  async function expectSilence(): Promise<void> {
    const count = () =>
      peers.map(({ peer }) => peer.state.of(SWITCHED)).map((s) => s.updates + s.images + s.trades.length);
    const before = count();
    await Promise.all(peers.map(({ peer }) => untilSteady(peer, 10)));
    expect(count()).toEqual(before);
    for (const { peer } of peers)
      expect([peer.state.faults, peer.state.of(SWITCHED).status]).toEqual([[], 'disabled']);
  }

  /** Every trade that was accepted came once, in order, or stands in a gap. */
  async function expectTradesAccounted(): Promise<void> {
    for (const { peer } of peers) {
      const state = peer.state.of(SWITCHED);
      const count = accepted.length;
      await peer.until('the trades that were accepted', () => (state.position?.seq ?? 0) >= count);
      for (const { seq, id } of state.trades)
        if (seq <= count) expect([seq, id]).toEqual([seq, accepted[seq - 1]]);
      expect(peer.state.faults).toEqual([]);
    }
  }

  async function expectBack(): Promise<void> {
    const images = peers.map(({ peer }) => peer.state.of(SWITCHED).images);
    await switchSymbol(main, SWITCHED, 'enable', 'repaired');
    for (const [i, { peer }] of peers.entries()) {
      const state = peer.state.of(SWITCHED);
      await peer.until(
        'the image to come back by itself',
        () => state.status === 'open' && state.images > images[i]!,
      );
      const { updates } = state;
      await peer.until('updates to go on', () => state.updates > updates);
      expect(state.statusReason).toBe('repaired');
    }
    await expectTradesAccounted();
  }

  it('is silent on all gateways, its ticks are rejected, and it comes back by itself', async () => {
    await switchSymbol(main, SWITCHED, 'disable', 'bad prints');
    for (const { peer } of peers) await peer.until('status disabled', () => isOff(peer));
    for (const { peer } of peers) expect(peer.state.of(SWITCHED).statusReason).toBe('bad prints');
    await expectSilence();

    const tick = { type: 'trade', symbol: SWITCHED, price: 1, size: 1 };
    const answer = await http(`${main.url}/v1/ticks`, { key: FEED_KEY, body: [tick] });
    expect(answer).toMatchObject({
      status: 200,
      body: { accepted: 0, rejected: [{ reason: 'symbol_disabled' }] },
    });

    for (const { url } of [main, near, far]) {
      const late = await StreamPeer.open(url);
      const granted = await late.subscribe([`ticker:${SWITCHED}`, `trade:${SWITCHED}`, `ticker:${STEADY}`]);
      expect(granted.map(({ status }) => status)).toEqual(['disabled', 'disabled', 'open']);
      await untilSteady(late, 5);
      expect(late.state.of(SWITCHED)).toMatchObject({ image: null, trades: [] });
      peers.push({ peer: late, seen: [] });
    }
    await expectBack();
    for (const { peer } of peers.splice(6)) await peer.close();
  }, 60_000);

  it.each(['cut', 'freeze'] as const)(
    'is never shown again by a gateway that lost Redis at that moment (%s) and came back later',
    async (loss) => {
      const lost = ofGateway(far);
      wire[loss]();
      // What comes in now reaches the lost gateway only when it is back, after it was switched off.
      await untilSteady(peers[0]!.peer, 10);
      await switchSymbol(main, SWITCHED, 'disable', 'bad prints again');
      for (const { peer } of peers.slice(0, 4)) await peer.until('status disabled', () => isOff(peer));
      for (const { peer } of lost)
        await peer.until('stale', () => peer.state.notices.at(-1)?.type === 'stale');
      const marks = lost.map(({ seen }) => seen.length);
      wire.mend();
      for (const [i, { peer, seen }] of lost.entries()) {
        await peer.until('status disabled', () => isOff(peer));
        const { sid } = peer.state.of(SWITCHED);
        const mine = seen.slice(marks[i]).filter((record) => 'sid' in record && record.sid === sid);
        // The first thing that is said of it is that it is off.
        expect(mine[0]).toMatchObject({ type: 'status', status: 'disabled', reason: 'bad prints again' });
        await peer.until('fresh', () => peer.state.notices.at(-1)?.type === 'fresh');
      }
      await expectSilence();
      await expectBack();
    },
    60_000,
  );

  it('is never shown again by a gateway that stood still at that moment and goes on later', async () => {
    const stopped = ofGateway(near);
    near.kill('SIGSTOP');
    // What comes in now waits in its sockets.
    await untilSteady(peers[0]!.peer, 20);
    await switchSymbol(main, SWITCHED, 'disable', 'bad prints while it stood');
    for (const { peer } of ofGateway(main)) await peer.until('status disabled', () => isOff(peer));
    await sleep(2_000);
    const marks = stopped.map(({ seen }) => seen.length);
    near.kill('SIGCONT');
    for (const [i, { peer, seen }] of stopped.entries()) {
      await peer.until('status disabled', () => isOff(peer));
      const { sid } = peer.state.of(SWITCHED);
      const mine = seen.slice(marks[i]).filter((record) => 'sid' in record && record.sid === sid);
      expect(mine[0]).toMatchObject({
        type: 'status',
        status: 'disabled',
        reason: 'bad prints while it stood',
      });
    }
    await expectSilence();
    await expectBack();
  }, 60_000);

  it('comes back where the gateway that was lost knew it as switched off', async () => {
    await switchSymbol(main, SWITCHED, 'disable', 'once more');
    for (const { peer } of peers) await peer.until('status disabled', () => isOff(peer));
    wire.cut();
    for (const { peer } of ofGateway(far))
      await peer.until('stale', () => peer.state.notices.at(-1)?.type === 'stale');
    await switchSymbol(main, SWITCHED, 'enable', 'repaired');
    wire.mend();
    for (const { peer } of peers) {
      const state = peer.state.of(SWITCHED);
      await peer.until('status open', () => state.status === 'open');
      const { updates } = state;
      await peer.until('updates to go on', () => state.updates > updates);
    }
    await expectTradesAccounted();
  }, 60_000);

  it('leaves a gap for the trades that were accepted before and published after it was switched off', async () => {
    const peer = await StreamPeer.open(near.url);
    await peer.subscribe([`trade:${LATE}`, `ticker:${LATE}`]);
    const state = peer.state.of(LATE);
    const sent: string[] = [];
    while (state.gaps.length === 0) {
      const batch = Array.from({ length: 5 }, (_, i) => String(sent.length + i));
      sent.push(...batch);
      const body = batch.map((tradeId) => ({ type: 'trade', symbol: LATE, price: 5, size: 2, tradeId }));
      const { body: answer } = await http(`${main.url}/v1/ticks`, { key: FEED_KEY, body });
      expect(answer).toMatchObject({ accepted: 5 });
      // They are in the log; their turn comes within the next 50 ms.
      await switchSymbol(main, LATE, 'disable');
      await peer.until('status disabled', () => state.status === 'disabled');
      await untilSteady(peers[0]!.peer, 3);
      await switchSymbol(main, LATE, 'enable');
      await peer.until('all trades or a gap', () => state.position?.seq === sent.length);
    }
    for (const { seq, id } of state.trades) expect([seq, id]).toEqual([seq, sent[seq - 1]]);
    await peer.until('the image', () => state.image?.values.tradeCount === sent.length);
    expect(state.image?.values.volume).toBe(sent.length * 2);
    expect(peer.state.faults).toEqual([]);
  }, 60_000);

  it('is told to those who follow its status alone, as halts are', async () => {
    const peer = await StreamPeer.open(far.url, { codec: 'json' });
    await peer.subscribe(['status:SW-*']);
    const state = peer.state.of(SWITCHED);
    for (const [action, status] of [
      ['halt', 'halted'],
      ['disable', 'disabled'],
      ['enable', 'halted'],
      ['resume', 'open'],
    ] as const) {
      await switchSymbol(main, SWITCHED, action, `test of ${action}`);
      await peer.until(
        `status ${status}`,
        () => state.status === status && state.statusReason === `test of ${action}`,
      );
    }
    expect(peer.state.faults).toEqual([]);
  }, 60_000);
});

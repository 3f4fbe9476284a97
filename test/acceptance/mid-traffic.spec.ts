/**
 * Clients that come and go in the middle of traffic compute their state from image and updates. When it is quiet it is
 * what a fresh subscriber is given, which is what an independent computation says; and at no time did any two of them,
 * on whichever gateway, have different values under one number.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler } from '../support/feed-handler.js';
import { Installation, switchSymbol } from '../support/installation.js';
import type { Image, SymbolState } from '../support/peer-state.js';
import { Seeded } from '../support/seeded.js';
import { StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';
import { ExactImage } from './support/exact-image.js';
import { RandomClient, type RandomWorld } from './support/random-client.js';

const CLIENTS = 72;
const SPREAD_MS = 5_000;
const SCALES = [
  [2, 0, 0],
  [4, 2, 1],
  [8, 8, 2],
] as const;
const STEADY = Array.from({ length: 12 }, (_, i) => `MT-${i % 2 === 0 ? 'A' : 'B'}${i}`);
/** Switched off and on all the time: its ticks are not counted, but nobody may disagree about it. */
const SWITCHED = 'MT-SWITCHED';
const SEED = Object.fromEntries([...STEADY, SWITCHED].map((symbol, i) => [symbol, SCALES[i % 3]!]));
/** The same seed plays the same clients; RUN=7 npx jest mid-traffic plays others. */
const RUN = Number(process.env['RUN'] ?? 20_261_124);

describe('clients in the middle of traffic', () => {
  let installation: Installation;
  let main: Tickcast;
  let urls: string[];
  const exact = new Map(
    Object.entries(SEED).map(([symbol, [priceScale, sizeScale, volumeScale]]) => [
      symbol,
      new ExactImage(symbol, { priceScale, sizeScale, volumeScale }),
    ]),
  );
  const states = new Map<string, string>();
  const conflicts: string[] = [];

  beforeAll(async () => {
    installation = await Installation.begin(SEED);
    main = await installation.start();
    const gateway = await installation.start({ TICKCAST_ROLES: 'gateway' });
    urls = [main.url, gateway.url];
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  function onState({ symbol }: SymbolState, { epoch, seq, timeUs, values }: Image): void {
    const name = `${symbol} ${epoch} ${seq}`;
    const state = JSON.stringify([timeUs, Object.entries(values).sort()]);
    const known = states.get(name);
    if (known === undefined) states.set(name, state);
    else if (known !== state) conflicts.push(`${name}: ${known} and ${state}`);
  }

  async function traffic(isOver: () => boolean): Promise<void> {
    const seeded = new Seeded(RUN);
    const handler = new FeedHandler('traffic', 'one', 'msgpack');
    await handler.connect(main.url);
    let ticks = 0;
    while (!isOver()) {
      const batch = Array.from({ length: seeded.integer(1, 25) }, () => {
        const symbol = seeded.chance(0.1) ? SWITCHED : seeded.pick(STEADY);
        return exact.get(symbol)!.random(seeded, `m${++ticks}`, Date.now() * 1_000 - seeded.integer(0, 999));
      });
      handler.push(batch);
      await sleep(seeded.integer(0, 12));
    }
    await handler.allAcknowledged();
    expect(handler.faults).toEqual([]);
    await handler.close();
  }

  async function switching(isOver: () => boolean): Promise<void> {
    const seeded = new Seeded(RUN + 1);
    while (!isOver()) {
      await sleep(seeded.integer(50, 400));
      await switchSymbol(main, SWITCHED, 'disable');
      await sleep(seeded.integer(0, 200));
      await switchSymbol(main, SWITCHED, 'enable');
    }
  }

  /** What fresh subscribers are given, by symbol: the same on both gateways and in both codecs. */
  async function freshImages(): Promise<Map<string, Image>> {
    const fresh = new Map<string, Image>();
    for (const url of urls) {
      for (const codec of ['json', 'msgpack'] as const) {
        const peer = await StreamPeer.open(url, { codec });
        peer.state.onState = onState;
        await peer.subscribe(['ticker:MT-*']);
        for (const symbol of Object.keys(SEED)) {
          const image = () => peer.state.bySymbol.get(symbol)?.image ?? null;
          const isLast = () =>
            image() !== null && (symbol === SWITCHED || image()!.timeUs === exact.get(symbol)!.timeUs);
          await peer.until(`the last image of ${symbol}`, isLast);
          if (symbol !== SWITCHED) expect(image()!.values).toEqual(exact.get(symbol)!.values());
          expect(fresh.get(symbol) ?? image()).toEqual(image());
          fresh.set(symbol, image()!);
        }
        expect(peer.state.faults).toEqual([]);
      }
    }
    return fresh;
  }

  async function expectAgrees({ peer, earlierTrades }: RandomClient, fresh: ReadonlyMap<string, Image>) {
    for (const [symbol, state] of peer.state.bySymbol) {
      if (peer.state.covers('ticker', symbol)) {
        const last = fresh.get(symbol)!;
        await peer.until(
          `${symbol} ${last.epoch} ${last.seq}`,
          () => state.image?.seq === last.seq && state.image.epoch === last.epoch,
        );
        expect(state.image).toEqual(last);
      }
      if (symbol === SWITCHED || !peer.state.covers('trade', symbol)) continue;
      const { trades } = exact.get(symbol)!;
      await peer.until(`all trades of ${symbol}`, () => state.position?.seq === trades.length);
      for (const { seq, ...trade } of [...(earlierTrades.get(symbol) ?? []), ...state.trades])
        expect([symbol, seq, trade]).toEqual([symbol, seq, trades[seq - 1]]);
      expect(state.gaps).toEqual([]);
    }
    expect(peer.state.faults).toEqual([]);
  }

  it(`agree with whoever comes fresh, ${CLIENTS} of them, seed ${RUN}`, async () => {
    const world: RandomWorld = {
      ...{ urls, symbols: [...STEADY, SWITCHED], prefixes: ['', 'MT-A', 'MT-B'], onState },
      spreadMs: SPREAD_MS,
    };
    const clients = Array.from(
      { length: CLIENTS },
      (_, i) => new RandomClient(new Seeded(RUN + 100 + i), world),
    );
    let over = false;
    const busy = [traffic(() => over), switching(() => over)];
    try {
      await Promise.all(clients.map((client) => client.live()));
    } finally {
      over = true;
      await Promise.all(busy);
    }
    const fresh = await freshImages();
    for (const client of clients) await expectAgrees(client, fresh);
    expect(conflicts).toEqual([]);
    // Enough was compared to mean something.
    expect(clients.reduce((sum, { peer }) => sum + peer.state.updates, 0)).toBeGreaterThan(5_000);
  }, 120_000);
});

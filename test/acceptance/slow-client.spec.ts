/**
 * Clients of everything that stop reading while the market runs: they cost bounded memory and delay nobody, and when
 * they read again they get the newest images, or learn by the documented code that they were too slow.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Installation, metrics } from '../support/installation.js';
import type { Image, SymbolState } from '../support/peer-state.js';
import { StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';

const RATE = 4_000;
/** The default of TICKCAST_BLOCKED_MS_MAX is 10 s: these are closed, those are not. */
const LONG_PAUSE_MS = 30_000;
const MIDDLE_PAUSE_MS = 5_000;
const SHORT_PAUSE_MS = 1_000;
const SLOW_CLIENTS = 12;
/**
 * What all slow clients together may cost the gateway. Each is sent more than 0.4 MB per second of JSON: queued for 12
 * of them, that would be 50 MB after 10 s and 150 MB after 30 s.
 */
const MEMORY_BYTES_MAX = 40_000_000;

describe('a client that stops reading', () => {
  let installation: Installation;
  let gateway: Tickcast;
  let reader: StreamPeer;
  const states = new Map<string, string>();
  const conflicts: string[] = [];

  beforeAll(async () => {
    installation = await Installation.begin();
    await installation.start({ TICKCAST_SIMULATOR: 'on', TICKCAST_SIMULATOR_RATE: String(RATE) });
    gateway = await installation.start({ TICKCAST_ROLES: 'gateway' });
    reader = await StreamPeer.open(gateway.url);
    reader.state.onState = onState;
    await reader.subscribe(['ticker:*', 'trade:*']);
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  function onState({ symbol }: SymbolState, { epoch, seq, timeUs, values }: Image): void {
    const name = `${symbol} ${epoch} ${seq}`;
    const state = JSON.stringify([timeUs, Object.entries(values).sort()]);
    const known = states.get(name);
    if (known === undefined) states.set(name, state);
    else if (known !== state) conflicts.push(`${name}: ${known} and ${state}`);
  }

  async function wildcard(codec: 'json' | 'msgpack'): Promise<StreamPeer> {
    const peer = await StreamPeer.open(gateway.url, { codec });
    await peer.subscribe(['ticker:*', 'trade:*']);
    return peer;
  }

  const memory = async () => (await metrics(gateway)).get('process_resident_memory_bytes')!;
  const slowConsumers = async () =>
    (await metrics(gateway)).get('tickcast_gateway_hangups_total{reason="slow_consumer"}') ?? 0;

  /** Watches memory and the reader for as long as the others do not read. */
  async function watchFor(pauseMs: number): Promise<number> {
    let most = 0;
    for (const end = Date.now() + pauseMs; Date.now() < end; await sleep(500)) {
      most = Math.max(most, await memory());
      const { updates } = reader.state;
      await reader.until('further updates for who reads', () => reader.state.updates > updates + 200);
    }
    return most;
  }

  it('costs bounded memory for 30 s, delays nobody, and is closed with 4100', async () => {
    const slow = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => wildcard('json')));
    for (const peer of slow) peer.deaf = true;
    // The heap of a young process still grows by itself.
    await watchFor(3_000);
    const before = await memory();
    for (const peer of slow) peer.pause();
    const [most] = await Promise.all([watchFor(LONG_PAUSE_MS), learnsItsCode(), catchesUp(), staysInStep()]);
    expect(most - before).toBeLessThan(MEMORY_BYTES_MAX);
    expect(await slowConsumers()).toBe(SLOW_CLIENTS + 1);

    for (const peer of slow) {
      peer.resume();
      // Its connection was cut a second after goodbye: who does not even read the end of it sees it lost.
      expect([4100, 1006]).toContain((await peer.closed).code);
    }
    expect(reader.state.faults).toEqual([]);
    expect(conflicts).toEqual([]);
  }, 120_000);

  /** Who reads again as soon as it is sent away reads why. */
  async function learnsItsCode(): Promise<void> {
    const peer = await wildcard('json');
    // The twelve are closed before it.
    await sleep(2_000);
    peer.pause();
    while ((await slowConsumers()) <= SLOW_CLIENTS) await sleep(50);
    peer.resume();
    expect(await peer.closed).toEqual({ code: 4100, reason: 'slow_consumer' });
    expect(peer.goodbye).toMatchObject({ reason: 'slow_consumer' });
    expect(peer.state.faults).toEqual([]);
  }

  /** After 5 s: the newest images, their seqs jump by what was left out; and every trade. */
  async function catchesUp(): Promise<void> {
    const peers = [await wildcard('json'), await wildcard('msgpack')];
    for (const peer of peers) peer.state.onState = onState;
    await Promise.all(peers.map((peer) => peer.until('some updates', () => peer.state.updates > 2_000)));
    for (const peer of peers) peer.pause();
    await sleep(MIDDLE_PAUSE_MS);
    const newest = new Map(
      [...reader.state.bySymbol].map(([symbol, { image }]) => [symbol, image?.seq ?? 0]),
    );
    for (const peer of peers) {
      const imagesBefore = peer.state.images;
      const jumped = jumps(peer);
      peer.resume();
      await peer.until('every symbol as new as the reader had it', () =>
        [...newest].every(([symbol, seq]) => (peer.state.bySymbol.get(symbol)?.image?.seq ?? 0) >= seq),
      );
      expect(peer.state.images - imagesBefore).toBeGreaterThan(50);
      expect(jumped.length).toBeGreaterThan(50);
      expect(peer.state.faults).toEqual([]);
      for (const { gaps } of peer.state.bySid.values()) expect(gaps).toEqual([]);
      await peer.close();
    }
  }

  async function staysInStep(): Promise<void> {
    const peer = await wildcard('msgpack');
    peer.state.onState = onState;
    for (let pause = 0; pause < 8; pause++) {
      peer.pause();
      await sleep(SHORT_PAUSE_MS);
      peer.resume();
      const { updates } = peer.state;
      await peer.until('further updates', () => peer.state.updates > updates + 500);
    }
    expect(peer.isClosed).toBe(false);
    expect(peer.state.faults).toEqual([]);
    await peer.close();
  }

  /** Images that skip numbers: filled while the peer catches up. */
  function jumps(peer: StreamPeer): string[] {
    const last = new Map([...peer.state.bySymbol].map(([symbol, { image }]) => [symbol, image?.seq ?? 0]));
    const images = new Map([...peer.state.bySymbol].map(([symbol, { images }]) => [symbol, images]));
    const jumped: string[] = [];
    peer.state.onState = (state, image) => {
      onState(state, image);
      const { symbol } = state;
      if (state.images > (images.get(symbol) ?? 0) && image.seq > (last.get(symbol) ?? 0) + 1)
        jumped.push(symbol);
      images.set(symbol, state.images);
      last.set(symbol, image.seq);
    };
    return jumped;
  }
});

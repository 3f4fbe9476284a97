/** One process of all roles and two gateways on one Redis: they serve the same numbers. */

import { Installation } from '../support/installation.js';
import type { SymbolState } from '../support/peer-state.js';
import type { Trade } from '../support/records.js';
import { type Codec, StreamPeer } from '../support/stream-peer.js';
import type { Tickcast } from '../support/tickcast.js';

const UPDATES_MIN = 6_000;
const TRADES_MIN = 600;

describe('several gateways', () => {
  let installation: Installation;
  let gateways: Tickcast[];

  beforeAll(async () => {
    installation = await Installation.begin(undefined, { TICKCAST_TEST_SYMBOL: 'on' });
    const all = await installation.start({ TICKCAST_SIMULATOR: 'on', TICKCAST_SIMULATOR_RATE: '2000' });
    const gateway = () => installation.start({ TICKCAST_ROLES: 'gateway' });
    gateways = [all, ...(await Promise.all([gateway(), gateway()]))];
  }, 120_000);
  afterAll(() => installation?.end(), 60_000);

  /** A client of everything, and each state that it saw under `symbol epoch seq`. */
  async function watch(gateway: Tickcast, codec: Codec) {
    const peer = await StreamPeer.open(gateway.url, { codec });
    const states = new Map<string, string>();
    peer.state.onState = ({ sid, symbol }, { epoch, seq, timeUs, values }) =>
      states.set(`${symbol} ${epoch} ${seq}`, JSON.stringify([sid, timeUs, Object.entries(values).sort()]));
    await peer.subscribe(['ticker:*', 'trade:*']);
    return { peer, states };
  }

  /** Trades of one symbol that both have seen, from the later one's first to the earlier one's last. */
  function shared(one: SymbolState, other: SymbolState): [Trade[], Trade[]] {
    const from = Math.max(one.trades[0]?.seq ?? Infinity, other.trades[0]?.seq ?? Infinity);
    const to = Math.min(one.trades.at(-1)?.seq ?? 0, other.trades.at(-1)?.seq ?? 0);
    const within = ({ trades }: SymbolState) => trades.filter(({ seq }) => seq >= from && seq <= to);
    return [within(one), within(other)];
  }

  it('serves the same values under the same symbol, epoch and seq on every gateway, in both codecs', async () => {
    const watched = await Promise.all([
      watch(gateways[0]!, 'msgpack'),
      watch(gateways[1]!, 'json'),
      watch(gateways[2]!, 'msgpack'),
    ]);
    for (const { peer } of watched) {
      const { state } = peer;
      await peer.until('enough traffic', () => state.updates >= UPDATES_MIN && state.trades >= TRADES_MIN);
    }

    const [first, ...others] = watched;
    for (const { peer, states } of others) {
      let compared = 0;
      for (const [name, state] of states) {
        const other = first!.states.get(name);
        if (other === undefined) continue;
        expect([name, state]).toEqual([name, other]);
        compared++;
      }
      expect(compared).toBeGreaterThan(UPDATES_MIN / 10);

      let trades = 0;
      for (const [symbol, own] of peer.state.bySymbol) {
        const [one, other] = shared(first!.peer.state.of(symbol), own);
        expect([symbol, one]).toEqual([symbol, other]);
        expect(one.map(({ seq }) => seq)).toEqual(one.map((_, i) => one[0]!.seq + i));
        trades += one.length;
      }
      expect(trades).toBeGreaterThan(TRADES_MIN / 10);
      expect([...peer.state.bySymbol.keys()].sort()).toEqual([...first!.peer.state.bySymbol.keys()].sort());
    }
    for (const { peer } of watched) expect(peer.state.faults).toEqual([]);
  }, 90_000);

  it('goes on under the same numbers on a gateway that starts later', async () => {
    const early = await watch(gateways[0]!, 'json');
    const later = await installation.start({ TICKCAST_ROLES: 'gateway' });
    const late = await watch(later, 'msgpack');
    await late.peer.until('some updates', () => late.peer.state.updates >= 1_000);
    let compared = 0;
    for (const [name, state] of late.states) {
      const other = early.states.get(name);
      if (other === undefined) continue;
      expect([name, state]).toEqual([name, other]);
      compared++;
    }
    expect(compared).toBeGreaterThan(100);
    expect([...early.peer.state.faults, ...late.peer.state.faults]).toEqual([]);
  }, 90_000);
});

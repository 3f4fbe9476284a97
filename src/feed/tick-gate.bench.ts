/** What a feed handler's ticks go through at the door: 500 decoded ones, of a symbol each, become valid and scaled. */
import { deepEqual } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { asFed, inTurn, Market } from '../../bench/micro/market.js';
import { definition, NOW_US, startRegistry } from './feed.fixture.js';
import { TickFault } from './tick-fault.js';
import { TickGate } from './tick-gate.js';

const SYMBOLS = 500;
const symbols = Array.from({ length: SYMBOLS }, (_, i) => `S${i + 1}`);
const registry = await startRegistry(symbols.map((symbol) => definition(symbol)));
const gate = new TickGate(registry, { crossedQuotes: 'reject', tickAgeMsMax: 0 });
const market = new Market(SYMBOLS);
const turns = Array.from({ length: 16 }, () => market.turn().map(({ tick }) => tick));
const next = inTurn(turns.map((ticks) => ticks.map((tick) => asFed(tick, `S${tick.sid}`))));

measure('gate a tick', {
  items: SYMBOLS,
  run: () => next().map((raw) => gate.gate(raw, NOW_US)),
  verify(gated) {
    const sidOf = (sid: number) => registry.bySymbol(`S${sid}`)!.sid;
    deepEqual(
      gated,
      turns[0]!.map((tick) => ({ ...tick, sid: sidOf(tick.sid), receiveTimeUs: NOW_US })),
    );
  },
});

const crossed = market
  .turn()
  .map(({ tick }) => ({ ...asFed(tick, `S${tick.sid}`), type: 'quote', bidPrice: 2, askPrice: 1 }));
measure('refuse a tick', {
  items: SYMBOLS,
  run: () => crossed.map((raw) => gate.gate(raw, NOW_US)),
  verify: (gated) =>
    deepEqual(
      gated.map((one) => one instanceof TickFault && one.reason),
      crossed.map(() => 'crossed'),
    ),
});

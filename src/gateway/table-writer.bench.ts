/** A gateway takes in batches of which every symbol is followed: in pieces of a small market, and of a large one. */
import { deepEqual } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { inTurn, Market } from '../../bench/micro/market.js';
import { SinkFeed } from '../fanout/live-apply.js';
import { EPOCH, OwnedImages } from '../fanout/owned-images.fixture.js';
import { MSGPACK } from './gateway.fixture.js';
import { MarketGateway, TakingSocket } from './market-gateway.fixture.js';

for (const symbols of [31, 625]) {
  const market = new Market(symbols);
  const images = new OwnedImages(symbols);
  const batches = Array.from({ length: 16 }, () => images.turn(market.turn().map(({ tick }) => tick)));
  const next = inTurn(batches);

  const scene = new MarketGateway(symbols);
  const sids = Array.from({ length: symbols }, (_, i) => i + 1);
  for (let from = 0; from < symbols; from += 100)
    scene.join(new TakingSocket(), MSGPACK, sids.slice(from, from + 100));
  const feed = new SinkFeed(0, scene.gateway.sink);

  measure(`check, decode and apply a symbol of ${symbols}`, {
    items: symbols,
    // What was marked is marked anew.
    before: () => scene.flush(),
    run: () => feed.batch(next()),
    verify() {
      scene.flush();
      const { state } = scene.lane;
      deepEqual(
        sids.map((sid) => [state.epoch[sid], state.seq[sid]]),
        sids.map(() => [EPOCH, 1]),
      );
    },
  });

  measure(`apply a symbol of ${symbols}`, {
    items: symbols,
    before: () => scene.flush(),
    run: () => scene.turn(),
    verify() {
      const { pass, lane } = scene;
      scene.flush();
      deepEqual(
        [...lane.changedIn.subarray(1, symbols + 1)],
        sids.map(() => pass + 1),
      );
    },
  });
}

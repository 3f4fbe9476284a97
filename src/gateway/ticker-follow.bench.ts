/** A session subscribes to 50 of 500 symbols and unsubscribes, beside 100 others. Without commands and their answers. */
import { deepEqual } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { MSGPACK } from './gateway.fixture.js';
import { MarketGateway, TakingSocket } from './market-gateway.fixture.js';
import { TickerFollow } from './ticker-follow.js';

const FOLLOWED = 50;
const scene = new MarketGateway(500);
for (let i = 0; i < 100; i++) scene.join(new TakingSocket(), MSGPACK, scene.choose(FOLLOWED));
const session = scene.gateway.open(new TakingSocket(), MSGPACK, 'client');
const tickers = new TickerFollow(scene.gateway.lanes);
const sids = scene.choose(FOLLOWED);
const instruments = sids.map((sid) => scene.registry.bySid(sid)!);
for (const sid of sids) session.tickers.set(sid, null);

measure('join and leave a symbol', {
  items: FOLLOWED,
  run() {
    const wanted = tickers.follow(session, instruments);
    tickers.imagesSent(wanted);
    const { tickersFollowed, isBehind } = session;
    tickers.unfollow(session, sids);
    return { wanted: wanted.map(({ sid }) => sid), tickersFollowed, isBehind };
  },
  verify(joined) {
    deepEqual(joined, { wanted: sids, tickersFollowed: FOLLOWED, isBehind: false });
    deepEqual([session.tickersFollowed, session.memberships], [0, []]);
  },
});

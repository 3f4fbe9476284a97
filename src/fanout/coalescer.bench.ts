/** One turn of an owner: 625 symbols of a partition, a tick each. */
import { equal } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { inTurn, Market } from '../../bench/micro/market.js';
import { decodeBatch } from './batch.js';
import { OwnedImages } from './owned-images.fixture.js';

const SYMBOLS = 625;
const market = new Market(SYMBOLS);
const turns = Array.from({ length: 32 }, () => market.turn().map(({ tick }) => tick));
const next = inTurn(turns);
const images = new OwnedImages(SYMBOLS);
images.turn(next());

measure('apply a tick', {
  items: SYMBOLS,
  before: () => images.encoder.clear(),
  run: () => images.apply(next()),
  verify() {
    const { quotes, trades, unknownTicks } = images.counters;
    equal(quotes + trades, 2 * SYMBOLS);
    equal(unknownTicks, 0);
  },
});

measure('settle and encode a symbol', {
  items: SYMBOLS,
  before() {
    images.encoder.clear();
    images.apply(next());
  },
  run: () => images.close(),
  verify(bytes) {
    let symbols = 0;
    decodeBatch(bytes, {
      beginBatch: () => undefined,
      update: () => symbols++,
      trade: () => undefined,
      endBatch: () => equal(symbols, SYMBOLS),
    });
  },
});

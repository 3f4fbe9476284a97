/** Entries of the tick log, each a group of 100 ticks: written by a feed process, read by an owner. */
import { deepEqual, equal } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { inTurn, Market } from '../../bench/micro/market.js';
import { GroupEncoder, joinGroups, LogEntryDecoder } from './log-entry.js';
import { OwnedImages } from './owned-images.fixture.js';

const TICKS = 100;
const market = new Market(TICKS);
const turns = Array.from({ length: 32 }, () => market.turn().map(({ tick }) => tick));
const NAME = { source: 'nyse', session: '1700000000', sequence: 123_456, part: 0 };

const encoder = new GroupEncoder();
const entryOf = (ticks: (typeof turns)[number]) => joinGroups([encoder.encode(NAME, ticks)]);
const entries = turns.map(entryOf);
const decoder = new LogEntryDecoder();

const nextTicks = inTurn(turns);
measure('encode a tick', {
  items: TICKS,
  run: () => entryOf(nextTicks()),
  verify(entry) {
    const [fromEntry, fromTicks] = [new OwnedImages(TICKS), new OwnedImages(TICKS)];
    decoder.decode(entry, fromEntry.coalescer);
    deepEqual(fromEntry.turn([]), fromTicks.turn(turns[0]!));
  },
});

const nextEntry = inTurn(entries);
const images = new OwnedImages(TICKS);
measure('decode and apply a tick', {
  items: TICKS,
  before: () => images.encoder.clear(),
  run: () => decoder.decode(nextEntry(), images.coalescer),
  verify: () => equal(images.counters.quotes + images.counters.trades, TICKS),
});

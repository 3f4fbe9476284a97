/** First half of a flush: 500 symbols have changed, each is encoded once per dialect. */
import { deepEqual } from 'node:assert/strict';
import { RECORD_TYPES } from '#wire';
import { measure } from '../../bench/micro/cases.js';
import { DIALECTS } from './dialects.js';
import type { Fragments } from './fragments.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';
import { MarketGateway, TakingSocket } from './market-gateway.fixture.js';

const SYMBOLS = 500;
const sids = Array.from({ length: SYMBOLS }, (_, i) => i + 1);
const scene = new MarketGateway(SYMBOLS);
for (let from = 0; from < SYMBOLS; from += 100)
  scene.join(new TakingSocket(), MSGPACK, sids.slice(from, from + 100));

/** Type and sid of each symbol's record, as a client reads it. */
function recordsOf(fragments: Fragments, dialectAt: number): unknown[] {
  return sids.map((sid) => {
    const from = fragments.start[sid]!;
    const bytes = fragments.bytes.slice(from, from + fragments.length[sid]!);
    // In JSON every fragment ends with a comma.
    const record = DIALECTS[dialectAt]!.decode(dialectAt === JSON_DIALECT ? bytes.subarray(0, -1) : bytes);
    if (Array.isArray(record)) return [record[0] === RECORD_TYPES.update ? 'update' : 'image', record[1]];
    const { type, sid: found } = record as { type: string; sid: number };
    return [type, found];
  });
}
const all = (type: string) => sids.map((sid) => [type, sid]);

for (const [name, dialects] of [
  ['msgpack', [MSGPACK]],
  ['JSON', [JSON_DIALECT]],
  ['msgpack and JSON', [MSGPACK, JSON_DIALECT]],
] as const) {
  const speaks = DIALECTS.map((_, at) => dialects.some((spoken) => spoken === at));
  measure(`flush a symbol in ${name}`, {
    items: SYMBOLS,
    before: () => scene.turn(),
    run: () => scene.flush(speaks),
    verify() {
      for (const at of dialects) deepEqual(recordsOf(scene.lane.fragments[at]!, at), all('update'));
    },
  });
}

measure('image for a joiner in msgpack', {
  items: SYMBOLS,
  // The images of before are gone.
  before: () => scene.flush(),
  run() {
    let images = scene.lane.image(sids[0]!, MSGPACK);
    for (const sid of sids) images = scene.lane.image(sid, MSGPACK);
    return images;
  },
  verify: (images) => deepEqual(recordsOf(images, MSGPACK), all('image')),
});

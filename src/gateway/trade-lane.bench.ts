/** Ten symbols with 100 trades each in one turn: into their rings, and from there into a run per symbol. */
import { deepEqual } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import type { ImageSink } from '../fanout/image-sink.js';
import { DIALECTS } from './dialects.js';
import { MSGPACK } from './gateway.fixture.js';
import { MarketGateway } from './market-gateway.fixture.js';

const SYMBOLS = 10;
const TRADES = 100;
const EPOCH = 5;
const { gateway } = new MarketGateway(SYMBOLS);
const { tradeLane } = gateway;
const sink: ImageSink = gateway.sink;
const sids = Array.from({ length: SYMBOLS }, (_, i) => i + 1);
const values = new Float64Array(0);
const speaks = DIALECTS.map((_, at) => at === MSGPACK);
let seq = 0;
let pass = 0;

for (const partition of [0, 1]) sink.historyComplete(partition);
for (const sid of sids) tradeLane.join(sid);

function batch(): void {
  const first = seq + 1;
  seq += TRADES;
  sink.beginBatch(0, EPOCH, first, 0);
  for (const sid of sids) {
    sink.update(sid, first, 0, 0, values);
    for (let of = first; of <= seq; of++)
      sink.trade(sid, of, 1_700_000_000_000_000 + of, 19_000 + (of % 100), of % 300, null, null);
  }
  sink.endBatch(0);
}

const flush = () => tradeLane.flush(++pass, speaks);
// Nobody is told what was before the first.
batch();
flush();

measure('take in a trade', {
  items: SYMBOLS * TRADES,
  before: flush,
  run: batch,
  verify: () =>
    deepEqual(
      sids.map((sid) => gateway.rings.last(sid)),
      sids.map(() => seq),
    ),
});

measure('flush a trade in msgpack', {
  items: SYMBOLS * TRADES,
  before() {
    flush();
    batch();
  },
  run: flush,
  verify() {
    const runs = tradeLane.runs[MSGPACK]!;
    deepEqual(tradeLane.runSids, sids);
    deepEqual(
      sids.map((sid) => [runs.records[sid], tradeLane.position(sid)]),
      sids.map(() => [TRADES, { epoch: EPOCH, seq }]),
    );
  },
});

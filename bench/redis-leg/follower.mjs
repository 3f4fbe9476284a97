/**
 * One gateway's end of the leg, measured: the real follower on the real tape, with a sink that keeps the images and does
 * nothing else.
 *   node follower.mjs <redis port> <symbols>
 */
import { IMAGE_FIELD_COUNT } from '#market-data';
import { systemClock } from '../../dist/src/clock.js';
import { LiveFollower } from '../../dist/src/fanout/follower.js';
import { systemTimers } from '../../dist/src/fanout/live-timers.js';
import { RedisTape } from '../../dist/src/fanout/redis-tape.js';
import { answerLines, benchLog } from './lines.mjs';
import { connectionsTo, names } from './redis.mjs';
import { imageDigest, PARTITIONS } from './work.mjs';

const [, , port, symbols] = process.argv.map(Number);

/** What the images do not need. */
const nothing = () => undefined;

class Images {
  updates = 0;
  batches = 0;
  values = new Float64Array((symbols + 1) * IMAGE_FIELD_COUNT);
  seqs = new Float64Array(symbols + 1);

  update(sid, seq, mask, _timeUs, values) {
    this.updates++;
    if (mask === 0) return;
    if (seq !== this.seqs[sid] + 1)
      throw new Error(`Expected seq ${this.seqs[sid] + 1} of ${sid}, was ${seq}`);
    this.seqs[sid] = seq;
    const at = sid * IMAGE_FIELD_COUNT;
    for (let bits = mask, field = 0; bits !== 0; bits >>>= 1, field++)
      if ((bits & 1) !== 0) this.values[at + field] = values[field];
  }

  beginBatch() {
    this.batches++;
  }

  image(sid, seq, _tradeSeq, _timeUs, values) {
    this.seqs[sid] = seq;
    this.values.set(values, sid * IMAGE_FIELD_COUNT);
  }

  trade = nothing;
  endBatch = nothing;
  beginReload = nothing;
  endReload = nothing;
  beginHistory = nothing;
  pastTrade = nothing;
  endHistory = nothing;
  historyComplete = nothing;
  silent = nothing;
  heard = nothing;

  digest() {
    let digest = 0;
    for (let sid = 1; sid <= symbols; sid++) {
      const [bid, bidSize, , askSize, , , volume] = this.values.subarray(sid * IMAGE_FIELD_COUNT);
      digest = imageDigest(digest, bid, bidSize, askSize, Number.isNaN(volume) ? 0 : volume);
    }
    return digest;
  }
}

const connections = connectionsTo(port);
const pace = { heartbeatMs: 500, leaseMs: 3_000 };
const tape = new RedisTape(
  connections.command('tape'),
  () => connections.subscriber('live'),
  names,
  PARTITIONS,
  pace,
);
const limits = {
  partitions: PARTITIONS,
  heartbeatMs: 500,
  historyBatchesMax: 40,
  heldBytesMax: 8 * 1_048_576,
};
const follower = new LiveFollower(tape, limits, systemClock, systemTimers, Math.random, benchLog);
const images = new Images();
await follower.start(images);
answerLines({
  count: () => ({ updates: images.updates, batches: images.batches }),
  finish: () => ({ digest: images.digest() }),
});
setInterval(() => undefined, 1 << 30);
process.stdout.write('ready\n');

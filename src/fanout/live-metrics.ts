/** The follower's figures for operators. */
import type { Clock } from '../clock.js';
import type { Metrics, Sample } from '../ops/metrics.js';
import type { LiveFollower } from './follower.js';
import type { FollowerCounters } from './live-counters.js';

const HELP: { readonly [name in keyof FollowerCounters]: string } = {
  applied: 'Batches applied, live or from the tape',
  repeated: 'Live batches whose number was applied already',
  holes: 'Live batches that came with numbers missing before them',
  heldRefused: 'Live batches not held while a hole was filled: the budget was spent',
  refilled: 'Batches applied from the tape',
  reloads: 'Times the state of a partition was replaced by a checkpoint',
  undecodable: 'Live messages, tape entries and checkpoints that could not be read',
  retries: 'Questions to the store that were asked again',
  history: 'Batches of the older tape read after a join',
  silences: 'Times a partition fell silent',
  stuck: 'Times the event loop was found stuck',
};

export function addFollowerMetrics(metrics: Metrics, follower: LiveFollower, clock: Clock): void {
  for (const name of Object.keys(HELP) as (keyof FollowerCounters)[]) {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    metrics.counter(`tickcast_follower_${snake}_total`, HELP[name], [], () => [
      [{}, follower.counters[name]],
    ]);
  }
  metrics.gauge('tickcast_follower_held_bytes', 'Live batches that wait for a hole to be filled', [], () => [
    [{}, follower.heldBytes],
  ]);
  metrics.gauge(
    'tickcast_follower_batch_age_seconds',
    "Age of the oldest tick in a partition's newest live batch, by the feed's clock",
    ['partition'],
    () => ages(follower, clock),
  );
}

function* ages(follower: LiveFollower, clock: Clock): Generator<Sample> {
  for (const { partition, newestTimeUs } of follower.positions()) {
    if (newestTimeUs > 0) yield [{ partition: String(partition) }, (clock.nowUs() - newestTimeUs) / 1e6];
  }
}

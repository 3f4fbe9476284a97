/** Takes a free partition: lease, state, and whether its numbering may go on. */
import { MsgpackError } from '#wire';
import { OwnedPartition, type PartitionLoss } from './owned-partition.js';
import type { OwnerWorld } from './owner-world.js';
import { PartitionImages } from './partition-images.js';
import type { AcquireAnswer, TapeId } from './partition-store.js';
import { SessionMarks } from './session-marks.js';
import type { PartitionState } from './tape.js';
import { TapeIndex } from './tape-index.js';

type Acquired = Extract<AcquireAnswer, { kind: 'acquired' }>;

/**
 * @returns undefined when another owner has it; else a partition with its first commit or heartbeat to send
 * @throws StoreUnavailable: nothing is owned then, and the lease runs out by itself
 */
export async function acquirePartition(
  partition: number,
  world: OwnerWorld,
  lost: (why: PartitionLoss) => void,
): Promise<OwnedPartition | undefined> {
  const { store, settings, log } = world;
  const leaseToken = world.token();
  const answer = await store.acquire(partition, leaseToken);
  if (answer.kind === 'held') return undefined;
  const state = await store.load(partition);
  const tape = new TapeIndex(settings.tape);
  await tape.measure(store, partition, world.clock);
  const { images, whole } = restored(partition, state, world);
  const { epoch, epochToken, number, run } = answer;
  const owned = new OwnedPartition(
    partition,
    world,
    {
      position: { leaseToken, epoch, epochToken, number, run },
      ...{ images, tape, marks: new SessionMarks(answer.marks), checkpoint: checkpointOf(state) },
    },
    lost,
  );
  log.debug({ partition, epoch, number, sameRun: answer.run === answer.runOfCommit }, 'partition acquired');
  const why = newEpochReason(answer, state, whole);
  if (why === null) owned.beat();
  else owned.beginAnew(why);
  return owned;
}

/**
 * The images that checkpoint and tape lead to. What cannot be read stops nobody: without the tape the images are those
 * of the checkpoint, without a checkpoint there are none, and the numbering begins anew with what there is.
 */
function restored(partition: number, state: PartitionState, world: OwnerWorld) {
  const { registry, settings, counters, clock, log } = world;
  for (const readable of [state, { ...state, entries: [] }]) {
    const images = new PartitionImages(registry, settings.dayRoll, counters);
    try {
      return { images, whole: images.restore(readable, clock.monotonicMs()) && readable === state };
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      counters.unreadableState(partition, clock.monotonicMs());
      log.error(
        { partition, error: error.message, bytes: state.checkpoint?.length },
        'stored state unreadable',
      );
    }
  }
  return { images: new PartitionImages(registry, settings.dayRoll, counters), whole: false };
}

/** @returns null when the numbering goes on: the same run still holds every number that was given out */
function newEpochReason(answer: Acquired, state: PartitionState, whole: boolean) {
  if (answer.epoch === 0) return 'first';
  if (answer.run !== answer.runOfCommit) return 'run_changed';
  const isSame = state.epoch === answer.epoch && state.number === answer.number;
  return whole && isSame ? null : 'state_lost';
}

function checkpointOf(state: PartitionState): TapeId | null {
  if (state.checkpoint === null) return null;
  const [first] = state.entries;
  return { epoch: state.epoch, number: first === undefined ? state.number : first.number - 1 };
}

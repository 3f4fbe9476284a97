/** Tape on Redis: live batches by pub/sub, what was missed from the stream. */
import type { Names, PartitionNames } from './names.js';
import type { RedisCommands } from './redis-commands.js';
import { LOAD } from './redis-lua.js';
import { array, buffer, readTapeId, streamEntries, text } from './redis-reply.js';
import { RedisScript } from './redis-script.js';
import type { RedisSubscription } from './redis-subscription.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

const load = new RedisScript(LOAD);

/** Checkpoint and the tape after it, at one moment. @throws StoreUnavailable */
export async function loadPartition(redis: RedisCommands, names: PartitionNames): Promise<PartitionState> {
  const reply = array(await load.run(redis, [names.meta, names.image, names.tape], []));
  const image = buffer(reply[2]);
  return {
    epoch: Number(text(reply[0])),
    number: Number(text(reply[1])),
    checkpoint: image.length === 0 ? null : image,
    entries: tapeEntries(reply[3]),
  };
}

/** How often an owner says something on every channel at least, and how long its lease lives without. */
export interface OwnerPace {
  readonly heartbeatMs: number;
  readonly leaseMs: number;
}

/** A channel that says nothing for three heartbeats has no owner, or is not heard. */
const HEARTBEATS_MISSED_MAX = 3;

export class RedisTape implements Tape {
  private readonly partitionsByChannel = new Map<string, number>();

  /**
   * @param redis connections for commands
   * @param subscribe makes a subscription of its own
   * @param pace of the owners
   */
  constructor(
    private readonly redis: RedisCommands,
    private readonly subscribe: () => RedisSubscription,
    private readonly names: Names,
    partitions: number,
    private readonly pace: OwnerPace,
  ) {
    for (let partition = 0; partition < partitions; partition++)
      this.partitionsByChannel.set(names.partition(partition).live, partition);
  }

  load(partition: number): Promise<PartitionState> {
    return loadPartition(this.redis, this.names.partition(partition));
  }

  readAfter(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.read('xrange', partition, `(${epoch}-${number}`, `(${epoch + 1}-0`, count);
  }

  readBefore(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.read('xrevrange', partition, `(${epoch}-${number}`, `${epoch}-0`, count);
  }

  private async read(
    command: 'xrange' | 'xrevrange',
    partition: number,
    from: string,
    to: string,
    count: number,
  ): Promise<readonly TapeEntry[]> {
    const { tape } = this.names.partition(partition);
    return tapeEntries(await this.redis.call(tape, command, [tape, from, to, 'COUNT', count]));
  }

  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    const { partitionsByChannel } = this;
    const { heartbeatMs } = this.pace;
    const isSpoken = async (channel: string) => {
      const partition = partitionsByChannel.get(channel);
      return partition !== undefined && (await this.hasLivingOwner(partition));
    };
    const subscription = this.subscribe();
    await subscription.follow(
      [...partitionsByChannel.keys()],
      {
        message: (channel, bytes) => {
          const partition = partitionsByChannel.get(channel);
          if (partition !== undefined) listener.message(partition, bytes);
        },
        up: () => listener.up(),
        down: () => listener.down(),
      },
      { isLive: true, silence: { ms: heartbeatMs * HEARTBEATS_MISSED_MAX, isSpoken } },
    );
    return async () => subscription.close();
  }

  /** Whoever speaks renews the lease with the same script: a lease that is younger than two heartbeats says so. */
  private async hasLivingOwner(partition: number): Promise<boolean> {
    const { lease } = this.names.partition(partition);
    const { leaseMs, heartbeatMs } = this.pace;
    return Number(await this.redis.call(lease, 'pttl', [lease])) > leaseMs - 2 * heartbeatMs;
  }

  ping(): Promise<void> {
    return this.redis.ping();
  }
}

function tapeEntries(reply: unknown): TapeEntry[] {
  return streamEntries(reply).map(({ id, fields }) => ({ ...readTapeId(id), bytes: buffer(fields[3]) }));
}

/** Tape on Redis: live batches by pub/sub, what was missed from the stream. */
import type { Redis } from 'ioredis';
import type { Names, PartitionNames } from './names.js';
import { unavailable } from './redis-connections.js';
import { LOAD } from './redis-lua.js';
import { array, buffer, readTapeId, streamEntries, text } from './redis-reply.js';
import { RedisScript } from './redis-script.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

const load = new RedisScript(LOAD);

/** Checkpoint and the tape after it, at one moment. @throws StoreUnavailable */
export async function loadPartition(redis: Redis, names: PartitionNames): Promise<PartitionState> {
  const reply = array(await load.run(redis, [names.meta, names.image, names.tape], []));
  const image = buffer(reply[2]);
  return {
    epoch: Number(text(reply[0])),
    number: Number(text(reply[1])),
    checkpoint: image.length === 0 ? null : image,
    entries: tapeEntries(reply[3]),
  };
}

export class RedisTape implements Tape {
  private readonly partitionsByChannel = new Map<string, number>();
  private readonly channels: string[] = [];

  /**
   * @param redis a command connection
   * @param subscriber a subscriber connection of its own
   */
  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Redis,
    private readonly names: Names,
    partitions: number,
  ) {
    for (let partition = 0; partition < partitions; partition++) {
      const { live } = names.partition(partition);
      this.channels.push(live);
      this.partitionsByChannel.set(live, partition);
    }
  }

  load(partition: number): Promise<PartitionState> {
    return loadPartition(this.redis, this.names.partition(partition));
  }

  readAfter(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    const { tape } = this.names.partition(partition);
    return this.read(this.redis.xrangeBuffer(tape, `(${epoch}-${number}`, `(${epoch + 1}-0`, 'COUNT', count));
  }

  readBefore(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    const { tape } = this.names.partition(partition);
    return this.read(this.redis.xrevrangeBuffer(tape, `(${epoch}-${number}`, `${epoch}-0`, 'COUNT', count));
  }

  private async read(reply: Promise<unknown>): Promise<readonly TapeEntry[]> {
    try {
      return tapeEntries(await reply);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    const { subscriber } = this;
    let up = false;
    let first: () => void;
    const firstUp = new Promise<void>((resolve) => {
      first = resolve;
    });
    const message = (channel: Buffer, bytes: Buffer) => {
      const partition = this.partitionsByChannel.get(channel.toString('latin1'));
      if (partition !== undefined) listener.message(partition, bytes);
    };
    // Subscribing again is harmless; its answer is the proof that everything published from here on arrives.
    const subscribe = () => {
      subscriber.subscribe(...this.channels).then(
        () => {
          if (up || subscriber.status !== 'ready') return;
          up = true;
          listener.up();
          first();
        },
        (error: Error) => subscriber.emit('error', error),
      );
    };
    const close = () => {
      if (!up) return;
      up = false;
      listener.down();
    };
    subscriber.on('messageBuffer', message);
    subscriber.on('ready', subscribe);
    subscriber.on('close', close);
    if (subscriber.status === 'ready') subscribe();
    await firstUp;
    return async () => {
      subscriber.off('messageBuffer', message);
      subscriber.off('ready', subscribe);
      subscriber.off('close', close);
      if (subscriber.status === 'ready') await subscriber.unsubscribe(...this.channels);
    };
  }

  async ping(): Promise<void> {
    try {
      await this.redis.ping();
    } catch (error) {
      throw unavailable(error);
    }
  }
}

function tapeEntries(reply: unknown): TapeEntry[] {
  return streamEntries(reply).map(({ id, fields }) => ({ ...readTapeId(id), bytes: buffer(fields[3]) }));
}

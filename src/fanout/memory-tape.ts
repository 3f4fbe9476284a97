/** Tape in memory: the same bytes, delivered in a later turn of the event loop. */
import type { MemoryStore } from './memory-store.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

export function loadMemoryPartition(store: MemoryStore, partition: number): PartitionState {
  const { meta, image, tape } = store.partition(partition);
  if (meta === undefined) return { epoch: 0, number: 0, checkpoint: null, entries: [] };
  const { epoch, number, checkpoint } = meta;
  const entries = tape.filter(
    (entry) =>
      checkpoint === undefined ||
      entry.epoch > checkpoint.epoch ||
      (entry.epoch === checkpoint.epoch && entry.number > checkpoint.number),
  );
  return { epoch, number, checkpoint: image ?? null, entries };
}

export class MemoryTape implements Tape {
  constructor(private readonly store: MemoryStore) {}

  async load(partition: number): Promise<PartitionState> {
    return loadMemoryPartition(this.store, partition);
  }

  async readAfter(
    partition: number,
    epoch: number,
    number: number,
    count: number,
  ): Promise<readonly TapeEntry[]> {
    const { tape } = this.store.partition(partition);
    return tape.filter((entry) => entry.epoch === epoch && entry.number > number).slice(0, count);
  }

  async readBefore(
    partition: number,
    epoch: number,
    number: number,
    count: number,
  ): Promise<readonly TapeEntry[]> {
    const { tape } = this.store.partition(partition);
    const before = tape.filter((entry) => entry.epoch === epoch && entry.number < number);
    return before.slice(-count).reverse();
  }

  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    const end = this.store.onLive((partition, bytes) => listener.message(partition, bytes));
    listener.up();
    return async () => end();
  }

  /** Memory always answers. */
  async ping(): Promise<void> {
    await undefined;
  }
}

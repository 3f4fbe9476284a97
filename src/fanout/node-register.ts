/**
 * Which fan-out processes live, and word of partitions that were given back. Time is the store's own: the clocks of the
 * nodes never meet.
 */
import type { ConnectionListener } from './partition-store.js';

export interface NodeListener extends ConnectionListener {
  /** A partition was given back; it may be acquired now. */
  released(partition: number): void;
}

export interface NodeRegister {
  /**
   * Says that this node lives, and forgets those that have not said so for 3 s.
   * @returns the live nodes, this one among them
   * @throws StoreUnavailable
   */
  beat(node: string): Promise<readonly string[]>;
  /** The node stops: the others need not wait until it is forgotten. @throws StoreUnavailable */
  leave(node: string): Promise<void>;
  /** @returns ends it */
  watch(listener: NodeListener): () => void;
}

/** A node that has not beaten for this long is dead. */
export const NODE_MS_MAX = 3_000;

/** What specs of connections need: a subscription that keeps what it hears, and polling for conditions. */
import type { RedisConnections } from './redis-connections.js';

export interface Heard {
  /** Messages in order. */
  readonly heard: string[];
  /** Each `up` and `down`, in order. */
  readonly told: string[];
  /** The first `up`. */
  readonly up: Promise<void>;
}

/** @param isLive as live batches are published: SPUBLISH on a cluster */
export function listen(connections: RedisConnections, channel: string, isLive = false): Heard {
  const heard: string[] = [];
  const told: string[] = [];
  const up = connections.subscriber('spec').follow(
    [channel],
    {
      message: (_channel, bytes) => heard.push(bytes.toString()),
      up: () => told.push('up'),
      down: () => told.push('down'),
    },
    { isLive },
  );
  return { heard, told, up };
}

export function pause(ms = 20): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Polls; the deadline is that of the spec. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause();
}

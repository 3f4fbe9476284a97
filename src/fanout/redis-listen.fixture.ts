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

const HOLDS_MS_MAX = 60_000;

/** Polls. @throws when it does not hold within a minute */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + HOLDS_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`Expected within ${HOLDS_MS_MAX} ms: ${holds}`);
    await pause();
  }
}

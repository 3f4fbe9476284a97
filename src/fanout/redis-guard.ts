/**
 * Watches one connection from outside. A half-open Redis (frozen, or its cable pulled) is never noticed by the client
 * library: a subscriber stays silent and `ready`, a reconnect waits for its ready check for ever. Nor is a master that
 * has become a replica: it keeps its connections, and its subscribers hear from the new master only as long as it does.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.js';
import type { RedisLooks } from './redis-looks.js';

const PROBE_MS_MAX = 1_000;
/** Looks come a moment early or late: one that is due just now must not wait for the next. */
const LOOK_JITTER_MS = 20;
/** A server that is heard is not asked more often than this. */
const PROBE_IDLE_MS = 1_000;
const CONNECT_MS_MAX = 1_500;

/** `always`: whom the sentinels name. `once`: it may be anything, but not change. `never`: a cluster's map tells. */
export type ExpectsMaster = 'always' | 'once' | 'never';

/**
 * @param cut is told why the socket was destroyed; the client then reconnects by its own strategy
 * @returns ends the watch
 */
export function guardConnection(
  redis: Redis,
  expectsMaster: ExpectsMaster,
  clock: Clock,
  looks: RedisLooks,
  cut: (why: string) => void,
): () => void {
  let probeSinceMs: number | undefined;
  let probedMs = Number.NEGATIVE_INFINITY;
  let misses = 0;
  let bytesRead = 0;
  let wasMaster = expectsMaster === 'always';
  let connectSinceMs: number | undefined;
  let generation = 0;

  const begin = () => {
    probeSinceMs = undefined;
    probedMs = Number.NEGATIVE_INFINITY;
    misses = 0;
    bytesRead = 0;
    wasMaster = expectsMaster === 'always';
    generation++;
  };
  const destroy = (why: string) => {
    begin();
    connectSinceMs = undefined;
    cut(why);
    redis.stream?.destroy();
  };
  const probe = () => {
    const mine = ++generation;
    probeSinceMs = clock.monotonicMs();
    probedMs = probeSinceMs;
    ask(redis, expectsMaster).then(
      (role) => {
        if (mine !== generation) return;
        probeSinceMs = undefined;
        misses = 0;
        // The answer itself is no news.
        bytesRead = redis.stream?.bytesRead ?? 0;
        if (role === 'master') wasMaster = true;
        else if (role === 'slave' && wasMaster) destroy('the server is a replica');
      },
      () => {
        if (mine !== generation) return;
        probeSinceMs = undefined;
        misses++;
      },
    );
  };
  const lookAtReady = () => {
    connectSinceMs = undefined;
    const nowMs = clock.monotonicMs();
    const read = redis.stream?.bytesRead ?? 0;
    const isHeard = read !== bytesRead;
    bytesRead = read;
    if (misses >= 2) destroy('two probes failed');
    else if (probeSinceMs !== undefined) {
      if (nowMs - probeSinceMs > PROBE_MS_MAX - LOOK_JITTER_MS) destroy('unanswered for 1 s');
    } else if (!isHeard || misses > 0 || nowMs - probedMs > PROBE_IDLE_MS - LOOK_JITTER_MS) probe();
  };
  const lookAtConnect = () => {
    connectSinceMs ??= clock.monotonicMs();
    if (clock.monotonicMs() - connectSinceMs > CONNECT_MS_MAX - LOOK_JITTER_MS)
      destroy('not ready 1.5 s after connecting');
  };

  // At once: whom it was connected to is what a later role is compared with.
  const ready = () => {
    begin();
    probe();
  };
  redis.on('ready', ready);
  const endLooks = looks.add(() => {
    if (redis.status === 'ready') return lookAtReady();
    begin();
    if (redis.status === 'connect') return lookAtConnect();
    connectSinceMs = undefined;
    // `end` without a close of ours: the client gave up (seen in failovers); it must not stay so.
    if (redis.status === 'end') redis.connect().catch((error: Error) => redis.emit('error', error));
  });
  return () => {
    endLooks();
    redis.off('ready', ready);
  };
}

/** @returns the server's role, or an empty text where it cannot be asked */
async function ask(redis: Redis, expectsMaster: ExpectsMaster): Promise<string> {
  // Under the older protocol a subscriber may only ping.
  if (expectsMaster === 'never' || redis.mode === 'subscriber') {
    await redis.ping();
    return '';
  }
  try {
    const role: unknown = await redis.role();
    return Array.isArray(role) ? String(role[0]) : '';
  } catch (error) {
    // An answer it is.
    if (error instanceof Error && error.message.startsWith('NOPERM')) return '';
    throw error;
  }
}

/**
 * Watches one connection from outside. A half-open Redis (frozen, or its cable pulled) is never noticed by the client
 * library: a subscriber stays silent and `ready`, a reconnect waits for its ready check for ever.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.js';

const LOOK_MS = 250;
const PING_MS_MAX = 1_000;
const CONNECT_MS_MAX = 1_500;

/**
 * @param cut is told why the socket was destroyed; the client then reconnects by its own strategy
 * @returns ends the watch
 */
export function guardConnection(redis: Redis, clock: Clock, cut: (why: string) => void): () => void {
  let pingSinceMs: number | undefined;
  let misses = 0;
  let connectSinceMs: number | undefined;
  let generation = 0;

  const destroy = (why: string) => {
    pingSinceMs = undefined;
    connectSinceMs = undefined;
    misses = 0;
    generation++;
    cut(why);
    redis.stream?.destroy();
  };
  const ping = () => {
    const mine = ++generation;
    pingSinceMs = clock.monotonicMs();
    redis.ping().then(
      () => {
        if (mine !== generation) return;
        pingSinceMs = undefined;
        misses = 0;
      },
      () => {
        if (mine !== generation) return;
        pingSinceMs = undefined;
        misses++;
      },
    );
  };
  const lookAtReady = () => {
    connectSinceMs = undefined;
    if (misses >= 2) destroy('two PINGs failed');
    else if (pingSinceMs === undefined) ping();
    else if (clock.monotonicMs() - pingSinceMs > PING_MS_MAX) destroy('PING unanswered for 1 s');
  };
  const lookAtConnect = () => {
    connectSinceMs ??= clock.monotonicMs();
    if (clock.monotonicMs() - connectSinceMs > CONNECT_MS_MAX) destroy('not ready 1.5 s after connecting');
  };

  const timer = setInterval(() => {
    if (redis.status === 'ready') return lookAtReady();
    pingSinceMs = undefined;
    misses = 0;
    generation++;
    if (redis.status === 'connect') return lookAtConnect();
    connectSinceMs = undefined;
    // `end` without a close of ours: the client gave up (seen in failovers); it must not stay so.
    if (redis.status === 'end') redis.connect().catch((error: Error) => redis.emit('error', error));
  }, LOOK_MS);
  return () => clearInterval(timer);
}

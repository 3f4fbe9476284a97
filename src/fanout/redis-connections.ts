/**
 * The only place that makes connections to Redis. The library's defaults hang on a frozen server, reorder, run
 * commands twice after a lost reply and deliver stale prices from an unbounded queue (all measured); the settings and
 * the guard here are the ones under which none of that was seen.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../clock.js';
import type { Log } from '../ops/log.js';
import type { ConnectionListener } from './partition-store.js';
import { guardConnection } from './redis-guard.js';
import { StoreUnavailable } from './store-unavailable.js';

/** Nest token of the RedisConnections; its value is null when embedded. */
export const REDIS_CONNECTIONS = Symbol('REDIS_CONNECTIONS');

const READY_MS_MAX = 10_000;
const ERROR_LOG_MS = 5_000;

const EVERY_CONNECTION: RedisOptions = {
  connectTimeout: 500,
  keepAlive: 5_000,
  // It can end a client for good when a failover arrives while the client connects.
  failoverDetector: false,
};

/** A command is answered, or fails soon; it never waits in a queue and never runs a second time by itself. */
const COMMANDS: RedisOptions = {
  ...EVERY_CONNECTION,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: 400,
  // A demoted server keeps its connections, though the address leads to another by now: connect anew. The command
  // fails; 2 would have it run again by itself.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
};

export interface RedisConnectionsOptions {
  /** redis://[user:password@]host[:port][/database], or rediss:// */
  readonly url: string;
  readonly log: Log;
  readonly clock: Clock;
  /** 0 ≤ x < 1, for the jitter of reconnects. */
  readonly random?: () => number;
  /** How long `whenReady` waits. */
  readonly readyMsMax?: number;
}

export class RedisConnections {
  private readonly open = new Map<Redis, { readonly name: string; readonly stopGuard: () => void }>();
  private readonly lastErrors = new Map<Redis, Error>();
  private closing = false;

  constructor(private readonly options: RedisConnectionsOptions) {}

  /** A connection for commands. A command fails with what `unavailable` maps when it is not answered within 400 ms. */
  command(name: string): Redis {
    return this.connect(name, COMMANDS);
  }

  /** A connection for subscriptions only; it subscribes again by itself after each reconnect. */
  subscriber(name: string): Redis {
    return this.connect(name, EVERY_CONNECTION);
  }

  /**
   * Resolves when the connection takes commands, for the start of a process.
   * @throws StoreUnavailable after 10 s, naming the last error
   */
  whenReady(redis: Redis): Promise<void> {
    const { readyMsMax = READY_MS_MAX } = this.options;
    if (redis.status === 'ready') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const ready = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        redis.off('ready', ready);
        const why = this.lastErrors.get(redis)?.message ?? 'no answer';
        reject(new StoreUnavailable(`Redis (REDIS_URL) was not ready within ${readyMsMax / 1000} s: ${why}`));
      }, readyMsMax);
      redis.once('ready', ready);
    });
  }

  /** Ends all connections; what is in flight fails. */
  async close(): Promise<void> {
    this.closing = true;
    const ended = [...this.open].map(([redis, { stopGuard }]) => {
      stopGuard();
      return this.end(redis);
    });
    this.open.clear();
    await Promise.all(ended);
  }

  private end(redis: Redis): Promise<void> {
    if (redis.status === 'end') return Promise.resolve();
    return new Promise((resolve) => {
      const waitsToReconnect = redis.status === 'reconnecting';
      redis.once('end', () => resolve());
      redis.disconnect();
      // Nothing is open then, and the client says no `end`.
      if (waitsToReconnect) resolve();
    });
  }

  private connect(name: string, settings: RedisOptions): Redis {
    if (this.closing) throw new Error(`Expected no new connection after close, was ${name}`);
    const { clock, log, random = Math.random } = this.options;
    const redis = new Redis(this.options.url, {
      ...settings,
      connectionName: `tickcast-${name}`,
      // Quick and jittered: a publisher that is back before its subscribers publishes to nobody.
      retryStrategy: (attempt) => Math.min(25 * attempt, 250) + Math.floor(random() * 50),
    });
    this.logErrors(name, redis);
    const stopGuard = guardConnection(redis, clock, (why) =>
      log.warn({ connection: name, why }, 'redis cut'),
    );
    this.open.set(redis, { name, stopGuard });
    return redis;
  }

  /** In an outage errors come by the dozen per second: one line per connection and 5 s says how many there were. */
  private logErrors(name: string, redis: Redis): void {
    const { log, clock } = this.options;
    let nextLogMs = Number.NEGATIVE_INFINITY;
    let errors = 0;
    redis.on('error', (error: Error) => {
      errors++;
      this.lastErrors.set(redis, error);
      if (clock.monotonicMs() < nextLogMs) return;
      log.warn({ connection: name, errors, error: error.message }, 'redis unavailable');
      nextLogMs = clock.monotonicMs() + ERROR_LOG_MS;
      errors = 0;
    });
  }
}

/** What Redis answers when it is there but cannot serve now; anything else it refuses is a fault of ours. */
const NOT_NOW = /^(LOADING|READONLY|MISCONF|OOM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|BUSY|UNBLOCKED)\b/;

/**
 * The one mapping of errors: what means "the store did not serve" becomes StoreUnavailable, anything else comes back
 * as it is. Use: `catch (error) { throw unavailable(error); }`
 */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreUnavailable) return error;
  if (error.name === 'ReplyError' && !NOT_NOW.test(error.message)) return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  return new StoreUnavailable(error.message, { cause: error });
}

/** Tells of a connection that broke and serves again; the first connecting is neither. @returns ends it */
export function watchConnection(redis: Redis, listener: ConnectionListener): () => void {
  let state: 'connecting' | 'serving' | 'lost' = redis.status === 'ready' ? 'serving' : 'connecting';
  const close = () => {
    if (state !== 'serving') return;
    state = 'lost';
    listener.lost();
  };
  const ready = () => {
    const wasLost = state === 'lost';
    state = 'serving';
    if (wasLost) listener.back();
  };
  redis.on('close', close);
  redis.on('ready', ready);
  return () => {
    redis.off('close', close);
    redis.off('ready', ready);
  };
}

/** Commands issued inside go out in one write, which wakes the server once. */
export function inOneWrite(redis: Redis, issue: () => void): void {
  const stream = redis.status === 'ready' ? redis.stream : undefined;
  stream?.cork();
  try {
    issue();
  } finally {
    stream?.uncork();
  }
}

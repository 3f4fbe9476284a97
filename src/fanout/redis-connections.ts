/** The only place that makes connections to Redis: with the settings of redis-settings.ts, watched by redis-guard.ts. */
import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../clock.js';
import type { Log } from '../ops/log.js';
import { ClusterMap } from './redis-cluster-map.js';
import { RedisCommands } from './redis-commands.js';
import { type ExpectsMaster, guardConnection } from './redis-guard.js';
import { RedisLooks } from './redis-looks.js';
import { SentinelWatch } from './redis-sentinel-watch.js';
import { OneServer, type ServerMap, type ServerName } from './redis-server-map.js';
import {
  addressOptions,
  COMMANDS,
  retryStrategy,
  SUBSCRIPTIONS,
  sentinelAddressOptions,
} from './redis-settings.js';
import { outliveStreamErrors } from './redis-stream-errors.js';
import { RedisSubscription } from './redis-subscription.js';
import { type RedisTopology, readAddress, settingOf, writeAddress } from './redis-topology.js';
import { StoreUnavailable } from './store-unavailable.js';

/** Nest token of the RedisConnections; its value is null when embedded. */
export const REDIS_CONNECTIONS = Symbol('REDIS_CONNECTIONS');

const READY_MS_MAX = 10_000;
const ERROR_LOG_MS = 5_000;
const NODE_PORT = 6379;
const EXPECTS_MASTER: { readonly [kind in RedisTopology['kind']]: ExpectsMaster } = {
  standalone: 'once',
  sentinel: 'always',
  cluster: 'never',
};

export interface RedisConnectionsOptions {
  readonly topology: RedisTopology;
  readonly log: Log;
  readonly clock: Clock;
  /** 0 ≤ x < 1, for the jitter of reconnects. */
  readonly random?: () => number;
  /** How long `whenReady` waits. */
  readonly readyMsMax?: number;
}

export class RedisConnections {
  /** Each with the end of its guard. */
  private readonly open = new Map<Redis, () => void>();
  private readonly users = new Set<{ close(): void }>();
  private readonly looks: RedisLooks;
  private readonly map: ServerMap;
  private readonly endMap: () => void;
  private lastError: Error | undefined;
  private closing = false;

  constructor(private readonly options: RedisConnectionsOptions) {
    const { topology, clock } = options;
    this.looks = new RedisLooks(clock);
    if (topology.kind === 'cluster') {
      const map = new ClusterMap(
        topology.nodes,
        (server) => this.connect('topology', COMMANDS, server),
        (redis) => void this.end(redis),
        clock,
      );
      this.map = map;
      this.endMap = () => map.close();
    } else {
      this.map = new OneServer();
      const watch = topology.kind === 'sentinel' ? this.watchSentinels(topology) : undefined;
      this.endMap = () => watch?.close();
    }
  }

  private watchSentinels(topology: RedisTopology & { kind: 'sentinel' }): SentinelWatch {
    const sentinels = topology.sentinels.map((address) =>
      this.connectTo('sentinel', COMMANDS, sentinelAddressOptions(address, topology.sentinelAccess), {
        sentinel: writeAddress(address),
      }),
    );
    const connections = () => [...this.open.keys()].filter((redis) => !sentinels.includes(redis));
    return new SentinelWatch(sentinels, topology.name, connections, (redis, why) => {
      this.options.log.warn({ connection: redis.options.connectionName, why }, 'redis cut');
      redis.stream.destroy();
    });
  }

  /** Connections for commands. One fails with StoreUnavailable when it is not answered within 400 ms. */
  command(name: string): RedisCommands {
    const commands = new RedisCommands(
      this.map,
      (server) => this.connect(name, COMMANDS, server),
      (redis) => void this.end(redis),
    );
    this.users.add(commands);
    return commands;
  }

  /** A subscription with connections of its own; it stands again by itself after each reconnect. */
  subscriber(name: string): RedisSubscription {
    const subscription = new RedisSubscription(
      this.map,
      (server) => this.connect(name, SUBSCRIPTIONS, server),
      (redis) => void this.end(redis),
      this.options.clock,
    );
    this.users.add(subscription);
    return subscription;
  }

  /**
   * Resolves when commands are taken, for the start of a process.
   * @throws StoreUnavailable after 10 s, naming the last error
   */
  async whenReady(commands: RedisCommands): Promise<void> {
    const { readyMsMax = READY_MS_MAX, topology } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const why = this.lastError?.message ?? 'no answer';
        const seconds = readyMsMax / 1000;
        reject(
          new StoreUnavailable(`Redis (${settingOf(topology)}) was not ready within ${seconds} s: ${why}`),
        );
      }, readyMsMax);
    });
    try {
      await Promise.race([commands.serving(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends all connections; what is in flight fails. */
  async close(): Promise<void> {
    this.closing = true;
    this.endMap();
    const ending = [...this.open.keys()].map((redis) => this.end(redis));
    for (const user of this.users) user.close();
    await Promise.all(ending);
  }

  private end(redis: Redis): Promise<void> {
    this.open.get(redis)?.();
    if (!this.open.delete(redis)) return Promise.resolve();
    if (redis.status === 'end') return Promise.resolve();
    return new Promise((resolve) => {
      const waitsToReconnect = redis.status === 'reconnecting';
      redis.once('end', () => resolve());
      redis.disconnect();
      // Nothing is open then, and the client says no `end`.
      if (waitsToReconnect) resolve();
    });
  }

  private connect(name: string, settings: RedisOptions, server: ServerName): Redis {
    const { topology } = this.options;
    const node = topology.kind === 'cluster' ? readAddress(server, NODE_PORT) : undefined;
    return this.connectTo(
      name,
      settings,
      addressOptions(topology, node),
      node === undefined ? {} : { server },
      EXPECTS_MASTER[topology.kind],
    );
  }

  private connectTo(
    name: string,
    settings: RedisOptions,
    address: RedisOptions,
    whereTo: object,
    expectsMaster: ExpectsMaster = 'never',
  ): Redis {
    if (this.closing) throw new StoreUnavailable(`Expected no new connection after close, was ${name}`);
    const { clock, log, random = Math.random } = this.options;
    const redis = new Redis({
      ...settings,
      ...address,
      connectionName: `tickcast-${name}`,
      retryStrategy: retryStrategy(random),
      lazyConnect: true,
    });
    outliveStreamErrors(redis);
    const fields = { connection: name, ...whereTo };
    this.logErrors(fields, redis);
    const stopGuard = guardConnection(redis, expectsMaster, clock, this.looks, (why) =>
      log.warn({ ...fields, why }, 'redis cut'),
    );
    this.open.set(redis, stopGuard);
    // Why it fails is told by its `error` event.
    redis.connect().catch(() => undefined);
    return redis;
  }

  /** In an outage errors come by the dozen per second: one line per connection and 5 s says how many there were. */
  private logErrors(fields: object, redis: Redis): void {
    const { log, clock } = this.options;
    let nextLogMs = Number.NEGATIVE_INFINITY;
    let errors = 0;
    const note = (error: Error) => {
      errors++;
      this.lastError = error;
      if (clock.monotonicMs() < nextLogMs) return;
      log.warn({ ...fields, errors, error: error.message }, 'redis unavailable');
      nextLogMs = clock.monotonicMs() + ERROR_LOG_MS;
      errors = 0;
    };
    redis.on('error', note);
    redis.on('sentinelError', note);
  }
}

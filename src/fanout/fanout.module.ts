/** Redis fan-out: the tick log, the owners of partitions, the tape; by role, on Redis or in memory. */
import { Global, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock.js';
import { CONFIG, type Config } from '../config.js';
import { Health } from '../ops/health.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { LOG, type Log } from '../ops/log.js';
import { Metrics } from '../ops/metrics.js';
import { Readiness } from '../ops/readiness.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { addOwnerMetrics, addWriterMetrics } from './fanout-metrics.js';
import { connectStore, FANOUT_PARTS, type FanoutParts, fanoutParts } from './fanout-parts.js';
import { FOLLOWER } from './image-sink.js';
import { addFollowerMetrics } from './live-metrics.js';
import { REDIS_CONNECTIONS, type RedisConnections } from './redis-connections.js';
import { TICK_LOG_WRITER } from './tick-log-writer.js';

@Global()
@Module({
  providers: [
    {
      provide: REDIS_CONNECTIONS,
      inject: [CONFIG, CLOCK, LOG],
      useFactory: (config: Config, clock: Clock, log: Log) => connectStore(config, clock, log),
    },
    {
      provide: FANOUT_PARTS,
      inject: [CONFIG, REDIS_CONNECTIONS, SYMBOL_REGISTRY, CLOCK, LOG],
      useFactory: (
        config: Config,
        connections: RedisConnections | null,
        registry: SymbolRegistry,
        clock: Clock,
        log: Log,
      ) => fanoutParts(config, connections, registry, clock, log),
    },
    { provide: TICK_LOG_WRITER, inject: [FANOUT_PARTS], useFactory: ({ writer }: FanoutParts) => writer },
    { provide: FOLLOWER, inject: [FANOUT_PARTS], useFactory: ({ follower }: FanoutParts) => follower },
  ],
  exports: [REDIS_CONNECTIONS, TICK_LOG_WRITER, FOLLOWER],
})
export class FanoutModule implements OnApplicationBootstrap {
  constructor(
    @Inject(FANOUT_PARTS) private readonly parts: FanoutParts,
    @Inject(REDIS_CONNECTIONS) private readonly connections: RedisConnections | null,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly lifecycle: Lifecycle,
    private readonly readiness: Readiness,
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  /** The registry is loaded by now: an owner that knew no instrument could apply nothing. */
  onApplicationBootstrap(): void {
    const { layout, writer, owner, follower } = this.parts;
    const { lifecycle, readiness, health, metrics, clock } = this;
    if (layout !== null) readiness.add('layout', () => layout.unready());
    if (writer !== null) {
      lifecycle.onStop('log', 'tick log', () => writer.stop());
      health.add('tick log', () => writer.degraded());
      addWriterMetrics(metrics, writer);
    }
    if (owner !== null) {
      lifecycle.onStop('owner', 'partitions', () => owner.stop());
      readiness.add('fanout', () => owner.unready());
      health.add('fanout', () => owner.degraded(clock.monotonicMs()));
      addOwnerMetrics(metrics, owner);
      owner.start();
    }
    if (follower !== null) addFollowerMetrics(metrics, follower, clock);
    lifecycle.onStop('store', 'redis', () => this.connections?.close());
  }
}

/** The registry, for every room: its stored form and this process's view of it. */
import { Global, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { CLOCK, type Clock } from '../clock.js';
import { CONFIG, type Config } from '../config.js';
import { Names } from '../fanout/names.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../fanout/redis-connections.js';
import { Health } from '../ops/health.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { LOG, type Log } from '../ops/log.js';
import { Metrics } from '../ops/metrics.js';
import { Readiness } from '../ops/readiness.js';
import { LiveSymbolRegistry } from './live-symbol-registry.js';
import { MemorySymbolStore } from './memory-symbol-store.js';
import { RedisSymbolStore } from './redis-symbol-store.js';
import { meterRegistry } from './registry-metrics.js';
import { readSeed } from './seed.js';
import { SYMBOL_REGISTRY } from './symbol-registry.js';
import { SYMBOL_STORE, type SymbolStore } from './symbol-store.js';

@Global()
@Module({
  providers: [
    {
      provide: SYMBOL_STORE,
      inject: [CONFIG, REDIS_CONNECTIONS],
      useFactory: (config: Config, connections: RedisConnections | null): SymbolStore =>
        connections === null
          ? new MemorySymbolStore()
          : new RedisSymbolStore(connections, new Names(config.redisPrefix)),
    },
    {
      provide: SYMBOL_REGISTRY,
      inject: [CONFIG, SYMBOL_STORE, CLOCK, LOG],
      useFactory: async (config: Config, store: SymbolStore, clock: Clock, log: Log) => {
        const { partitions, reconcileMs, symbolsMax, symbolsFile } = config;
        const seed = await readSeed(symbolsFile, symbolsMax);
        return new LiveSymbolRegistry(store, { partitions, reconcileMs, symbolsMax, seed }, clock, log);
      },
    },
  ],
  exports: [SYMBOL_STORE, SYMBOL_REGISTRY],
})
export class SymbolsModule implements OnModuleInit {
  constructor(
    @Inject(SYMBOL_REGISTRY) private readonly registry: LiveSymbolRegistry,
    private readonly lifecycle: Lifecycle,
    private readonly readiness: Readiness,
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  async onModuleInit(): Promise<void> {
    this.readiness.add('registry', () => (this.registry.loaded ? null : 'the symbols are not loaded yet'));
    this.health.add('registry', () => this.registry.degraded());
    meterRegistry(this.metrics, this.registry);
    this.lifecycle.onStop('owner', 'registry', () => this.registry.stop());
    await this.registry.start();
  }
}

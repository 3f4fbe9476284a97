/** Feed ingestion: the sockets, uploads and built-in adapters that bring ticks, and the one door that they share. */
import { randomBytes } from 'node:crypto';
import { Global, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { ApiKeys } from '../api-keys.js';
import { CLOCK, type Clock } from '../clock.js';
import { CONFIG, type Config } from '../config.js';
import { TICK_LOG_WRITER, type TickLogWriter } from '../fanout/tick-log-writer.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { LOG, type Log } from '../ops/log.js';
import { Metrics } from '../ops/metrics.js';
import { SocketRoutes } from '../socket-routes.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { Acknowledged } from './acknowledged.js';
import { Adapters } from './adapters/adapters.js';
import { BATCH_DOOR } from './batch-door.js';
import { BatchGate } from './batch-gate.js';
import { FeedGateway } from './feed.gateway.js';
import { FeedCounters } from './feed-counters.js';
import { FeedIntake } from './feed-intake.js';
import { FeedSockets } from './feed-sockets.js';
import { OwnSessions } from './own-sessions.js';
import { TicksController } from './ticks.controller.js';
import { UploadTurns } from './upload-turns.js';
import { Uploads } from './uploads.js';

@Global()
@Module({
  controllers: [TicksController],
  providers: [
    FeedCounters,
    FeedGateway,
    { provide: Acknowledged, useFactory: () => new Acknowledged() },
    {
      provide: OwnSessions,
      inject: [CONFIG],
      useFactory: (config: Config) => new OwnSessions(config.node, randomBytes(6).toString('hex')),
    },
    {
      provide: BatchGate,
      inject: [SYMBOL_REGISTRY, TICK_LOG_WRITER, CLOCK, CONFIG, FeedCounters, LOG],
      useFactory: (
        registry: SymbolRegistry,
        writer: TickLogWriter,
        clock: Clock,
        config: Config,
        counters: FeedCounters,
        log: Log,
      ) => new BatchGate({ registry, writer, clock, config, counters, log }),
    },
    { provide: BATCH_DOOR, useExisting: BatchGate },
    {
      provide: FeedSockets,
      inject: [BatchGate, Acknowledged, OwnSessions, CONFIG],
      useFactory: (door: BatchGate, acknowledged: Acknowledged, ownSessions: OwnSessions, config: Config) =>
        new FeedSockets({
          door,
          acknowledged,
          ownSessions,
          batchTicksMax: config.feedBatchTicksMax,
          batchesInFlightMax: config.feedBatchesInFlightMax,
          reconnectSpreadMs: config.reconnectSpreadMs,
          random: Math.random,
        }),
    },
    {
      provide: Uploads,
      inject: [BatchGate, Acknowledged, OwnSessions, CONFIG],
      useFactory: (door: BatchGate, acknowledged: Acknowledged, ownSessions: OwnSessions, config: Config) =>
        new Uploads({ door, turns: new UploadTurns(acknowledged, ownSessions), config }),
    },
    {
      provide: Adapters,
      inject: [CONFIG, BatchGate, SYMBOL_REGISTRY, CLOCK, LOG, Metrics],
      useFactory: (
        config: Config,
        door: BatchGate,
        registry: SymbolRegistry,
        clock: Clock,
        log: Log,
        metrics: Metrics,
      ) => new Adapters({ config, door, registry, clock, log, metrics, onStored: door.onStored }),
    },
    {
      provide: FeedIntake,
      inject: [
        HttpAdapterHost,
        CONFIG,
        SocketRoutes,
        Lifecycle,
        Metrics,
        FeedCounters,
        FeedSockets,
        Uploads,
        Adapters,
      ],
      useFactory: (
        host: HttpAdapterHost<FastifyAdapter>,
        config: Config,
        routes: SocketRoutes,
        lifecycle: Lifecycle,
        metrics: Metrics,
        counters: FeedCounters,
        sockets: FeedSockets,
        uploads: Uploads,
        adapters: Adapters,
      ) => {
        const fastify = host.httpAdapter.getInstance();
        const keys = new ApiKeys(config);
        return new FeedIntake({
          fastify,
          config,
          keys,
          routes,
          lifecycle,
          metrics,
          counters,
          sockets,
          uploads,
          adapters,
        });
      },
    },
  ],
  exports: [BATCH_DOOR],
})
export class FeedModule {}

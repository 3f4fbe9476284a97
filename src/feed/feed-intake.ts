/** Opens the ways in when the process starts, and closes them in order when it stops. */
import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import type { ApiKeys } from '../api-keys.js';
import type { Config } from '../config.js';
import type { Lifecycle } from '../ops/lifecycle.js';
import type { Metrics } from '../ops/metrics.js';
import type { SocketRoutes } from '../socket-routes.js';
import type { Adapters } from './adapters/adapters.js';
import type { FeedCounters } from './feed-counters.js';
import { feedRoute } from './feed-route.js';
import type { FeedSockets } from './feed-sockets.js';
import { registerTickParsers } from './tick-parsers.js';
import type { Uploads } from './uploads.js';

export interface FeedIntakeParts {
  readonly fastify: FastifyInstance;
  readonly config: Config;
  readonly keys: ApiKeys;
  readonly routes: SocketRoutes;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly counters: FeedCounters;
  readonly sockets: FeedSockets;
  readonly uploads: Uploads;
  readonly adapters: Adapters;
}

export class FeedIntake implements OnModuleInit, OnApplicationBootstrap {
  constructor(private readonly parts: FeedIntakeParts) {}

  /** Before the server listens, and before the server's hooks are settled. */
  onModuleInit(): void {
    const { fastify, config, keys, routes, lifecycle, metrics, counters, sockets, uploads, adapters } =
      this.parts;
    registerTickParsers(fastify);
    routes.add(feedRoute(keys, config));
    counters.register(metrics);
    sockets.register(metrics);
    uploads.register(metrics);
    lifecycle.onStop('feeds', 'adapters', () => adapters.stop());
    lifecycle.onStop('feeds', 'feed sockets', () => sockets.stop());
    lifecycle.onStop('feeds', 'uploads', () => uploads.stop());
    // The log has answered all by then: the record ends with the last stored tick.
    lifecycle.onStop('owner', 'record', () => adapters.stopRecord());
  }

  /** When every room is ready: the adapters are the first to bring ticks. */
  async onApplicationBootstrap(): Promise<void> {
    await this.parts.adapters.start();
  }
}

import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { CLOCK, type Clock } from '../clock.js';
import { CONFIG, type Config } from '../config.js';
import { EventLoopLag } from './event-loop-lag.js';
import { serveFirstScreen } from './first-screen.js';
import { Health } from './health.js';
import { Lifecycle } from './lifecycle.js';
import { LOG, type Log } from './log.js';
import { Metrics } from './metrics.js';
import { OpsController } from './ops.controller.js';
import { OpsListeners } from './ops-listeners.js';
import { Readiness } from './readiness.js';

@Module({
  controllers: [OpsController],
  providers: [
    { provide: EventLoopLag, inject: [CLOCK], useFactory: (clock: Clock) => new EventLoopLag(clock) },
    {
      provide: OpsListeners,
      inject: [CONFIG, HttpAdapterHost, Lifecycle, Readiness, Health, Metrics, EventLoopLag, LOG],
      useFactory: (
        config: Config,
        host: HttpAdapterHost<FastifyAdapter>,
        lifecycle: Lifecycle,
        readiness: Readiness,
        health: Health,
        metrics: Metrics,
        lag: EventLoopLag,
        log: Log,
      ) => {
        const http = host.httpAdapter.getHttpServer();
        return new OpsListeners({ config, http, lifecycle, readiness, health, metrics, lag, log });
      },
    },
  ],
})
export class OpsModule implements OnApplicationBootstrap {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    private readonly listeners: OpsListeners,
  ) {}

  /**
   * Not earlier: awaiting a plugin fixes the error handler of every route there is by then, and Nest sets its own only
   * after onModuleInit. Bodies that cannot be parsed would be answered by Fastify, without problem details.
   */
  async onApplicationBootstrap(): Promise<void> {
    if (this.config.roles.includes('gateway')) await serveFirstScreen(this.host.httpAdapter.getInstance());
    await this.listeners.start();
  }
}

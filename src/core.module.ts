/** What every room may ask for: configuration, time, the log, and the few tables that rooms add their own lines to. */
import { type BeforeApplicationShutdown, type DynamicModule, Global, Module } from '@nestjs/common';
import { CLOCK, systemClock } from './clock.js';
import { CONFIG, type Config } from './config.js';
import { Health } from './ops/health.js';
import { Lifecycle } from './ops/lifecycle.js';
import { createLog, LOG, type Log } from './ops/log.js';
import { Metrics } from './ops/metrics.js';
import { Readiness } from './ops/readiness.js';
import { SocketRoutes } from './socket-routes.js';

@Global()
@Module({})
export class CoreModule implements BeforeApplicationShutdown {
  constructor(private readonly lifecycle: Lifecycle) {}

  /** For an application that is closed without a signal, such as a test's: nothing may be left running. */
  beforeApplicationShutdown(): Promise<void> {
    return this.lifecycle.stop();
  }

  static forRoot(config: Config): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: CLOCK, useValue: systemClock },
      { provide: LOG, useFactory: () => createLog(config) },
      {
        provide: Lifecycle,
        inject: [LOG],
        useFactory: (log: Log) =>
          new Lifecycle((name, err) => log.error({ err, step: name }, 'a step of the stop failed')),
      },
      Readiness,
      Health,
      Metrics,
      SocketRoutes,
    ];
    return { module: CoreModule, providers, exports: providers };
  }
}

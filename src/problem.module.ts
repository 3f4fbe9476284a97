/** Imported once, whatever the roles: then every answer that is an error is problem details. */
import { Module, type NestModule } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { LOG, type Log } from './ops/log.js';
import { ProblemFilter } from './problem.filter.js';
import { RouteMethods } from './route-methods.js';

@Module({
  providers: [
    RouteMethods,
    {
      provide: APP_FILTER,
      inject: [LOG, RouteMethods],
      useFactory: (log: Log, routes: RouteMethods) => new ProblemFilter(log, routes),
    },
  ],
})
export class ProblemModule implements NestModule {
  constructor(
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    private readonly routes: RouteMethods,
  ) {}

  /** The last moment before routes are made. */
  configure(): void {
    this.routes.follow(this.host.httpAdapter.getInstance());
  }
}

/** Makes the application of a configuration: rooms by role, on Fastify with its limits and our own sockets. */
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { openApi } from './admin/open-api.js';
import { AppModule } from './app.module.js';
import type { Config } from './config.js';
import { createHttpAdapter } from './http-limits.js';
import { NestLog } from './nest-log.js';
import { Lifecycle } from './ops/lifecycle.js';
import { LOG } from './ops/log.js';
import { Metrics } from './ops/metrics.js';
import { SocketAdapter } from './socket-adapter.js';
import { SocketRoutes } from './socket-routes.js';

/** Not listening yet: `listen` opens the port when every room has started. */
export async function createApplication(config: Config): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config),
    createHttpAdapter(config),
    // What fails goes to the caller, not to Nest's process.abort(), nor to its own log on standard output.
    { abortOnError: false, logger: false },
  );
  app.useLogger(new NestLog(app.get(LOG)));
  app.useWebSocketAdapter(
    new SocketAdapter(app, app.get(SocketRoutes), app.get(Lifecycle), app.get(Metrics)),
  );
  if (config.roles.includes('admin')) openApi(app, config);
  return app;
}

/** How a process ends: by a signal in the order of the stop phases, or at once when it cannot be trusted any more. */
import type { INestApplication } from '@nestjs/common';
import type { Config } from './config.js';
import { Lifecycle } from './ops/lifecycle.js';
import { LOG } from './ops/log.js';

/** For everything beside the waiting times of the drain: closing sockets, last appends, last turn, releasing leases. */
const STOP_WORK_MS_MAX = 15_000;

/**
 * SIGTERM and SIGINT stop everything, after which the process has nothing to do and ends with code 0. A second signal,
 * or too long a stop, ends it with code 1. So does an error that nobody handled: what it left half done is unknown.
 */
export function stopOnSignals(
  app: INestApplication,
  config: Pick<Config, 'drainMs' | 'drainSpreadMs'>,
): void {
  const log = app.get(LOG);
  const lifecycle = app.get(Lifecycle);
  const stopMsMax = config.drainMs + config.drainSpreadMs + STOP_WORK_MS_MAX;

  const stop = async (signal: NodeJS.Signals) => {
    if (lifecycle.stopping) {
      log.warn({ signal }, 'second signal: ending at once');
      process.exit(1);
    }
    log.info({ signal }, 'stopping');
    // Not holding the process itself: it fires only when something else still does.
    setTimeout(() => {
      log.fatal({ stopMsMax, open: process.getActiveResourcesInfo() }, 'the stop took too long');
      process.exit(1);
    }, stopMsMax).unref();
    await lifecycle.stop();
    await app.close();
    log.info('stopped');
  };
  const fail = (err: unknown) => {
    log.fatal({ err }, 'unhandled error');
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void stop(signal).catch(fail));
  }
}

/** The few lines that a process says on standard output and error when it starts, for people and scripts. */
import type { Config } from './config.js';
import { StoreUnavailable } from './fanout/store-unavailable.js';

/** E.g. `Tickcast 0.1.0 ready at http://127.0.0.1:8080 (feed, fanout, gateway, admin; embedded: …)`. */
export function readyLine(config: Config, url: string, version: string): string {
  // What listens everywhere is reached here too, and a URL that can be clicked is of more use.
  const reachable = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const store = config.embedded ? 'embedded: nothing survives this process' : 'Redis';
  return `Tickcast ${version} ready at ${reachable} (${config.roles.join(', ')}; ${store})`;
}

/** One line per key that was made up for this run; empty when none was. */
export function madeUpKeys(config: Config): string {
  const keys = [
    ['Admin', config.adminKey, config.sources.adminKey, 'TICKCAST_ADMIN_KEY'],
    ['Feed', config.feedKey, config.sources.feedKey, 'TICKCAST_FEED_KEY'],
  ] as const;
  return keys
    .filter(([, , source]) => source === 'made up')
    .map(([name, key, , variable]) => `${name} key: ${key} (made up for this run; ${variable} sets it)\n`)
    .join('');
}

/** What an operator can do about a start that failed. */
export function startFault(error: unknown, config: Config): string {
  const { code, port } = error as { code?: unknown; port?: unknown };
  if (code === 'EADDRINUSE') {
    return `Port ${port} of ${config.host} is taken by another process; TICKCAST_PORT sets another one, 0 takes any free one.`;
  }
  if (code === 'EACCES' && port !== undefined) {
    return `This user may not listen on port ${port}; TICKCAST_PORT sets another one.`;
  }
  // Where it was thrown helps nobody to bring the store back.
  if (error instanceof StoreUnavailable) return `Tickcast could not start: ${error.message}`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `Tickcast could not start: ${text}`;
}

/** Structured log lines on standard error, so that standard output carries only what people and scripts wait for. */
import { type Logger, pino } from 'pino';
import type { Config } from '../config.js';

export type Log = Logger;

/** Nest token of the process's Log. */
export const LOG = Symbol('LOG');

/** Secrets never reach a log line, whichever object they ride on. */
const REDACTED = [
  'authorization',
  '*.authorization',
  'req.headers.authorization',
  'token',
  '*.token',
  'adminKey',
  'feedKey',
  'clientKey',
  'redisUrl',
  'redisPassword',
  'redisSentinelPassword',
];

export function createLog(config: Pick<Config, 'logLevel' | 'node'>): Log {
  return pino(
    { level: config.logLevel, base: { node: config.node }, redact: REDACTED },
    pino.destination({ dest: 2, sync: true }),
  );
}

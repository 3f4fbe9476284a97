import type { LoggerService } from '@nestjs/common';
import type { Log } from './ops/log.js';

/** Nest's own words in the process's log. What it tells about wiring is of interest to nobody but who debugs it. */
export class NestLog implements LoggerService {
  constructor(private readonly target: Log) {}

  log(message: unknown, ...more: unknown[]): void {
    this.target.debug(lineOf(more), String(message));
  }

  warn(message: unknown, ...more: unknown[]): void {
    this.target.warn(lineOf(more), String(message));
  }

  error(message: unknown, ...more: unknown[]): void {
    const err = message instanceof Error ? message : undefined;
    this.target.error({ ...lineOf(more), err }, String(err?.message ?? message));
  }

  fatal(message: unknown, ...more: unknown[]): void {
    this.error(message, ...more);
  }
}

/** Nest adds a stack, if there is one, and the name of what speaks. */
function lineOf(more: readonly unknown[]): { from?: string; stack?: string } {
  const texts = more.filter((value): value is string => typeof value === 'string');
  const from = texts.at(-1);
  const stack = texts.length > 1 ? texts[0] : undefined;
  return { from, stack };
}

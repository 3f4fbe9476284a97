/** One Lua script, run by its hash; a server that does not know it yet (new, restarted, promoted) gets the text. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { unavailable } from './redis-connections.js';

export type ScriptArgument = string | number | Uint8Array;

export class RedisScript {
  private readonly sha: string;

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** @returns the reply with strings as Buffers @throws StoreUnavailable */
  run(redis: Redis, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return this.byHashOrText((command, script) => this.send(redis, command, script, keys, args));
  }

  /** Runs it and WAITs for `replicas` in the same write. @returns the reply and how many replicas have it */
  runAndWait(
    redis: Redis,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    replicas: number,
    waitMs: number,
  ): Promise<readonly [reply: unknown, replicated: number]> {
    return this.byHashOrText((command, script) =>
      Promise.all([this.send(redis, command, script, keys, args), redis.wait(replicas, waitMs)]),
    );
  }

  private async byHashOrText<T>(
    send: (command: 'evalsha' | 'eval', script: string) => Promise<T>,
  ): Promise<T> {
    try {
      return await send('evalsha', this.sha);
    } catch (error) {
      if (!isUnknownScript(error)) throw unavailable(error);
    }
    try {
      return await send('eval', this.lua);
    } catch (error) {
      throw unavailable(error);
    }
  }

  private send(
    redis: Redis,
    command: 'evalsha' | 'eval',
    script: string,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    return redis.callBuffer(command, [script, keys.length, ...keys, ...args.map(toArgument)]);
  }
}

/** The client writes Buffers as they are and anything else as text: a bare Uint8Array would become "1,2,3". */
function toArgument(argument: ScriptArgument): string | number | Buffer {
  return argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : argument;
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

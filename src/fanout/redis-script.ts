/** One Lua script, run by its hash; a server that does not know it yet (new, restarted, promoted) gets the text. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { unavailable } from './redis-connections.js';

export type ScriptArgument = string | number | Uint8Array;

/** It did not run: the server does not know it by its hash. */
export const UNKNOWN_SCRIPT = Symbol('UNKNOWN_SCRIPT');

export class RedisScript {
  private readonly sha: string;

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** @returns the reply with strings as Buffers @throws StoreUnavailable */
  async run(redis: Redis, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const reply = await this.send(redis, 'hash', keys, args);
    return reply === UNKNOWN_SCRIPT ? this.send(redis, 'text', keys, args) : reply;
  }

  /** For who minds the order of what is sent. @returns UNKNOWN_SCRIPT, or as `run` @throws StoreUnavailable */
  async send(
    redis: Redis,
    as: 'hash' | 'text',
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    const command = as === 'hash' ? 'evalsha' : 'eval';
    const script = as === 'hash' ? this.sha : this.lua;
    try {
      return await redis.callBuffer(command, [script, keys.length, ...keys, ...args.map(toArgument)]);
    } catch (error) {
      if (isUnknownScript(error)) return UNKNOWN_SCRIPT;
      throw unavailable(error);
    }
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

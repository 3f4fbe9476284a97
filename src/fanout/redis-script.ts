/** One Lua script, run by its hash; a server that does not know it yet (new, restarted, promoted) gets the text. */
import { createHash } from 'node:crypto';
import type { CommandArgument, RedisCommands } from './redis-commands.js';

export type ScriptArgument = string | number | Uint8Array;

export class RedisScript {
  private readonly sha: string;

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** @returns the reply with strings as Buffers @throws StoreUnavailable */
  async run(
    commands: RedisCommands,
    keys: readonly [string, ...string[]],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    try {
      return await commands.call(keys[0], ...this.command('hash', keys, args));
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return commands.call(keys[0], ...this.command('text', keys, args));
    }
  }

  /** The command that runs it, for who minds the order of what is sent. */
  command(
    as: 'hash' | 'text',
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): [command: string, args: CommandArgument[]] {
    const start = as === 'hash' ? (['evalsha', this.sha] as const) : (['eval', this.lua] as const);
    return [start[0], [start[1], keys.length, ...keys, ...args.map(toArgument)]];
  }
}

/** The client writes Buffers as they are and anything else as text: a bare Uint8Array would become "1,2,3". */
function toArgument(argument: ScriptArgument): CommandArgument {
  return argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : argument;
}

/** It did not run: the server does not know it by its hash. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

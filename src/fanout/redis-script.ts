/** One Lua script, run by its hash; a server that does not know it yet (new, restarted, promoted) gets the text. */
import { createHash } from 'node:crypto';
import type { CommandArgument, RedisCommands } from './redis-commands.js';
import { EncodedArguments, RespWriter } from './redis-resp-writer.js';

export type ScriptArgument = string | number | Uint8Array;

/** Keys of calls that are made again and again. */
export class ScriptKeys extends EncodedArguments {
  readonly first: string;

  constructor(...keys: [string, ...string[]]) {
    super(keys);
    this.first = keys[0];
  }
}

export interface ScriptCall {
  readonly keys: ScriptKeys;
  /** The first arguments. */
  readonly head: EncodedArguments;
  readonly args: readonly ScriptArgument[];
}

const writer = new RespWriter(64 * 1024);

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

  /**
   * As `run`, for many calls that are one command: all their keys, then behind the number of arguments of each call
   * those arguments.
   */
  async runRound(commands: RedisCommands, calls: readonly ScriptCall[]): Promise<unknown> {
    const key = calls[0]!.keys.first;
    try {
      return await commands.send(key, 'evalsha', encodeRound('evalsha', this.sha, calls));
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return commands.send(key, 'eval', encodeRound('eval', this.lua, calls));
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

function encodeRound(name: string, script: string, calls: readonly ScriptCall[]): Buffer {
  let keys = 0;
  let args = 0;
  for (const call of calls) {
    keys += call.keys.count;
    args += 1 + call.head.count + call.args.length;
  }
  writer.command(3 + keys + args);
  writer.argument(name);
  writer.argument(script);
  writer.argument(keys);
  for (const call of calls) writer.raw(call.keys.bytes);
  for (const call of calls) {
    writer.argument(call.head.count + call.args.length);
    writer.raw(call.head.bytes);
    for (const arg of call.args) writer.argument(arg);
  }
  return Buffer.from(writer.view());
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

/**
 * Calls of one script that are issued together go out as one command: with few symbols it is the commands, not the
 * symbols, that a turn costs the server and this process. On a Cluster each goes alone, since the keys of a command
 * share a slot there.
 */
import type { RedisCommands } from './redis-commands.js';
import { unavailable } from './redis-errors.js';
import { array } from './redis-reply.js';
import { EncodedArguments } from './redis-resp-writer.js';
import type { RedisScript, ScriptArgument, ScriptCall, ScriptKeys } from './redis-script.js';

/** A command holds up everybody else while it runs, and what it publishes waits for its last byte: 10,000 symbols make three. */
const ROUND_BYTES_MAX = 65_536;
/** What a number takes, or a little less. */
const NUMBER_BYTES = 8;
const NO_HEAD = new EncodedArguments([]);

interface Call extends ScriptCall {
  resolve(reply: unknown): void;
  reject(error: unknown): void;
}

export class ScriptRounds {
  private gathered: Call[] = [];
  private gathering = false;

  /** @param script made by `roundScript` of redis-lua.ts */
  constructor(
    private readonly commands: RedisCommands,
    private readonly script: RedisScript,
  ) {}

  /** What `issue` calls goes out when it returns. */
  together(issue: () => void): void {
    this.gathering = true;
    try {
      issue();
    } finally {
      this.gathering = false;
      this.send();
    }
  }

  /**
   * @param head the first arguments, where they are the same in many calls
   * @returns the script's reply to this call
   * @throws StoreUnavailable
   */
  call(keys: ScriptKeys, args: readonly ScriptArgument[], head = NO_HEAD): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.gathered.push({ keys, head, args, resolve, reject });
      if (!this.gathering) this.send();
    });
  }

  private send(): void {
    const calls = this.gathered;
    this.gathered = [];
    for (let from = 0; from < calls.length; ) {
      const to = this.commands.isSharded ? from + 1 : endOfRound(calls, from);
      void this.run(calls.slice(from, to));
      from = to;
    }
  }

  /** Never rejects. */
  private async run(calls: readonly Call[]): Promise<void> {
    try {
      const replies = array(await this.script.runRound(this.commands, calls));
      for (let i = 0; i < calls.length; i++) settle(calls[i]!, replies[i]);
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }
}

function endOfRound(calls: readonly Call[], from: number): number {
  let to = from;
  for (let bytes = 0; to < calls.length && bytes < ROUND_BYTES_MAX; to++) {
    const { head, args } = calls[to]!;
    bytes += head.bytes.length;
    for (const arg of args) bytes += typeof arg === 'number' ? NUMBER_BYTES : arg.length;
  }
  return to;
}

function settle(call: Call, reply: unknown): void {
  if (reply instanceof Error) call.reject(unavailable(reply));
  else call.resolve(reply);
}

/** TickLog on Redis: XLEN, the run id and XADD in one script, and WAIT behind a round of them where an ack means that. */
import type { Names } from './names.js';
import type { ConnectionListener } from './partition-store.js';
import { AppendRounds } from './redis-append-rounds.js';
import type { RedisCommands } from './redis-commands.js';
import { APPEND, APPEND_ROUND } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript, type ScriptArgument, ScriptKeys } from './redis-script.js';
import { ScriptRounds } from './redis-script-rounds.js';
import {
  type Append,
  type AppendAnswer,
  entriesMaxFor,
  type TickLog,
  type TickLogLimits,
} from './tick-log.js';

/** Fields of `meta` that are not marks: epoch, token, number, run, owner, offset, checkpoint. */
const META_FIELDS = 7;

const append = new RedisScript(APPEND);
const appendRound = new RedisScript(APPEND_ROUND);

export class RedisTickLog implements TickLog {
  private readonly rounds: AppendRounds;
  /** Of appends that need no replica. */
  private readonly unwaited: ScriptRounds;
  private readonly keysOf: (ScriptKeys | undefined)[] = [];

  /** @param redis connections of its own: WAIT is about their writes, and holds up what comes behind */
  constructor(
    private readonly redis: RedisCommands,
    private readonly names: Names,
    private readonly limits: TickLogLimits,
    private readonly ack: 'stored' | 'replicated',
  ) {
    this.rounds = new AppendRounds(redis, append);
    this.unwaited = new ScriptRounds(redis, appendRound);
  }

  async append(partition: number, what: Append): Promise<AppendAnswer> {
    const { run, entries, newMarks } = what;
    const { log, meta } = this.names.partition(partition);
    const args: ScriptArgument[] = [
      run,
      entriesMaxFor(what, this.limits),
      this.limits.marksMax + META_FIELDS,
    ];
    args.push(this.ack === 'replicated' ? '1' : '0', newMarks.length, ...newMarks, ...entries);
    const mustWait = this.ack === 'replicated' && entries.length > 0;
    const reply = mustWait
      ? await this.rounds.append([log, meta], args)
      : array(await this.unwaited.call(this.keys(partition), args));
    const answer = readAnswer(reply);
    if (answer.kind === 'run') this.rounds.heard(log, Number(text(reply[2])));
    return answer;
  }

  private keys(partition: number): ScriptKeys {
    const known = this.keysOf[partition];
    if (known !== undefined) return known;
    const { log, meta } = this.names.partition(partition);
    const keys = new ScriptKeys(log, meta);
    this.keysOf[partition] = keys;
    return keys;
  }

  together(issue: () => void): void {
    this.rounds.together(() => this.unwaited.together(issue));
  }

  watch(listener: ConnectionListener): () => void {
    return this.redis.watch(listener);
  }
}

function readAnswer(reply: readonly unknown[]): AppendAnswer {
  const word = text(reply[0]);
  switch (word) {
    case 'STORED':
      return { kind: 'stored' };
    case 'FULL':
      return { kind: 'full' };
    case 'SESSIONSFULL':
      return { kind: 'sessions_full', marks: reply.slice(1).map(text) };
    case 'RUN':
      return { kind: 'run', run: text(reply[1]) };
    default:
      throw new Error(`Expected an answer of the append script, was ${word}`);
  }
}

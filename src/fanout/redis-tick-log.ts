/** TickLog on Redis: XLEN, the run id and XADD in one script; WAIT in the same write where that is what an ack means. */
import type { Redis } from 'ioredis';
import type { Names } from './names.js';
import type { ConnectionListener } from './partition-store.js';
import { inOneWrite, watchConnection } from './redis-connections.js';
import { APPEND } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript, type ScriptArgument } from './redis-script.js';
import { StoreUnavailable } from './store-unavailable.js';
import {
  type Append,
  type AppendAnswer,
  entriesMaxFor,
  type TickLog,
  type TickLogLimits,
} from './tick-log.js';

/** Below the connection's command timeout, so that a lagging replica is told from a silent server. */
const WAIT_MS = 250;
/** Fields of `meta` that are not marks: epoch, token, number, run, owner, offset, checkpoint. */
const META_FIELDS = 7;

const append = new RedisScript(APPEND);

export class RedisTickLog implements TickLog {
  /** Connected replicas as of the last append: all of them must have what is acknowledged as replicated. */
  private replicas = 0;

  /** @param redis a command connection of its own: WAIT is about its writes, and holds up what comes behind */
  constructor(
    private readonly redis: Redis,
    private readonly names: Names,
    private readonly limits: TickLogLimits,
    private readonly ack: 'stored' | 'replicated',
  ) {}

  async append(partition: number, what: Append): Promise<AppendAnswer> {
    const { run, entries, newMarks } = what;
    const { log, meta } = this.names.partition(partition);
    const replicated = this.ack === 'replicated' && entries.length > 0;
    const args: ScriptArgument[] = [
      run,
      entriesMaxFor(what, this.limits),
      this.limits.marksMax + META_FIELDS,
    ];
    args.push(replicated ? '1' : '0', newMarks.length, ...newMarks, ...entries);
    if (!replicated) return readAnswer(array(await append.run(this.redis, [log, meta], args)));
    const needed = this.replicas;
    const [reply, have] = await append.runAndWait(this.redis, [log, meta], args, needed, WAIT_MS);
    return this.checkReplicas(array(reply), needed, have);
  }

  private checkReplicas(reply: readonly unknown[], needed: number, have: number): AppendAnswer {
    const answer = readAnswer(reply);
    if (answer.kind !== 'stored') return answer;
    this.replicas = Number(text(reply[1]));
    const wanted = Math.max(needed, this.replicas);
    if (have < wanted) throw new StoreUnavailable(`${have} of ${wanted} replicas have the ticks`);
    return answer;
  }

  together(issue: () => void): void {
    inOneWrite(this.redis, issue);
  }

  watch(listener: ConnectionListener): () => void {
    return watchConnection(this.redis, listener);
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

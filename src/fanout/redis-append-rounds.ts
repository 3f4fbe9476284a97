/**
 * Appends that replicas must have, in rounds of one server: all appends of a round and one WAIT go out in one write over
 * one connection, and the next round gathers until this one is answered. A WAIT holds up everything behind it on its
 * connection: one for each append would take as many ways to the replica as there are partitions.
 */
import type { Redis } from 'ioredis';
import type { RedisCommands } from './redis-commands.js';
import { unavailable } from './redis-errors.js';
import { array, text } from './redis-reply.js';
import { isUnknownScript, type RedisScript, type ScriptArgument } from './redis-script.js';
import { StoreUnavailable } from './store-unavailable.js';

/** Below the connection's command timeout, so that a lagging replica is told from a silent server. */
const WAIT_MS = 250;
/** As often is an append sent elsewhere. */
const REDIRECTIONS_MAX = 2;

interface RoundAppend {
  readonly keys: readonly [string, ...string[]];
  readonly args: readonly ScriptArgument[];
  /** As text once the server did not know the script by its hash. */
  readonly as: 'hash' | 'text';
  readonly redirections: number;
  resolve(reply: readonly unknown[]): void;
  reject(error: unknown): void;
}

type Outcome =
  /** Its replicas in step: null where nothing was stored. */
  | { readonly kind: 'reply'; readonly reply: readonly unknown[]; readonly replicas: number | null }
  | { readonly kind: 'unknown_script' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Replicas that have the round, or why that is not known. */
type Waited = { readonly have: number } | { readonly error: unknown };

export class AppendRounds {
  private readonly servers = new WeakMap<Redis, ServerRounds>();
  private gathering: Set<ServerRounds> | undefined;

  /**
   * @param commands connections of its own
   * @param script answers [word, replicas in step, …]; the first is STORED where a replica must have it
   */
  constructor(
    private readonly commands: RedisCommands,
    private readonly script: RedisScript,
  ) {}

  /** The server of a key was asked without an append. */
  heard(key: string, replicas: number): void {
    this.roundsOf(this.commands.server(key)).replicas = replicas;
  }

  /** What `issue` appends is one round of each server, where none is under way. */
  together(issue: () => void): void {
    const gathered = new Set<ServerRounds>();
    this.gathering = gathered;
    try {
      this.commands.together(issue);
    } finally {
      this.gathering = undefined;
      for (const rounds of gathered) rounds.begin();
    }
  }

  /**
   * @returns the script's reply
   * @throws StoreUnavailable when it was not answered, or a replica that is in step did not get it in time
   */
  append(keys: readonly [string, ...string[]], args: readonly ScriptArgument[]): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      this.send({ keys, args, as: 'hash', redirections: 0, resolve, reject });
    });
  }

  private send(append: RoundAppend): void {
    try {
      const rounds = this.roundsOf(this.commands.server(append.keys[0]));
      rounds.push(append);
      if (this.gathering === undefined) rounds.begin();
      else this.gathering.add(rounds);
    } catch (error) {
      append.reject(error);
    }
  }

  private roundsOf(redis: Redis): ServerRounds {
    let rounds = this.servers.get(redis);
    if (rounds === undefined) {
      rounds = new ServerRounds(redis, this.script, (append, error) => this.failed(redis, append, error));
      this.servers.set(redis, rounds);
    }
    return rounds;
  }

  private failed(redis: Redis, append: RoundAppend, error: unknown): void {
    const mayGoOn = append.redirections < REDIRECTIONS_MAX;
    if (mayGoOn && this.commands.movedBy(error, append.keys[0], redis))
      this.send({ ...append, redirections: append.redirections + 1 });
    else append.reject(unavailable(error));
  }
}

class ServerRounds {
  /** Replicas in step as the server last said: what a WAIT waits for. */
  replicas = 0;
  private next: RoundAppend[] = [];
  private underWay = false;

  /** @param failed was not stored */
  constructor(
    private readonly redis: Redis,
    private readonly script: RedisScript,
    private readonly failed: (append: RoundAppend, error: unknown) => void,
  ) {}

  push(append: RoundAppend): void {
    this.next.push(append);
  }

  begin(): void {
    if (this.underWay || this.next.length === 0) return;
    this.underWay = true;
    void this.run(this.next.splice(0)).finally(() => {
      this.underWay = false;
      this.begin();
    });
  }

  /** Never rejects. */
  private async run(round: readonly RoundAppend[]): Promise<void> {
    const needed = this.replicas;
    const stream = this.redis.status === 'ready' ? this.redis.stream : undefined;
    stream?.cork();
    const outcomes = round.map((append) => this.send(append));
    const waiting = this.wait(needed);
    stream?.uncork();
    const answered = await Promise.all(outcomes);
    const wanted = inStep(answered) ?? needed;
    let waited = await waiting;
    // More are in step than were known of: they are waited for as well.
    if ('have' in waited && waited.have < wanted && needed < wanted) waited = await this.wait(wanted);
    this.replicas = wanted;
    const lacking = lackingOf(waited, wanted);
    for (const [i, append] of round.entries()) this.settle(append, answered[i]!, lacking);
  }

  private async send({ as, keys, args }: RoundAppend): Promise<Outcome> {
    try {
      const reply = array(await this.redis.callBuffer(...this.script.command(as, keys, args)));
      return {
        kind: 'reply',
        reply,
        replicas: text(reply[0]) === 'STORED' ? Number(text(reply[1])) : null,
      };
    } catch (error) {
      return isUnknownScript(error) ? { kind: 'unknown_script' } : { kind: 'failed', error };
    }
  }

  private async wait(replicas: number): Promise<Waited> {
    try {
      return { have: await this.redis.wait(replicas, WAIT_MS) };
    } catch (error) {
      return { error: unavailable(error) };
    }
  }

  private settle(append: RoundAppend, outcome: Outcome, lacking: unknown): void {
    switch (outcome.kind) {
      case 'unknown_script':
        this.next.push({ ...append, as: 'text' });
        return;
      case 'failed':
        this.failed(append, outcome.error);
        return;
      case 'reply':
        if (lacking !== undefined && outcome.replicas !== null) append.reject(lacking);
        else append.resolve(outcome.reply);
        return;
    }
  }
}

/** @returns undefined when no append of the round was stored */
function inStep(outcomes: readonly Outcome[]): number | undefined {
  let most: number | undefined;
  for (const outcome of outcomes) {
    if (outcome.kind === 'reply' && outcome.replicas !== null) most = Math.max(most ?? 0, outcome.replicas);
  }
  return most;
}

/** @returns why what was stored is not acknowledged; undefined when it is */
function lackingOf(waited: Waited, wanted: number): unknown {
  if ('error' in waited) return waited.error;
  if (waited.have >= wanted) return undefined;
  return new StoreUnavailable(`${waited.have} of ${wanted} replicas have the ticks`);
}

/**
 * Appends that replicas must have, in rounds: all appends of a round and one WAIT go out in one write, and the next
 * round gathers until this one is answered. A WAIT holds up everything behind it on its connection: one for each append
 * would take as many ways to the replica as there are partitions.
 */
import type { Redis } from 'ioredis';
import { inOneWrite, unavailable } from './redis-connections.js';
import { array, text } from './redis-reply.js';
import { type RedisScript, type ScriptArgument, UNKNOWN_SCRIPT } from './redis-script.js';
import { StoreUnavailable } from './store-unavailable.js';

/** Below the connection's command timeout, so that a lagging replica is told from a silent server. */
const WAIT_MS = 250;

interface RoundAppend {
  readonly keys: readonly string[];
  readonly args: readonly ScriptArgument[];
  /** As text once the server did not know the script by its hash. */
  readonly as: 'hash' | 'text';
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
  private next: RoundAppend[] = [];
  private underWay = false;
  private gathering = false;
  /** Replicas in step as the server last said: what a WAIT waits for. */
  private replicas = 0;

  /**
   * @param redis a command connection of its own
   * @param script answers [word, replicas in step, …]; the first is STORED where a replica must have it
   */
  constructor(
    private readonly redis: Redis,
    private readonly script: RedisScript,
  ) {}

  /** The server was asked without an append. */
  heard(replicas: number): void {
    this.replicas = replicas;
  }

  /** What `issue` appends is one round, when none is under way. */
  together(issue: () => void): void {
    this.gathering = true;
    try {
      issue();
    } finally {
      this.gathering = false;
      this.begin();
    }
  }

  /**
   * @returns the script's reply
   * @throws StoreUnavailable when it was not answered, or a replica that is in step did not get it in time
   */
  append(keys: readonly string[], args: readonly ScriptArgument[]): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      this.next.push({ keys, args, as: 'hash', resolve, reject });
      this.begin();
    });
  }

  private begin(): void {
    if (this.underWay || this.gathering || this.next.length === 0) return;
    this.underWay = true;
    void this.run(this.next.splice(0)).finally(() => {
      this.underWay = false;
      this.begin();
    });
  }

  /** Never rejects. */
  private async run(round: readonly RoundAppend[]): Promise<void> {
    const needed = this.replicas;
    const outcomes: Promise<Outcome>[] = [];
    let waiting: Promise<Waited> | undefined;
    inOneWrite(this.redis, () => {
      for (const append of round) outcomes.push(this.send(append));
      waiting = this.wait(needed);
    });
    const answered = await Promise.all(outcomes);
    const wanted = inStep(answered) ?? needed;
    let waited = await (waiting ?? this.wait(needed));
    // More are in step than were known of: they are waited for as well.
    if ('have' in waited && waited.have < wanted && needed < wanted) waited = await this.wait(wanted);
    this.replicas = wanted;
    const lacking = lackingOf(waited, wanted);
    for (const [i, append] of round.entries()) this.settle(append, answered[i]!, lacking);
  }

  private async send({ as, keys, args }: RoundAppend): Promise<Outcome> {
    try {
      const answer = await this.script.send(this.redis, as, keys, args);
      if (answer === UNKNOWN_SCRIPT) return { kind: 'unknown_script' };
      const reply = array(answer);
      return {
        kind: 'reply',
        reply,
        replicas: text(reply[0]) === 'STORED' ? Number(text(reply[1])) : null,
      };
    } catch (error) {
      return { kind: 'failed', error };
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
        append.reject(outcome.error);
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

import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { systemClock } from '../clock.js';
import type { RedisCommands } from './redis-commands.js';
import { RedisConnections } from './redis-connections.js';
import { roundScript } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript, ScriptKeys } from './redis-script.js';
import { ScriptRounds } from './redis-script-rounds.js';
import { standaloneAt } from './redis-topology.js';
import { quietLog } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';

/** Answers with the run, the new length of a list, and how many arguments there were. */
const PUSH = roundScript(1, "return {run, redis.call('RPUSH', KEYS[1], ARGV[1]), #ARGV}");

describe('ScriptRounds', () => {
  let server: RedisServer;
  let connections: RedisConnections;
  let commands: RedisCommands;
  let rounds: ScriptRounds;
  beforeAll(async () => {
    server = await startRedis();
    connections = new RedisConnections({
      topology: standaloneAt(server.url),
      log: quietLog,
      clock: systemClock,
    });
    commands = connections.command('spec');
    await connections.whenReady(commands);
    rounds = new ScriptRounds(commands, new RedisScript(PUSH));
    await rounds.call(new ScriptKeys('known'), ['']);
  });
  afterAll(async () => {
    await connections.close();
    await server.stop();
  });
  beforeEach(() => redisCli(server, 'flushall'));

  async function scriptsDuring(run: () => Promise<unknown>): Promise<number> {
    await redisCli(server, 'config', 'resetstat');
    await run();
    const stats = await redisCli(server, 'info', 'commandstats');
    return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  }

  /** Pushes to each list, together. @returns what came of each */
  function pushTo(lists: readonly string[], bytes = new Uint8Array([7])): Promise<unknown[]> {
    const answers: Promise<unknown>[] = [];
    rounds.together(() => {
      for (const list of lists)
        answers.push(rounds.call(new ScriptKeys(list), [bytes]).then((reply) => array(reply)[1]));
    });
    return Promise.all(answers.map((answer) => answer.catch((error: unknown) => error)));
  }

  it('sends what is issued together as one command, and answers each call in its order', async () => {
    let answers: unknown[] = [];
    const commandsSent = await scriptsDuring(async () => {
      answers = await pushTo(['a', 'b', 'a', 'c', 'a']);
    });
    expect(answers).toEqual([1, 1, 2, 1, 3]);
    expect(commandsSent).toBe(1);
  });

  it('gives each call its own keys and arguments, and the run of the server', async () => {
    const run = /run_id:(\w+)/.exec(await redisCli(server, 'info', 'server'))?.[1];
    const answers: Promise<unknown>[] = [];
    rounds.together(() => {
      answers.push(
        rounds.call(new ScriptKeys('a'), ['x']),
        rounds.call(new ScriptKeys('b'), ['', 2, 'three']),
        rounds.call(new ScriptKeys('a'), [5]),
      );
    });
    const said = (await Promise.all(answers)).map((reply) => {
      const [its, length, count] = array(reply);
      return [text(its), length, count];
    });
    expect(said).toEqual([
      [run, 1, 1],
      [run, 1, 3],
      [run, 2, 1],
    ]);
    expect(await redisCli(server, 'lrange', 'a', '0', '-1')).toBe('x\n5');
  });

  it('lets a call that fails fail alone', async () => {
    await redisCli(server, 'set', 'b', 'no list');
    const answers = await pushTo(['a', 'b', 'c']);
    expect(answers).toEqual([
      1,
      expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE/) }),
      1,
    ]);
    expect(answers[1]).not.toBeInstanceOf(StoreUnavailable);
    const [alone] = await pushTo(['b']);
    expect(alone).toEqual(expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE/) }));
  });

  it('says of each call that the store is not available where the server refuses to write', async () => {
    await redisCli(server, 'config', 'set', 'maxmemory', '1');
    try {
      for (const answer of await pushTo(['a', 'b'])) expect(answer).toBeInstanceOf(StoreUnavailable);
    } finally {
      await redisCli(server, 'config', 'set', 'maxmemory', '0');
    }
    expect(await redisCli(server, 'dbsize')).toBe('0');
  });

  it('ends a round at 64 KiB: what a command publishes waits for its last byte', async () => {
    const bytes = new Uint8Array(20_000);
    const commandsSent = await scriptsDuring(() => pushTo(['a', 'b', 'c', 'd', 'e', 'f'], bytes));
    expect(commandsSent).toBe(2);
    expect(await redisCli(server, 'dbsize')).toBe('6');
  });

  const marksOf = (count: number) => Array.from({ length: count }, (_, i) => `mark:${i}`);

  it('ends a round at as many bytes of text, too', async () => {
    const answers: Promise<unknown>[] = [];
    const commandsSent = await scriptsDuring(async () => {
      rounds.together(() => {
        for (const list of ['a', 'b', 'c']) answers.push(rounds.call(new ScriptKeys(list), marksOf(10_000)));
      });
      await Promise.all(answers);
    });
    expect(commandsSent).toBe(3);
  });

  it('takes a call of any number of arguments', async () => {
    expect(array(await rounds.call(new ScriptKeys('a'), marksOf(150_000)))[2]).toBe(150_000);
  });

  it('goes on where the server does not know the script any more', async () => {
    await redisCli(server, 'script', 'flush');
    expect(await pushTo(['a', 'b'])).toEqual([1, 1]);
  });

  it('tells a demoted server from one whose data is at fault: the connection is made anew', async () => {
    const before = commands.server('a');
    const lost = new Promise<void>((resolve) => {
      before.once('close', () => resolve());
    });
    await redisCli(server, 'replicaof', '127.0.0.1', '1');
    try {
      const answers = await pushTo(['a', 'b']);
      for (const answer of answers) expect(answer).toBeInstanceOf(StoreUnavailable);
      await lost;
    } finally {
      await redisCli(server, 'replicaof', 'no', 'one');
    }
  });
});

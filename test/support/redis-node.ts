/**
 * One `redis-server` of a topology, as a process of its own: with a configuration file, since sentinels have their
 * servers rewrite it, and with the same port over kills and starts.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { OwnProcess } from './own-process.js';
import type { TlsFiles } from './tls-files.js';
import { requireProgram } from './tool.js';

export interface RedisNode {
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** False between `kill` and `start`. */
  readonly running: boolean;
  /** It runs, and is not paused. */
  readonly answers: boolean;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Starts it again after `kill`, on the same port and with the configuration that it had then, empty. */
  start(): Promise<void>;
  /** Ends and starts it, with what it held or empty. It has another run id then. */
  restart(options: { readonly empty: boolean }): Promise<void>;
  /** One command, answered as redis-cli prints it. */
  cli(...command: string[]): Promise<string>;
  /** Ends it for good. May be called twice, and after `kill`. */
  stop(): Promise<void>;
}

export interface RedisNodeOptions {
  /** Lines of redis.conf beside port, bind and folder; made anew when the port has to be another one. */
  readonly settings: (port: number) => readonly string[];
  /** What redis-cli needs to get in, e.g. `['-a', password]`. */
  readonly cliArgs?: readonly string[];
  /** `redis-sentinel` is the same program, told by its name to be one. */
  readonly program?: 'redis-server' | 'redis-sentinel';
}

/** Resolves when it takes connections. */
export async function startRedisNode(options: RedisNodeOptions): Promise<RedisNode> {
  const { program = 'redis-server', cliArgs = [] } = options;
  const server = await requireProgram(program, program === 'redis-server' ? program : 'redis-sentinel');
  const cli = await requireProgram('redis-cli', 'redis-tools');
  const folder = await mkdtemp(join(tmpdir(), 'tickcast-redis-'));
  const file = join(folder, 'redis.conf');
  const configure = async (port: number) => {
    const general = [`bind 127.0.0.1`, `dir ${folder}`, `daemonize no`, `protected-mode no`];
    await writeFile(file, `${[...general, ...options.settings(port)].join('\n')}\n`);
  };
  const run = async () => {
    const own = await OwnProcess.start(server, [file]);
    await own.until(program === 'redis-server' ? /Ready to accept connections/ : /Sentinel ID is/);
    return own;
  };

  let port = await freePort();
  await configure(port);
  // Another test may have taken the port in between.
  let own = await run().catch(async () => {
    port = await freePort();
    await configure(port);
    return run();
  });
  let running = true;
  let paused = false;
  void watchExit(own);
  async function watchExit(watched: OwnProcess): Promise<void> {
    await watched.exited;
    if (watched === own) running = false;
  }

  async function ask(...command: string[]): Promise<string> {
    const args = ['-p', String(port), ...cliArgs, ...command];
    const { stdout } = await promisify(execFile)(cli, args, { timeout: 5_000 });
    return stdout.replace(/\n$/, '');
  }

  return {
    port,
    get pid() {
      return own.pid;
    },
    get running() {
      return running;
    },
    get answers() {
      return running && !paused;
    },
    async kill() {
      own.kill('SIGKILL');
      await own.exited;
    },
    pause() {
      paused = true;
      own.kill('SIGSTOP');
    },
    resume() {
      paused = false;
      own.kill('SIGCONT');
    },
    async start() {
      own = await run();
      [running, paused] = [true, false];
      void watchExit(own);
    },
    async restart({ empty }) {
      if (!empty) await ask('save');
      own.kill('SIGKILL');
      await own.exited;
      if (empty) await rm(join(folder, 'dump.rdb'), { force: true });
      own = await run();
      [running, paused] = [true, false];
      void watchExit(own);
    },
    cli: ask,
    async stop() {
      await own.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Lines of redis.conf and arguments of redis-cli for TLS, the replicas' and the cluster's own links included. */
export function tlsSettings(port: number, tls: TlsFiles | undefined): readonly string[] {
  if (tls === undefined) return [`port ${port}`];
  return [
    ...['port 0', `tls-port ${port}`, `tls-cert-file ${tls.cert}`, `tls-key-file ${tls.key}`],
    ...[`tls-ca-cert-file ${tls.cert}`, 'tls-auth-clients optional', 'tls-replication yes'],
  ];
}

export function accessArgs(password: string | undefined, tls: TlsFiles | undefined): readonly string[] {
  return [
    ...(password === undefined ? [] : ['--no-auth-warning', '-a', password]),
    ...(tls === undefined ? [] : ['--tls', '--cacert', tls.cert]),
  ];
}

/**
 * Whether every connected replica gets what is written to this server: one that has just loaded is called online, and
 * gets nothing until it has acknowledged for the first time, up to a second later.
 */
export async function feedsItsReplicas(server: RedisNode): Promise<boolean> {
  const replicas = [
    ...(await server.cli('info', 'replication')).matchAll(/^slave\d+:.*state=(\w+),offset=(\d+)/gm),
  ];
  return replicas.every(([, state, offset]) => state === 'online' && offset !== '0');
}

/** Polls until it holds. A question that fails (the server is down) does not hold. @throws after `timeoutMs` */
export async function untilHolds(
  what: string,
  holds: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await holds()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Expected within ${timeoutMs} ms: ${what}`, { cause: last });
}

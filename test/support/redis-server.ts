/** A real Redis for tests: fresh, empty, nothing written to disk unless it is restarted with its contents. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { OwnProcess } from './own-process.js';
import { mayHaveDocker, requireProgram } from './tool.js';

const IMAGE = 'redis:7.2-alpine';

export interface RedisServer {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Of the local process. @throws when it runs in a container: use pause, resume, restart, stop */
  readonly pid: number;
  /** Freezes it: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Stops and starts it on the same port. It has another run id then, and its contents: all of them where `complete`,
   * none where `empty`, else without those of the moment between its snapshot and its end.
   */
  restart(how?: RestartOptions): Promise<void>;
  /** Ends it. May be called twice. */
  stop(): Promise<void>;
}

export interface RestartOptions {
  readonly empty?: boolean;
  readonly complete?: boolean;
}

export interface RedisOptions {
  /** Further settings, e.g. `['--maxmemory', '100mb']`. */
  readonly args?: readonly string[];
}

/**
 * Starts a Redis: in a container where Docker runs, else `redis-server` (installed by apt-get where we are root).
 * @throws an Error that says what to install
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const args = ['--save', '', '--appendonly', 'no', ...(options.args ?? [])];
  if (await mayHaveDocker()) {
    const container = await startContainer(args);
    if (container !== undefined) return container;
  }
  return startLocal(args);
}

/** One command, answered as redis-cli prints it. */
export async function redisCli(server: RedisServer, ...command: string[]): Promise<string> {
  const program = await requireProgram('redis-cli', 'redis-tools');
  const { stdout } = await promisify(execFile)(program, ['-p', String(server.port), ...command]);
  return stdout.replace(/\n$/, '');
}

async function startLocal(args: readonly string[]): Promise<RedisServer> {
  const program = await requireProgram('redis-server', 'redis-server');
  const folder = await mkdtemp(join(tmpdir(), 'tickcast-redis-'));
  const start = async (port: number) => {
    const own = await OwnProcess.start(program, [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'],
      ...args,
    ]);
    await own.until(/Ready to accept connections/);
    return own;
  };
  let port = await freePort();
  // Another test may have taken the port in between.
  let own = await start(port).catch(async () => {
    port = await freePort();
    return start(port);
  });

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return own.pid;
    },
    async pause() {
      own.kill('SIGSTOP');
    },
    async resume() {
      own.kill('SIGCONT');
    },
    async restart({ empty = false, complete = false } = {}) {
      if (!empty) {
        const cli = await requireProgram('redis-cli', 'redis-tools');
        await promisify(execFile)(cli, ['-p', String(port), ...(complete ? ['shutdown', 'save'] : ['save'])]);
      }
      await own.stop(empty ? 'SIGKILL' : 'SIGTERM');
      if (empty) await rm(join(folder, 'dump.rdb'), { force: true });
      own = await start(port);
    },
    async stop() {
      await own.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @returns undefined when Docker is there but gives no container (no engine, no image, no right) */
async function startContainer(args: readonly string[]): Promise<RedisServer | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const port = await freePort();
  const started = await new GenericContainer(IMAGE)
    // A fixed host port: one that Docker picks would be another after a restart.
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(['redis-server', ...args])
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .start()
    .catch((error: unknown) => {
      process.stderr.write(`No Redis from Docker (${String(error)}); using redis-server.\n`);
      return undefined;
    });
  if (started === undefined) return undefined;
  const runtime = (await getContainerRuntimeClient()).container;
  const handle = runtime.getById(started.getId());
  let stopped = false;
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid(): number {
      throw new Error('This Redis runs in a container: use pause(), resume(), restart() or stop()');
    },
    async pause() {
      await handle.pause();
    },
    async resume() {
      await handle.unpause();
    },
    async restart({ empty = false, complete = false } = {}) {
      const last = complete ? ['shutdown', 'save'] : [empty ? 'flushall' : 'save'];
      await started.exec(['redis-cli', ...last]);
      if (empty) await started.exec(['rm', '-f', '/data/dump.rdb']);
      await started.restart();
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      await started.stop();
    },
  };
}

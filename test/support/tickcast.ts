/** Real Tickcast processes for tests: the built program, started as its users start it. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Exit, OwnProcess } from './own-process.js';

export interface Tickcast {
  /** `http://127.0.0.1:<port>`, as the ready line says. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly exited: Promise<Exit>;
  /** Everything it has written so far: standard output, then the log. */
  output(): string;
  stdout(): string;
  kill(signal: NodeJS.Signals): boolean;
  /** SIGTERM, and SIGKILL after 30 s. May be called twice. */
  stop(): Promise<Exit>;
}

export interface TickcastOptions {
  /** `TICKCAST_*` and `REDIS_*` beside what follows: port 0, loopback, no draining time, no other settings. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/**
 * Starts one process on a free port; resolves when it says that it is ready. The program is built first when a
 * source is newer than the build.
 * @throws when it ends before that; the message carries what it wrote
 */
export async function startTickcast(options: TickcastOptions = {}): Promise<Tickcast> {
  const own = await spawnTickcast(options);
  const ready = await own.until(/^Tickcast .* ready at (http:\/\/\S+:(\d+))/m, 30_000);
  return {
    url: ready[1] as string,
    port: Number(ready[2]),
    pid: own.pid,
    exited: own.exited,
    output: () => own.output(),
    stdout: () => own.stdout,
    kill: (signal) => own.kill(signal),
    stop: () => own.stop('SIGTERM', 30_000),
  };
}

/** The same without waiting for readiness: for starts that are meant to fail. */
export async function spawnTickcast(options: TickcastOptions = {}): Promise<OwnProcess> {
  await build();
  return OwnProcess.start(process.execPath, [resolve('dist/src/main.js'), ...(options.args ?? [])], {
    env: { ...ownEnvironment(), ...options.env },
  });
}

let built: Promise<unknown> | undefined;
function build(): Promise<unknown> {
  built ??= promisify(execFile)(process.execPath, ['scripts/build.mjs', '--if-needed']);
  return built;
}

/** Of the surroundings only what a program needs to run: a developer's own TICKCAST_* must not change a test. */
function ownEnvironment(): Record<string, string | undefined> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_V8_COVERAGE'];
  return {
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    TICKCAST_PORT: '0',
    TICKCAST_HOST: '127.0.0.1',
    TICKCAST_DRAIN_MS: '0',
    TICKCAST_DRAIN_SPREAD_MS: '0',
  };
}

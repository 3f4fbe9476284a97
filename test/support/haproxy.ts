/** A real HAProxy for tests, running the project's own configuration file. */
import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OwnProcess } from './own-process.js';
import { mayHaveDocker, requireProgram } from './tool.js';

const IMAGE = 'haproxy:2.8-alpine';

export interface Haproxy {
  /** All its output so far. */
  output(): string;
  /** Ends it with its connections. May be called twice. */
  stop(): Promise<void>;
}

export interface HaproxyOptions {
  /** Path of the configuration file, from the project's folder. */
  readonly config: string;
  /** What the file's `${VARIABLES}` stand for. */
  readonly env: Readonly<Record<string, string>>;
  /** Ports that it listens on: it has started when all of them answer. */
  readonly ports: readonly number[];
}

/**
 * Starts a HAProxy: in a container where Docker runs on Linux, else `haproxy` (installed by apt-get where we are root).
 * @throws an Error that says what to install, or what HAProxy says against the file
 */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  // Elsewhere than on Linux a container cannot reach servers that listen on the host's loopback.
  if (process.platform === 'linux' && (await mayHaveDocker())) {
    const container = await startContainer(options);
    if (container !== undefined) return container;
  }
  const program = await requireProgram('haproxy', 'haproxy');
  const own = await OwnProcess.start(program, ['-db', '-V', '-f', resolve(options.config)], {
    env: { ...process.env, ...options.env },
  });
  const failed = own.exited.then(() => {
    throw new Error(`haproxy ended at once: ${own.output()}`);
  });
  await Promise.race([Promise.all(options.ports.map(untilListening)), failed]);
  return {
    output: () => own.output(),
    async stop() {
      await own.stop('SIGTERM', 3_000);
    },
  };
}

async function startContainer(options: HaproxyOptions): Promise<Haproxy | undefined> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const folder = await mkdtemp(join(tmpdir(), 'tickcast-haproxy-'));
  await copyFile(options.config, join(folder, 'haproxy.cfg'));
  let text = '';
  const started = await new GenericContainer(IMAGE)
    .withNetworkMode('host')
    .withEnvironment({ ...options.env })
    .withBindMounts([{ source: folder, target: '/usr/local/etc/haproxy', mode: 'ro' }])
    .withLogConsumer((stream) => stream.on('data', (line) => (text += line)))
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
    .catch((error: unknown) => {
      process.stderr.write(`No HAProxy from Docker (${String(error)}); using haproxy.\n`);
      return undefined;
    });
  if (started === undefined) return undefined;
  let stopped = false;
  return {
    output: () => text,
    async stop() {
      if (stopped) return;
      stopped = true;
      await started.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** HAProxy says nothing when it has started: its ports do. */
async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await sleep(25);
  }
  throw new Error(`Expected a listener on 127.0.0.1:${port}, there is none after 5 s`);
}

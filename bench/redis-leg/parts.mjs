/** The processes of one run of the leg: a Redis of its own, publishers and subscribers, and what they cost. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, start } from '../processes.mjs';
import { talker } from '../talker.mjs';
import { PARTITIONS, symbolsFile } from './work.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const MAIN = join(dirname(dirname(HERE)), 'dist', 'src', 'main.js');
const FOLDER = mkdtempSync(join(tmpdir(), 'tickcast-leg-'));
/** Redis has a core of its own. */
export const OTHER_CORE = 0;
export const REDIS_CORE = cpus().length > 1 ? 1 : 0;

/** @returns path of the program that stands for the other gateways @throws where there is no C compiler */
export function compileSinks() {
  const program = join(FOLDER, 'sinks');
  const made = spawnSync('cc', ['-O2', '-o', program, join(HERE, 'sinks.c')], { encoding: 'utf8' });
  if (made.status === 0) return program;
  throw new Error(
    `The other gateways of this bench are a C program, and cc fails here: ${made.stderr ?? made.error}`,
  );
}

export async function startRedis() {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  args.push('--client-output-buffer-limit', 'pubsub 0 0 0');
  const redis = await start(REDIS_CORE, 'redis-server', args, { ready: /Ready to accept connections/ });
  return { ...redis, port: String(port) };
}

/** A program of this folder that answers lines. */
export async function startPart(program, ...args) {
  const file = join(HERE, `${program}.mjs`);
  const part = await start(OTHER_CORE, process.execPath, [file, ...args.map(String)], {
    ...{ ready: /ready/, stdin: 'pipe' },
  });
  return { ...part, ...talker(part) };
}

/** Gateways beside the measured one. @param channel format of a channel's name */
export async function startSinks(program, port, count, channels, channel) {
  const args = [port, String(count), String(channels), channel];
  const sinks = await start(OTHER_CORE, program, args, { ready: /ready/, stdin: 'pipe' });
  return { ...sinks, ...talker(sinks) };
}

/** The real owner: a process of the service with the role that has it. */
export function startOwner(port, symbols) {
  const file = join(FOLDER, `symbols-${symbols}.json`);
  writeFileSync(file, JSON.stringify(symbolsFile(symbols)));
  const env = {
    REDIS_URL: `redis://127.0.0.1:${port}`,
    ...{ TICKCAST_HOST: '127.0.0.1', TICKCAST_PORT: '0', TICKCAST_ROLES: 'fanout,admin' },
    ...{ TICKCAST_ADMIN_KEY: 'bench-key', TICKCAST_LOG_LEVEL: 'error', TICKCAST_TEST_SYMBOL: 'off' },
    ...{ TICKCAST_SYMBOLS_FILE: file, TICKCAST_PARTITIONS: String(PARTITIONS), TICKCAST_TAPE_SECONDS: '2' },
  };
  return start(OTHER_CORE, process.execPath, [MAIN], { env, ready: /ready at http/ });
}

/** Starts the processes of a run on chosen cores, tells their CPU time, and ends those that it started, by pid. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const started = new Set();

/** Below those that the system gives to outgoing connections, of which a run makes thousands. */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
const givenPorts = new Set();

/** A port that is free now, on loopback, and that nobody else in this run was given. */
export async function freePort() {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (givenPorts.has(port) || !(await isFree(port))) continue;
    givenPorts.add(port);
    return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Open files: as many as this user may have, since one process holds thousands of connections. */
const WITH_ALL_FILES = 'ulimit -n "$(ulimit -Hn)" && exec taskset -c "$0" "$@"';
/**
 * For what shares its core with the load client, which spins: its wake-ups go first. Where that is not allowed, nice
 * says so and runs the program all the same.
 */
const BESIDE = ['nice', '-n', '-10'];

/** What only checks takes its time from nobody: sampled clients decode while the load client takes latencies. */
const BEHIND = ['nice', '-n', '10'];

/** Starts a process that only checks what is measured; arguments as of `start`. */
export function startBehind(core, command, args, options) {
  return start(core, BEHIND[0], [...BEHIND.slice(1), command, ...args], options);
}

/** Starts a process that shares its core with the load client; arguments as of `start`. */
export function startBeside(core, command, args, options) {
  return start(core, BESIDE[0], [...BESIDE.slice(1), command, ...args], options);
}

/**
 * @param core processor to run on
 * @param ready text in its output that says that it is ready; the match is returned as `match`
 * @param line called with each line of its output from then on
 */
export async function start(core, command, args, { env = {}, ready, stdin = 'ignore', line } = {}) {
  const child = spawn('sh', ['-c', WITH_ALL_FILES, String(core), command, ...args], {
    env: { ...process.env, ...env },
    stdio: [stdin, 'pipe', 'pipe'],
  });
  if (line !== undefined) createInterface({ input: child.stdout }).on('line', line);
  started.add(child);
  child.once('exit', () => started.delete(child));
  let output = '';
  const match = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      output = (output + chunk).slice(-65_536);
      const found = ready.exec(output);
      if (found !== null) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`)),
    );
  });
  return { child, pid: child.pid, match };
}

/** Seconds that all threads of a process have had a processor so far, user and system, to the ns. */
export function cpuSeconds(pid) {
  const folder = `/proc/${pid}/task`;
  const ofThread = (thread) => Number(readFileSync(join(folder, thread, 'schedstat'), 'utf8').split(' ')[0]);
  return readdirSync(folder).reduce((sum, thread) => sum + ofThread(thread), 0) / 1e9;
}

/** How many files, and so connections, a process of this bench may open. */
export function openFilesMax() {
  const limit = /Max open files\s+\d+\s+(\d+|unlimited)/.exec(readFileSync('/proc/self/limits', 'utf8'))[1];
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

/** Resident bytes of a process. */
export function residentBytes(pid) {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line[1]) * 1024;
}

export async function end({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(timer);
}

export async function endAll() {
  await Promise.all([...started].map((child) => end({ child })));
}

/**
 * What idle connections cost: memory of each after a garbage collection, how fast they are taken, how long a subscription
 * takes, what a session with 50 symbols holds. Beside bare ws and a stock Nest gateway, in the same run.
 *   npm run bench:connections -- [--quick] [--only tickcast,ws,nest,many] [--lock FILE]
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exclusively } from '../exclusive.mjs';
import { TEMPORARY } from '../native.mjs';
import { preferThisSession } from '../priority.mjs';
import { cpuSeconds, end, endAll, start } from '../processes.mjs';
import { talker } from '../talker.mjs';
import { compileHold } from './hold.mjs';
import { keepResults, showResults } from './results.mjs';
import { client, PEERS, startInstallation } from './servers.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVER_CORE = 0;
const OTHER_CORE = cpus().length > 1 ? 1 : 0;
/** Open before the first measurement, so that what is loaded and compiled for the first ones counts for nobody. */
const FIRST = 500;
const CONNECTIONS = 9_000;
const PROCESSES = 3;
const SETTLE_MS = 1_000;

const quick = process.argv.includes('--quick');
const argument = (flag) => {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : process.argv[at + 1];
};
const lock = argument('--lock');
const chosen = (argument('--only') ?? 'tickcast,ws,nest,many').split(',');
const REPETITIONS = quick ? 1 : 3;

/** What is left in a server when its garbage is collected. */
async function memory(server) {
  await pause(SETTLE_MS);
  return server.memory();
}

/** Per connection its length and its bytes. */
function clientsFile(connections) {
  const parts = [];
  for (const bytes of connections) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

async function holdOn(program, name, server) {
  const file = join(TEMPORARY, `hold-${name}-${server.port}`);
  const clients = Array.from({ length: FIRST + CONNECTIONS }, (_, index) => client(name, index));
  writeFileSync(file, clientsFile(clients));
  const hold = await start(OTHER_CORE, program, [String(server.port), file, String(FIRST)], {
    ...{ ready: /ready/, stdin: 'pipe' },
  });
  return { ...hold, ...talker(hold) };
}

/** Opens the connections of one client program, and tells what each costs its server. */
async function open(hold, server) {
  const before = await memory(server);
  const cpuBefore = cpuSeconds(server.pid);
  const { opened, seconds } = await hold.ask('open');
  const usPerConnection = ((cpuSeconds(server.pid) - cpuBefore) / opened) * 1e6;
  const after = await memory(server);
  return {
    rss: (after.rss - before.rss) / opened,
    heap: (after.heapUsed - before.heapUsed) / opened,
    perSecond: opened / seconds,
    usPerConnection,
    after,
  };
}

async function subscribe(hold, server, idle) {
  const cpuBefore = cpuSeconds(server.pid);
  const { p50Us, p99Us, perSecond } = await hold.ask('subscribe');
  const usPerSubscribe = ((cpuSeconds(server.pid) - cpuBefore) / (FIRST + CONNECTIONS)) * 1e6;
  const after = await memory(server);
  return {
    ...{ p50Us, p99Us, perSecond, usPerSubscribe },
    rss: (after.rss - idle.rss) / (FIRST + CONNECTIONS),
    heap: (after.heapUsed - idle.heapUsed) / (FIRST + CONNECTIONS),
  };
}

/** One server with its clients; the service's are told to subscribe, too. */
async function measure(program, name) {
  const installation = name === 'tickcast' ? await startInstallation(OTHER_CORE) : undefined;
  const server = await (installation?.startGateway(SERVER_CORE) ?? PEERS[name].start(SERVER_CORE));
  const hold = await holdOn(program, name, server);
  const { after, ...idle } = await open(hold, server);
  const subscribed = installation && (await subscribe(hold, server, after));
  for (const part of [hold, server, ...(installation?.parts ?? [])]) await end(part);
  return { ...idle, subscribed };
}

/** Several gateways of one installation, each with as many connections. */
async function measureMany(program) {
  const installation = await startInstallation(OTHER_CORE);
  const opened = [];
  for (let i = 0; i < PROCESSES; i++) {
    const server = await installation.startGateway(i % 2 === 0 ? SERVER_CORE : OTHER_CORE);
    const hold = await holdOn(program, 'tickcast', server);
    opened.push({ server, hold });
  }
  const runs = await Promise.all(opened.map(({ server, hold }) => open(hold, server)));
  for (const { server, hold } of opened) for (const part of [hold, server]) await end(part);
  for (const part of installation.parts) await end(part);
  const mean = (pick) => runs.reduce((sum, run) => sum + pick(run), 0) / runs.length;
  return {
    processes: PROCESSES,
    connections: PROCESSES * (FIRST + CONNECTIONS),
    rss: mean((run) => run.rss),
    heap: mean((run) => run.heap),
  };
}

function said(run) {
  const { rss, heap, perSecond, subscribed } = run;
  const idle = `RSS ${Math.round(rss)} B, heap ${Math.round(heap)} B per connection`;
  const rate = perSecond === undefined ? '' : `, ${Math.round(perSecond)} connections/s`;
  if (subscribed === undefined) return idle + rate;
  return `${idle}${rate}; with 50 symbols RSS + ${Math.round(subscribed.rss)} B, heap + ${Math.round(subscribed.heap)} B`;
}

async function main() {
  const program = compileHold(HERE, TEMPORARY);
  if (!preferThisSession())
    console.log('no right to go before others: figures are as steady as the machine is');
  const runs = {};
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    await exclusively(lock, async () => {
      for (const name of chosen) {
        const run = await (name === 'many' ? measureMany(program) : measure(program, name));
        runs[name] = [...(runs[name] ?? []), run];
        console.log(`  ${repetition + 1}. ${name}: ${said(run)}`);
      }
    });
  }
  keepResults(runs, { connections: CONNECTIONS, first: FIRST, repetitions: REPETITIONS });
  showResults();
}

try {
  await main();
} finally {
  await endAll();
}

/**
 * `npm run bench [-- --quick] [-- --peers] [-- --clients 1000,4000] [-- --only tickcast,floor]`: W1 through the whole service beside
 * other systems, alternating, and the ratios of their CPU per delivered update. The measured server has a core of its
 * own; everything else shares the other one.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectClients, LOAD_CLIENT } from './load.mjs';
import { cpuSeconds, end, endAll, residentBytes } from './processes.mjs';
import * as floor from './systems/floor.mjs';
import * as naive from './systems/naive.mjs';
import * as nats from './systems/nats.mjs';
import * as socketio from './systems/socketio.mjs';
import * as tickcast from './systems/tickcast.mjs';
import * as uws from './systems/uws.mjs';
import { talker } from './talker.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const SERVER_CORE = 0;
const OTHER_CORE = cpus().length > 1 ? 1 : 0;
/** The service comes first: the floor sends frames of its size. */
const SYSTEMS = { tickcast, floor, naive, uws, nats, socketio };
const PEERS = ['uws', 'nats', 'socketio'];

const argument = (flag) => {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : process.argv[at + 1];
};
const quick = process.argv.includes('--quick');
const clientCounts = (argument('--clients') ?? (quick ? '300' : '1000')).split(',').map(Number);
const withPeers = process.argv.includes('--peers');
const own = Object.keys(SYSTEMS).filter((key) => withPeers || !PEERS.includes(key));
const chosen = argument('--only')?.split(',') ?? own;
const REPETITIONS = quick ? 1 : 3;
const WARM_UP_MS = quick ? 2_000 : 3_000;
const WINDOW_MS = quick ? 4_000 : 8_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** CPU and deliveries of one system during one window; null when the system is not to be had here. */
async function measure(system, clients, bytesPerUpdate) {
  const opened = await system.open({
    serverCore: SERVER_CORE,
    otherCore: OTHER_CORE,
    clients,
    bytesPerUpdate,
  });
  if (opened === null) return null;
  const load = await connectClients(OTHER_CORE, system, opened.port, clients);
  const counting = talker(load);
  await opened.go();
  await pause(WARM_UP_MS);
  const parts = { server: opened.server, ...opened.beside };
  const cpuBefore = Object.values(parts).map(({ pid }) => cpuSeconds(pid));
  const before = await counting.ask('count');
  const startedAt = performance.now();
  await pause(WINDOW_MS);
  const after = await counting.ask('count');
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = Object.fromEntries(
    Object.entries(parts).map(([name, { pid }], i) => [name, (cpuSeconds(pid) - cpuBefore[i]) / seconds]),
  );
  const rss = residentBytes(opened.server.pid);
  await end(load);
  const check = await opened.check?.();
  await opened.close();
  const updatesOf = system.updatesOf ?? ((counters) => counters.updates);
  const updates = updatesOf(after) - updatesOf(before);
  return {
    usPerUpdate: ((cpu.server * seconds) / updates) * 1e6,
    deliveredPerSecond: updates / seconds,
    bytesPerUpdate: (after.bytes - before.bytes) / updates,
    framesPerSecond: (after.frames - before.frames) / seconds,
    cpu,
    rss,
    check,
  };
}

async function compare(clients) {
  const runs = Object.fromEntries(chosen.map((key) => [key, []]));
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    let bytesPerUpdate = 17;
    for (const key of chosen) {
      const run = await measure(SYSTEMS[key], clients, bytesPerUpdate);
      if (run === null) continue;
      if (key === 'tickcast') ({ bytesPerUpdate } = run);
      runs[key].push(run);
      console.log(
        `  ${repetition + 1}. ${SYSTEMS[key].name}: ${run.usPerUpdate.toFixed(3)} us per delivered update`,
      );
    }
  }
  return runs;
}

function table(runs) {
  return Object.entries(runs)
    .filter(([, of]) => of.length > 0)
    .map(([key, of]) => {
      const middle = (pick) => median(of.map(pick));
      const paired = of.flatMap((run, i) => {
        const ours = runs.tickcast?.[i];
        return ours === undefined ? [] : [ours.usPerUpdate / run.usPerUpdate];
      });
      return {
        system: SYSTEMS[key].name,
        'us/update': Number(middle((run) => run.usPerUpdate).toFixed(3)),
        'tickcast / this': paired.length === 0 ? '-' : Number(median(paired).toFixed(3)),
        'delivered/s': Math.round(middle((run) => run.deliveredPerSecond)),
        'B/update': Number(middle((run) => run.bytesPerUpdate).toFixed(1)),
        'frames/s': Math.round(middle((run) => run.framesPerSecond)),
        'core %': Math.round(middle((run) => run.cpu.server) * 100),
        'RSS MB': Math.round(middle((run) => run.rss) / 1e6),
      };
    });
}

/** Peers have a package.json of their own: nobody who only uses the service installs them. */
function installPeers() {
  const folder = join(HERE, 'peers');
  if (existsSync(join(folder, 'node_modules'))) return;
  console.log('installing the peers of the bench');
  execFileSync('npm', ['install', '--no-fund', '--no-audit', '--no-package-lock'], {
    cwd: folder,
    stdio: 'inherit',
  });
}

async function main() {
  if (chosen.some((key) => PEERS.includes(key))) installPeers();
  console.log(`load client: ${LOAD_CLIENT}; ${REPETITIONS} alternating repetitions, medians`);
  const results = [];
  for (const clients of clientCounts) {
    console.log(`W1, C = ${clients}: ${clients * 1000} deliveries per second are asked for`);
    const runs = await compare(clients);
    const rows = table(runs);
    console.table(rows);
    const [first] = runs.tickcast ?? [];
    if (first !== undefined) {
      const beside = Object.keys(first.cpu).filter((name) => name !== 'server');
      const share = (name) =>
        `${name} ${(median(runs.tickcast.map((run) => run.cpu[name])) * 100).toFixed(1)} %`;
      console.log(`beside the gateway, of a core: ${beside.map(share).join(', ')}`);
      const { clients: checked, compared, records, leftOut, states } = first.check;
      console.log(
        `checked: ${records} records of ${checked} clients, ${compared} images equal, ${leftOut} of ${states} states left out`,
      );
    }
    results.push({ clients, rows, runs });
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT }).toString().trim();
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    loadClient: LOAD_CLIENT,
  };
  const folder = join(HERE, 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'w1.json');
  writeFileSync(file, JSON.stringify({ commit, machine, date: new Date().toISOString(), results }, null, 2));
  console.log(`written to ${relative(process.cwd(), file)}`);
}

try {
  await main();
} finally {
  await endAll();
}

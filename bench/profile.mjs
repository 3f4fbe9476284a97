/**
 * `npm run profile -- [work] [--clients 1000] [--of gateway | owner]`: one run of a work with a CPU profile of each
 * gateway, or of the processes that feed it, and its heaviest functions by self time, so that the next thing to make
 * faster starts from facts.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRun, pause } from './measure.mjs';
import { end, endAll } from './processes.mjs';
import * as tickcast from './systems/tickcast.mjs';
import { WORKS } from './works/works.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SECONDS = 10;
const SHOWN = 10;

function readArguments(args) {
  const value = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const key = args[0] === undefined || args[0].startsWith('--') ? 'w1' : args[0];
  const work = WORKS[key];
  if (work === undefined) throw new Error(`There is no work "${key}": ${Object.keys(WORKS).join(', ')}`);
  const usual = work.clients.includes(1000) ? 1000 : work.clients[0];
  return { work, clients: Number(value('--clients') ?? usual), of: value('--of') ?? 'gateway' };
}

/** Self time per function of a profile, heaviest first; shares of the time that was not idle. */
function heaviest({ nodes, samples, timeDeltas }) {
  const selfUs = new Map();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  let busyUs = 0;
  samples.forEach((id, i) => {
    const { functionName, url, lineNumber } = byId.get(id).callFrame;
    if (functionName === '(idle)') return;
    busyUs += timeDeltas[i];
    const place = `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
    selfUs.set(place, (selfUs.get(place) ?? 0) + timeDeltas[i]);
  });
  const rows = [...selfUs].sort((a, b) => b[1] - a[1]).slice(0, SHOWN);
  return {
    busyMs: Math.round(busyUs / 1000),
    rows: rows.map(([place, us]) => ({ function: place, 'self %': ((us / busyUs) * 100).toFixed(1) })),
  };
}

const { work, clients, of } = readArguments(process.argv.slice(2));
/** Of the work's contenders the first: the service as the work has it. */
const [{ options = {} }] = work.contenders(clients, false);
const folder = join(HERE, 'results', `profile-${work.key}-${Date.now()}`);
mkdirSync(folder, { recursive: true });
try {
  const run = await openRun({ work, system: tickcast, options, clients, profile: { of, folder } });
  if (run === null) process.exit(1);
  const { opened, load, counting } = run;
  await opened.go();
  await pause(1_000);
  if (work.watch(0, options).bytesPerSecond > 0) await counting.ask('slow');
  if (work.measure === 'storm') await counting.ask('begin');
  await pause(SECONDS * 1000);
  await end(load);
  await opened.check();
  await opened.close();
  console.log(`${work.title}; C = ${clients}`);
  for (const file of readdirSync(folder)) {
    const { busyMs, rows } = heaviest(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    console.log(`${relative(process.cwd(), join(folder, file))}: ${busyMs} ms busy, handshakes included`);
    console.table(rows);
  }
} finally {
  await endAll();
}

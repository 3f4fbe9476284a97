/**
 * `npm run profile [-- --clients 1000]`: one run of W1 with a CPU profile of the gateway, and its heaviest functions by
 * self time, so that the next thing to make faster starts from facts.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectClients } from './load.mjs';
import { end, endAll } from './processes.mjs';
import * as tickcast from './systems/tickcast.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const at = process.argv.indexOf('--clients');
const clients = at < 0 ? 1000 : Number(process.argv[at + 1]);
const SECONDS = 10;
const SHOWN = 25;

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
    rows: rows.map(([place, us]) => ({ place, 'self %': ((us / busyUs) * 100).toFixed(1) })),
  };
}

const folder = join(HERE, 'results', `profile-${Date.now()}`);
mkdirSync(folder, { recursive: true });
try {
  const opened = await tickcast.open({ serverCore: 0, otherCore: 1, clients, profile: folder });
  const load = await connectClients(1, tickcast, opened.port, clients);
  await opened.go();
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  await end(load);
  await opened.close();
  for (const file of readdirSync(folder)) {
    const { busyMs, rows } = heaviest(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    console.log(`${relative(process.cwd(), join(folder, file))}: ${busyMs} ms busy, handshakes included`);
    console.table(rows);
  }
} finally {
  await endAll();
}

/** The results of the connections, their table, and what must be reached. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const FILE = join(ROOT, 'bench', 'results', 'connections.json');

const TARGETS = [
  { what: 'idle RSS per connection / bare ws, defaults', pass: 1, aim: 0.8, against: 'ws' },
  {
    what: 'idle RSS per connection / stock Nest platform-ws gateway',
    pass: 0.55,
    aim: 0.45,
    against: 'nest',
  },
];

let kept;

export function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** @param runs by server, one per repetition */
export function keepResults(runs, setup) {
  kept = {
    at: new Date().toISOString(),
    commit: commit(),
    machine: { model: cpus()[0].model, cores: cpus().length, node: process.version },
    ...setup,
    servers: Object.fromEntries(Object.entries(runs).map(([name, of]) => [name, middle(of)])),
    targets: judged(runs),
  };
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(kept, null, 2)}\n`);
}

export function showResults() {
  console.table(
    Object.entries(kept.servers).map(([server, of]) => ({
      server,
      'RSS B': Math.round(of.rss),
      'heap B': Math.round(of.heap),
      'connections/s': of.perSecond === undefined ? '-' : Math.round(of.perSecond),
      'CPU µs each': of.usPerConnection === undefined ? '-' : Math.round(of.usPerConnection),
    })),
  );
  const { subscribed } = kept.servers.tickcast ?? {};
  if (subscribed !== undefined) {
    const { rss, heap, p50Us, p99Us, perSecond, usPerSubscribe } = subscribed;
    console.log(
      `a session with 50 symbols: RSS + ${Math.round(rss)} B, heap + ${Math.round(heap)} B; ` +
        `subscribed in ${p50Us} µs (p99 ${p99Us}), ${Math.round(perSecond)}/s, ${Math.round(usPerSubscribe)} µs of CPU`,
    );
  }
  console.table(kept.targets);
  console.log(`written to ${relative(process.cwd(), FILE)}`);
}

function judged(runs) {
  return TARGETS.flatMap(({ what, pass, aim, against }) => {
    if (runs.tickcast === undefined || runs[against] === undefined) return [];
    const found = median(runs.tickcast.map((run, i) => run.rss / runs[against][i].rss));
    const said = found <= aim ? 'pass, aim reached' : found <= pass ? 'pass' : 'MISS';
    return [{ what, found: Number(found.toFixed(3)), pass: `≤ ${pass}`, aim: `≤ ${aim}`, said }];
  });
}

/** Median of each figure. */
function middle(of) {
  const [first] = of;
  if (typeof first === 'number') return median(of);
  if (typeof first !== 'object') return first;
  return Object.fromEntries(Object.keys(first).map((key) => [key, middle(of.map((run) => run[key]))]));
}

function commit() {
  const git = (...args) => {
    const said = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
    return said.status === 0 ? said.stdout.trim() : 'unknown';
  };
  return (
    git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src', 'libs') === '' ? '' : '+')
  );
}

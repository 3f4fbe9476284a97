/**
 * `npm run bench`: works through the whole service, beside other systems, alternating; then what must be reached. The
 * measured server has a core of its own; everything else shares the other one. See README.md beside this file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HELP, readArguments } from './arguments.mjs';
import { exclusively } from './exclusive.mjs';
import { LOAD_CLIENT } from './load.mjs';
import { commit, machine, versions } from './machine.mjs';
import { measure } from './measure.mjs';
import { measureStalled } from './measure-stalled.mjs';
import { measureStorm } from './measure-storm.mjs';
import { preferThisSession } from './priority.mjs';
import { endAll } from './processes.mjs';
import { FROM_NPM, SYSTEMS } from './systems/systems.mjs';
import { printWork } from './table.mjs';
import { checkTargets } from './targets.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const RESULTS = join(HERE, 'results');
/** Benches of their own, whose results belong into the table of what must be reached. */
const BESIDE = ['connections', 'redis-leg'];
const MEASURES = { storm: measureStorm, stalled: measureStalled };
/** What the floor sends where the service did not run before it. */
const BYTES_PER_UPDATE = 17;

/** The contenders of a work that are to run, each with its label and options. */
function contendersOf(work, clients, { quick, only }) {
  return work
    .contenders(clients, quick)
    .filter(({ key }) => only === undefined || only.includes(key))
    .filter(({ system }) => !quick || work.key === 'w1' || system === 'tickcast')
    .map((contender) => ({ options: {}, label: SYSTEMS[contender.system].name, ...contender }));
}

function say(repetition, label, run) {
  if (run === null) return;
  const figure =
    run.usPerUpdate === undefined ? 'done' : `${run.usPerUpdate.toFixed(3)} us per delivered update`;
  console.log(`  ${repetition + 1}. ${label}: ${figure}`);
}

/** One repetition of one work with one number of clients: each contender once, its run added to `byKey`. */
async function repeat(work, clients, repetition, said, byKey) {
  let bytesPerUpdate = BYTES_PER_UPDATE;
  for (const { key, system, label, options } of contendersOf(work, clients, said)) {
    const one = { ...said, work, system: SYSTEMS[system], options, clients, bytesPerUpdate };
    const run = await exclusively(said.lock, async () => {
      const startedAt = performance.now();
      const measured = await (MEASURES[work.measure] ?? measure)(one);
      said.spentMs += performance.now() - startedAt;
      return measured;
    });
    if (key === 'tickcast' && run !== null) bytesPerUpdate = run.bytesPerUpdate;
    byKey[key] = [...(byKey[key] ?? []), run];
    say(repetition, label, run);
  }
}

async function runWork(work, said) {
  console.log(`\n${work.title}`);
  const counts =
    said.clients ?? (said.quick ? [work.clients.includes(1000) ? 1000 : work.clients[0]] : work.clients);
  const results = Object.fromEntries(counts.map((clients) => [clients, {}]));
  for (let repetition = 0; repetition < said.repetitions; repetition++) {
    for (const clients of counts) {
      if (counts.length > 1) console.log(` C = ${clients}`);
      await repeat(work, clients, repetition, said, results[clients]);
    }
  }
  for (const clients of counts) {
    console.log(`${work.title}; C = ${clients}`);
    printWork(work, clients, contendersOf(work, clients, said), results[clients]);
  }
  return results;
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

/** Results of the benches beside this one, by the name of their folders. */
function otherResults() {
  const read = (name) => {
    const file = join(RESULTS, `${name}.json`);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  };
  return Object.fromEntries(BESIDE.map((name) => [name, read(name)]));
}

/** @returns the file */
function write(works, said) {
  mkdirSync(RESULTS, { recursive: true });
  const name = said.isAll
    ? said.quick
      ? 'quick'
      : 'bench'
    : `bench-${said.works.map(({ key }) => key).join('-')}`;
  const file = join(RESULTS, `${name}.json`);
  const { repetitions, windowMs } = said;
  const targets = checkTargets(works, otherResults());
  const head = { commit: commit(), date: new Date().toISOString(), machine: machine(), versions: versions() };
  writeFileSync(file, JSON.stringify({ ...head, repetitions, windowMs, targets, works }, null, 2));
  return file;
}

async function main() {
  const said = readArguments(process.argv.slice(2));
  if (said.help) {
    console.log(HELP);
    return;
  }
  const wanted = said.works.flatMap((work) => contendersOf(work, 1000, said).map(({ system }) => system));
  if (wanted.some((system) => FROM_NPM.includes(system))) installPeers();
  const isPreferred = preferThisSession();
  console.log(
    `load client: ${LOAD_CLIENT}; ${said.repetitions} alternating repetitions, medians; ` +
      (isPreferred ? 'this session before others' : 'no priority over others'),
  );
  const works = {};
  for (const work of said.works) {
    works[work.key] = await runWork(work, said);
    // After each work: a bench that is interrupted leaves what it had.
    write(works, said);
  }
  console.log(`\nmeasured for ${Math.round(said.spentMs / 1000)} s\n\nWhat must be reached`);
  console.table(checkTargets(works, otherResults()));
  console.log(`written to ${relative(process.cwd(), write(works, said))}`);
}

try {
  await main();
} finally {
  await endAll();
}

/**
 * Runs the bench files beside the hot code, each in a process of its own, so that none spoils what the compiler has
 * learnt from another. Prints a table per file, and writes all figures to bench/results/.
 */
import { fork, spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(HERE));
const HELP = `npm run bench:micro -- [options] [names]
  lane batch      only the bench files of these names
  --quick         short times: rough figures
  --once          each case twice: shows that it runs
  --out FILE      where the figures are written; else bench/results/micro.json, or micro-<names>.json`;

function readArguments(args) {
  const found = { names: [], mode: 'usual', out: undefined, help: false };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--quick' || arg === '--once') found.mode = arg.slice(2);
    else if (arg === '--help') found.help = true;
    else if (arg === '--out' && args[i + 1] !== undefined) found.out = args[++i];
    else if (arg.startsWith('-')) throw new Error(`${arg} is not known.\n${HELP}`);
    else found.names.push(arg);
  }
  return found;
}

const nameOf = (path) => basename(path, '.bench.ts');

/** Paths of the bench files, as seen from the root. @throws Error when there is none of a name */
async function benchFiles(names) {
  const listed = await Promise.all(
    ['libs', 'src'].map(async (folder) =>
      (await readdir(join(ROOT, folder), { recursive: true })).map((path) => join(folder, path)),
    ),
  );
  const all = listed
    .flat()
    .filter((path) => path.endsWith('.bench.ts'))
    .sort();
  const unknown = names.find((name) => !all.some((path) => nameOf(path) === name));
  if (unknown !== undefined)
    throw new Error(`There is no bench "${unknown}", only ${all.map(nameOf).join(', ')}.\n${HELP}`);
  return names.length === 0 ? all : all.filter((path) => names.includes(nameOf(path)));
}

/** @returns the figures of its cases */
function runFile(path, mode) {
  return new Promise((done, failed) => {
    const child = fork(join(HERE, 'one.mjs'), [path, mode], { cwd: ROOT, execArgv: ['--expose-gc'] });
    let figures;
    child.on('message', (message) => (figures = message));
    child.on('error', failed);
    child.on('exit', (code) =>
      figures === undefined ? failed(new Error(`${path} ended with ${code}`)) : done(figures),
    );
  });
}

function rowOf({ name, items, ns, nsMean, margin, samples }) {
  const figure = (value) => Number(value.toPrecision(3));
  return {
    case: name,
    'ns/item': figure(ns),
    'mean ns/item': figure(nsMean),
    '± % of mean': figure(margin),
    'items/op': items,
    samples,
  };
}

async function main() {
  const { names, mode, out, help } = readArguments(process.argv.slice(2));
  if (help) return console.log(HELP);
  const files = {};
  for (const path of await benchFiles(names)) {
    files[path] = await runFile(path, mode);
    console.log(path);
    console.table(files[path].map(rowOf));
  }
  const suffix = names.length === 0 ? '' : `-${names.join('-')}`;
  const target = out ?? join(ROOT, 'bench', 'results', `micro${suffix}.json`);
  // Null where this is no checkout.
  const described = spawnSync('git', ['describe', '--always', '--dirty=+'], { cwd: ROOT, encoding: 'utf8' });
  const commit = described.stdout?.trim() || null;
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release() };
  await mkdir(dirname(target), { recursive: true });
  const result = { at: new Date().toISOString(), mode, commit, node: process.version, machine, files };
  await writeFile(target, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`written to ${target}`);
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});

/**
 * Builds what `npm start` runs: TypeScript of src and libs to dist/src and dist/libs, the screens of web to dist/web.
 *   node scripts/build.mjs               builds
 *   node scripts/build.mjs --if-needed   builds when a source is newer than the last build; else takes some ms
 * Several may ask at once (test workers do): one builds, the others wait for it.
 */
import { copyFile, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compileNative, WITHOUT_COMPILER } from './compile-native.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
/** Written when a build began; its time is what sources are compared with. */
const STAMP = join(DIST, '.built');
const LOCK = join(ROOT, 'node_modules', '.cache', 'tickcast-build');
const SOURCES = ['src', 'libs', 'web', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
/** Files of which the build does not depend on the time. */
const ASIDE = /(\.spec\.ts|\.fixture\.ts|\.bench\.ts|\.md)$/;

async function newest(path) {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return 0;
  if (!found.isDirectory()) return ASIDE.test(path) ? 0 : found.mtimeMs;
  const names = (await readdir(path)).filter((name) => name !== 'node_modules');
  const times = await Promise.all(names.map((name) => newest(join(path, name))));
  return Math.max(found.mtimeMs, ...times);
}

async function isFresh() {
  const built = await stat(STAMP).catch(() => undefined);
  if (built === undefined) return false;
  const times = await Promise.all(SOURCES.map((name) => newest(join(ROOT, name))));
  return Math.max(...times) <= built.mtimeMs;
}

/** Runs `work` while no other process does. A lock whose holder is gone is taken over. */
async function alone(work) {
  await mkdir(dirname(LOCK), { recursive: true });
  for (;;) {
    const mine = await mkdir(LOCK).then(
      () => true,
      (error) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (mine) break;
    const holder = Number(await readFile(join(LOCK, 'pid'), 'utf8').catch(() => '0'));
    const age = await stat(LOCK).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    if (holder === 0 ? age > 5_000 : !isAlive(holder)) await rm(LOCK, { recursive: true, force: true });
    else await sleep(100);
  }
  try {
    await writeFile(join(LOCK, 'pid'), String(process.pid));
    return await work();
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Translates, without looking at types: that is the work of `npm run check`, and takes twenty times as long. */
async function translate(path, transformFile) {
  const target = join(DIST, path.replace(/\.ts$/, '.js'));
  const { code, map } = await transformFile(join(ROOT, path), {
    sourceMaps: true,
    sourceFileName: relative(dirname(target), join(ROOT, path)),
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      experimental: { keepImportAttributes: true },
    },
    module: { type: 'es6' },
  });
  await mkdir(dirname(target), { recursive: true });
  await writeFile(`${target}.map`, map);
  await writeFile(target, `${code}//# sourceMappingURL=${basename(target)}.map\n`);
}

async function translateAll() {
  // Loaded only where there is something to build.
  const { transformFile } = await import('@swc/core');
  const folders = ['src', 'libs'];
  const listed = await Promise.all(folders.map((name) => readdir(join(ROOT, name), { recursive: true })));
  const paths = listed.flatMap((names, i) => names.map((name) => join(folders[i], name)));
  const sources = paths.filter((path) => path.endsWith('.ts') && !ASIDE.test(path));
  await Promise.all([
    ...sources.map((path) => translate(path, transformFile)),
    ...paths.filter((path) => path.endsWith('.json')).map(copy),
  ]);
}

async function copy(path) {
  await mkdir(dirname(join(DIST, path)), { recursive: true });
  await copyFile(join(ROOT, path), join(DIST, path));
}

async function buildWeb() {
  const { build } = await import('vite');
  await build({ root: join(ROOT, 'web'), logLevel: 'warn' });
}

async function build() {
  const startedAt = new Date();
  let compiled;
  try {
    [compiled] = await Promise.all([compileNative(), translateAll(), buildWeb()]);
  } catch (error) {
    process.stderr.write(`The build failed: ${error.message}\n`);
    return 1;
  }
  await writeFile(STAMP, startedAt.toISOString());
  await utimes(STAMP, startedAt, startedAt);
  const seconds = ((Date.now() - startedAt.getTime()) / 1000).toFixed(1);
  process.stderr.write(`Built ${relative(ROOT, DIST)} in ${seconds} s.\n`);
  if (!compiled) process.stderr.write(WITHOUT_COMPILER);
  return 0;
}

const ifNeeded = process.argv.includes('--if-needed');
process.exitCode =
  ifNeeded && (await isFresh()) ? 0 : await alone(async () => (ifNeeded && (await isFresh()) ? 0 : build()));

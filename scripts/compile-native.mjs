/**
 * Compiles the part of the gateway that is in C to dist/native; `node scripts/compile-native.mjs` does it alone.
 * Without a C compiler the service works without it, for more CPU.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE = join(ROOT, 'src', 'gateway', 'native', 'send-frames.c');
const OUTPUT = join(ROOT, 'dist', 'native', 'send-frames.node');
const COMPILER = 'cc';

export const WITHOUT_COMPILER =
  'There is no C compiler (cc): frames will go through streams, for about twice the CPU per client.\n';

/** @returns whether it was compiled: false without a compiler. @throws what the compiler says */
export async function compileNative() {
  await mkdir(dirname(OUTPUT), { recursive: true });
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  const resolvedLater = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', ...resolvedLater, '-I', headers];
  try {
    await promisify(execFile)(COMPILER, [...flags, '-o', OUTPUT, SOURCE]);
    return true;
  } catch (error) {
    await rm(OUTPUT, { force: true });
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !(await compileNative())) {
  process.stderr.write(WITHOUT_COMPILER);
  process.exitCode = 1;
}

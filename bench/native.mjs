/** Compiles the C programs of the bench on the spot. Where there is no compiler, the slower Node client stands in. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'native');
const FOLDER = mkdtempSync(join(tmpdir(), 'tickcast-bench-'));

/** @returns path of the program, or null with a line that says why not */
export function compile(name) {
  const program = join(FOLDER, name);
  const made = spawnSync('cc', ['-O2', '-o', program, join(SOURCES, `${name}.c`)], { encoding: 'utf8' });
  if (made.error === undefined && made.status === 0) return program;
  console.log(`${name} is left out: no C compiler (cc) here${made.stderr ? `: ${made.stderr}` : ''}`);
  return null;
}

export const TEMPORARY = FOLDER;

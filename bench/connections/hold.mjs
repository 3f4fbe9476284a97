/** Compiles the client of this bench. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** @returns path of the program @throws where there is no C compiler */
export function compileHold(sources, folder) {
  const program = join(folder, 'hold');
  const made = spawnSync('cc', ['-O2', '-o', program, join(sources, 'hold.c')], { encoding: 'utf8' });
  if (made.status === 0) return program;
  throw new Error(`The client of this bench is a C program, and cc fails here: ${made.stderr ?? made.error}`);
}

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's own package.json is found upwards of this file: it lies at another depth when built. */
function readVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const read = readPackage(join(folder, 'package.json'));
    if (read?.name === 'tickcast') return read.version;
    if (folder === dirname(folder)) throw new Error('Expected package.json of tickcast above dist/src');
  }
}

function readPackage(path: string): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { name: string; version: string };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of the package, e.g. `0.1.0`. */
export const VERSION = readVersion();

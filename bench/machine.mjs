/** Where a result was measured: machine, versions, commit. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOAD_CLIENT } from './load.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** First line that a program says of its version; null when it is not here. */
function version(program, ...args) {
  const { error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return error === undefined ? `${stdout}${stderr}`.trim().split('\n')[0] : null;
}

export function machine() {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    loadClient: LOAD_CLIENT,
  };
}

export function versions() {
  const { dependencies } = JSON.parse(readFileSync(join(HERE, 'peers', 'package.json'), 'utf8'));
  return {
    node: process.version,
    redis: version('redis-server', '--version'),
    nats: version('nats-server', '--version'),
    nginx: version('nginx', '-v'),
    cc: version('cc', '--version'),
    peers: dependencies,
  };
}

/** Short name of the commit; with a plus when files differ from it. */
export function commit() {
  const git = (...args) => execFileSync('git', args, { cwd: HERE, encoding: 'utf8' }).trim();
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
}

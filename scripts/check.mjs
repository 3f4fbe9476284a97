/** Types, lint and format, import rules, generated docs: side by side, each with its own words when it fails. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const CHECKS = {
  types: ['typescript/lib/tsc.js', '--noEmit'],
  'types of web': ['typescript/lib/tsc.js', '--noEmit', '-p', 'web/tsconfig.json'],
  'lint and format': ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
  'import rules': [
    'dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'err-long',
    'src',
    'libs',
  ],
  'generated docs': ['../scripts/docs-config.mjs', '--check'],
};

function run([script, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (said += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ well: code === 0, said }));
  });
}

const results = await Promise.all(
  Object.entries(CHECKS).map(async ([name, command]) => {
    const result = await run(command);
    process.stdout.write(`${result.well ? 'ok    ' : 'FAILED'} ${name}\n${result.well ? '' : result.said}`);
    return result.well;
  }),
);
process.exitCode = results.every(Boolean) ? 0 : 1;

/** `npm start`: builds what is not built yet, then is the service itself, in this very process. */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = dirname(fileURLToPath(import.meta.url));
try {
  execFileSync(process.execPath, [join(scripts, 'build.mjs'), '--if-needed'], { stdio: 'inherit' });
} catch (error) {
  // The build has said what is wrong.
  process.exit(error.status ?? 1);
}
await import('../dist/src/main.js');

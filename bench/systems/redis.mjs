/** A redis-server of its own, which stores nothing on disk. */
import { freePort, startBeside } from '../processes.mjs';

/** @returns {port, process} */
export async function startRedis(core) {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  return {
    port,
    process: await startBeside(core, 'redis-server', args, { ready: /Ready to accept connections/ }),
  };
}

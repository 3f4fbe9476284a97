/** Starts stalled-run.mjs, for other kernel settings in a network of its own: they are nobody else's business. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'stalled-run.mjs');
/** What docs/operations.md advises for gateways. */
const TUNED = 'ip link set lo up && sysctl -qw net.ipv4.tcp_notsent_lowat=16384 && exec "$0" "$@"';

/** @returns {clients, seconds, bytes: {median, max} each}; null when it cannot be run here */
export async function measureStalled({ options, clients }) {
  const command = [process.execPath, SCRIPT, String(clients)];
  const [program, ...args] = options.tuned ? ['unshare', '-n', 'sh', '-c', TUNED, ...command] : command;
  const ran = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (ran.status === 0) return JSON.parse(ran.stdout.trim().split('\n').at(-1));
  if (!options.tuned) throw new Error(ran.stderr);
  console.log(`other kernel settings are left out: unshare -n: ${ran.error?.message ?? ran.stderr}`);
  return null;
}

/** Connects C clients to a system and counts what they are sent: by the C program, else by Node. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientsFile } from './frames.mjs';
import { compile, TEMPORARY } from './native.mjs';
import { start } from './processes.mjs';

const NODE_CLIENT = join(dirname(fileURLToPath(import.meta.url)), 'load-client.mjs');
const program = compile('load');
export const LOAD_CLIENT = program === null ? 'Node' : 'C';

export function connectClients(core, system, port, clients) {
  const file = join(TEMPORARY, 'clients');
  writeFileSync(file, clientsFile(Array.from({ length: clients }, (_, index) => system.client(index))));
  const args = [String(port), file, String(clients)];
  const [command, ...rest] = program === null ? [process.execPath, NODE_CLIENT, ...args] : [program, ...args];
  return start(core, command, rest, { ready: /subscribed/, stdin: 'pipe' });
}

/** Connects C clients to a system and counts what they are sent: by the C program, else by Node. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, TEMPORARY } from './native.mjs';
import { start } from './processes.mjs';

const NODE_CLIENT = join(dirname(fileURLToPath(import.meta.url)), 'load-client.mjs');
/** As many connections, spread evenly, take latencies. */
const SAMPLED = 100;
const TAKES_LATENCIES = 1;
const SPEAKS_SERVICE = 2;
const HOLDS = 4;
/** port, flags, bytes per second, images wanted, length: see native/load.c. */
const HEAD_BYTES = 16;

const program = compile('load');
export const LOAD_CLIENT = program === null ? 'Node' : 'C';

/**
 * @param core processor of the load client
 * @param system whose clients they are
 * @param ports of its processes, which share the clients evenly
 * @returns the started process, every client of which is upgraded
 */
export function connectClients(core, { system, work, options, ports, clients }) {
  const stride = Math.max(1, Math.floor(clients / SAMPLED));
  const parts = [Buffer.alloc(4)];
  parts[0].writeUInt32LE(clients);
  for (let index = 0; index < clients; index++) {
    const watch = work.watch(index, options);
    const bytes = system.client(watch);
    // Another remainder each time: works give every second or third client something else.
    const isChosen = index % stride === Math.floor(index / stride) % stride;
    const isSampled = isChosen && !watch.bytesPerSecond && watch.hz === undefined;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt16LE(Number(ports[index % ports.length]), 0);
    head.writeUInt16LE(
      (isSampled ? TAKES_LATENCIES : 0) |
        (system.speaksService ? SPEAKS_SERVICE : 0) |
        (watch.hold ? HOLDS : 0),
      2,
    );
    head.writeUInt32LE(watch.bytesPerSecond ?? 0, 4);
    head.writeUInt32LE(watch.imagesWanted ?? 0, 8);
    head.writeUInt32LE(bytes.length, 12);
    parts.push(head, bytes);
  }
  const file = join(TEMPORARY, 'clients');
  writeFileSync(file, Buffer.concat(parts));
  const [command, ...args] = program === null ? [process.execPath, NODE_CLIENT, file] : [program, file];
  return start(core, command, args, { ready: /subscribed/, stdin: 'pipe' });
}

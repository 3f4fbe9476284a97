/** ws and JSON.stringify per client and update: what one writes first. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { symbolName } from '../market.mjs';
import { end, freePort, start } from '../processes.mjs';

const SERVER = join(dirname(fileURLToPath(import.meta.url)), 'naive-server.mjs');

export const name = 'naive ws + JSON';

export function client({ symbols }) {
  const text = JSON.stringify({ symbols: symbols.map(symbolName) });
  return Buffer.concat([upgradeRequest('/'), clientFrame(Buffer.from(text), false)]);
}

export async function open({ serverCore }) {
  const port = await freePort();
  const server = await start(serverCore, process.execPath, [SERVER, String(port)], {
    ready: /ready/,
    stdin: 'pipe',
  });
  return {
    ports: [port],
    servers: [server],
    beside: {},
    go: async () => void server.child.stdin.write('go\n'),
    close: () => end(server),
  };
}

/** uWebSockets' own publish: a topic per symbol, a frame per update. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { symbolName } from '../market.mjs';
import { end, freePort, start } from '../processes.mjs';

const SERVER = join(dirname(fileURLToPath(import.meta.url)), 'uws-server.mjs');

export const name = 'uWebSockets publish';

export function client({ symbols }) {
  const names = JSON.stringify(symbols.map(symbolName));
  return Buffer.concat([upgradeRequest('/'), clientFrame(Buffer.from(names), false)]);
}

export async function open({ serverCore }) {
  const port = await freePort();
  const server = await start(serverCore, process.execPath, [SERVER, String(port)], { ready: /ready/ });
  return {
    ports: [port],
    servers: [server],
    beside: {},
    go: async () => undefined,
    close: () => end(server),
  };
}

/** uWebSockets' own publish: a topic per symbol, a frame per update. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { end, freePort, start } from '../processes.mjs';
import { symbolName, watchlist } from '../w1.mjs';

const SERVER = join(dirname(fileURLToPath(import.meta.url)), 'uws-server.mjs');

export const name = 'uWebSockets publish';

export function client(index) {
  const symbols = JSON.stringify(watchlist(index).map(symbolName));
  return Buffer.concat([upgradeRequest('/'), clientFrame(Buffer.from(symbols), false)]);
}

export async function open({ serverCore }) {
  const port = await freePort();
  const server = await start(serverCore, process.execPath, [SERVER, String(port)], { ready: /ready/ });
  return { port, server, beside: {}, go: async () => undefined, close: () => end(server) };
}

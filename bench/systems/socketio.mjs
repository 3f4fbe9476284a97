/** Socket.IO with its Redis adapter: a room per symbol, fed by its Redis emitter. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { end, freePort, start } from '../processes.mjs';
import { symbolName, watchlist } from '../w1.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

export const name = 'Socket.IO + redis-adapter';

/** Engine.IO 4 over WebSocket: `40` connects. Symbols come with the address, since events may only follow the answer. */
export function client(index) {
  const symbols = watchlist(index).map(symbolName).join();
  const request = upgradeRequest(`/socket.io/?EIO=4&transport=websocket&symbols=${symbols}`);
  return Buffer.concat([request, clientFrame(Buffer.from('40'), false)]);
}

export async function open({ serverCore, otherCore }) {
  const [port, redisPort] = [await freePort(), await freePort()];
  const args = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = await start(otherCore, 'redis-server', args, { ready: /Ready to accept connections/ });
  const script = join(HERE, 'socketio-server.mjs');
  const server = await start(serverCore, process.execPath, [script, String(port), String(redisPort)], {
    ready: /ready/,
  });
  let publisher;
  return {
    port,
    server,
    beside: { Redis: redis },
    async go() {
      const emitter = join(HERE, 'socketio-emitter.mjs');
      publisher = await start(otherCore, process.execPath, [emitter, String(redisPort)], { ready: /ready/ });
    },
    async close() {
      for (const part of [publisher, server, redis]) if (part !== undefined) await end(part);
    },
  };
}

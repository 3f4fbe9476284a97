/** Socket.IO with its Redis adapter: a room per symbol, fed by its Redis emitter. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { symbolName } from '../market.mjs';
import { end, freePort, start, startBeside } from '../processes.mjs';
import { startRedis } from './redis.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

export const name = 'Socket.IO + redis-adapter';

/** Engine.IO 4 over WebSocket: `40` connects. Symbols come with the address, since events may only follow the answer. */
export function client({ symbols }) {
  const names = symbols.map(symbolName).join();
  const request = upgradeRequest(`/socket.io/?EIO=4&transport=websocket&symbols=${names}`);
  return Buffer.concat([request, clientFrame(Buffer.from('40'), false)]);
}

export async function open({ serverCore, otherCore }) {
  const port = await freePort();
  const redis = await startRedis(otherCore);
  const script = join(HERE, 'socketio-server.mjs');
  const server = await start(serverCore, process.execPath, [script, String(port), String(redis.port)], {
    ready: /ready/,
  });
  let publisher;
  return {
    ports: [port],
    servers: [server],
    beside: { Redis: redis.process },
    async go() {
      const emitter = join(HERE, 'socketio-emitter.mjs');
      publisher = await startBeside(otherCore, process.execPath, [emitter, String(redis.port)], {
        ready: /ready/,
      });
    },
    async close() {
      for (const part of [publisher, server, redis.process]) if (part !== undefined) await end(part);
    },
  };
}

/** nats-server's WebSocket: a subject per symbol; messages share frames as the server sees fit. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { symbolName } from '../market.mjs';
import { TEMPORARY } from '../native.mjs';
import { UPDATE_BYTES } from '../peer-update.mjs';
import { end, freePort, start, startBeside } from '../processes.mjs';

const PUBLISHER = join(dirname(fileURLToPath(import.meta.url)), 'nats-publisher.mjs');
/** `MSG W123 01 68\r\n` + payload + `\r\n`: subscription ids are padded so that all messages are of one size. */
const MESSAGE_BYTES = 16 + UPDATE_BYTES + 2;

export const name = 'nats-server WebSocket';

export function client({ symbols }) {
  const subscriptions = symbols.map((symbol, i) => `SUB ${symbolName(symbol)} ${String(i + 10)}\r\n`);
  const text = `CONNECT {"verbose":false,"pedantic":false}\r\n${subscriptions.join('')}`;
  return Buffer.concat([upgradeRequest('/'), clientFrame(Buffer.from(text), true)]);
}

/** Messages stream over frames: they are counted by their bytes. */
export function updatesOf(counters) {
  return counters.bytes / MESSAGE_BYTES;
}

export async function open({ serverCore, otherCore }) {
  if (spawnSync('nats-server', ['--version']).error !== undefined) {
    console.log('nats-server is left out: not on PATH (Debian package nats-server)');
    return null;
  }
  const [port, tcpPort] = [await freePort(), await freePort()];
  const config = join(TEMPORARY, 'nats.conf');
  writeFileSync(
    config,
    `listen: "127.0.0.1:${tcpPort}"\nmax_pending: 512MB\nwrite_deadline: "60s"\nwebsocket { listen: "127.0.0.1:${port}", no_tls: true, compression: false }\n`,
  );
  const server = await start(serverCore, 'nats-server', ['-c', config], { ready: /Server is ready/ });
  let publisher;
  return {
    ports: [port],
    servers: [server],
    beside: {},
    async go() {
      publisher = await startBeside(otherCore, process.execPath, [PUBLISHER, String(tcpPort)], {
        ready: /ready/,
      });
    },
    async close() {
      if (publisher !== undefined) await end(publisher);
      await end(server);
    },
  };
}

/** nats-server's WebSocket: a subject per symbol; messages share frames as the server sees fit. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { TEMPORARY } from '../native.mjs';
import { end, freePort, start } from '../processes.mjs';
import { symbolName, watchlist } from '../w1.mjs';

const PUBLISHER = join(dirname(fileURLToPath(import.meta.url)), 'nats-publisher.mjs');
export const PAYLOAD_BYTES = 68;
/** `MSG W123 01 68\r\n` + payload + `\r\n`: subscription ids are padded so that all messages are of one size. */
const MESSAGE_BYTES = 16 + PAYLOAD_BYTES + 2;

export const name = 'nats-server WebSocket';

export function client(index) {
  const subscriptions = watchlist(index).map(
    (symbol, i) => `SUB ${symbolName(symbol)} ${String(i + 10)}\r\n`,
  );
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
    port,
    server,
    beside: {},
    async go() {
      publisher = await start(otherCore, process.execPath, [PUBLISHER, String(tcpPort)], { ready: /ready/ });
    },
    async close() {
      if (publisher !== undefined) await end(publisher);
      await end(server);
    },
  };
}

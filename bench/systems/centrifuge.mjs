/**
 * Centrifuge, the library that Centrifugo is made of (the server itself is no module that can be built from the Go
 * proxy alone): its hub, its protobuf protocol, its own batching of messages into frames. It publishes in its own
 * process, without Redis, which only flatters it.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { INTERVAL_MS, symbolName } from '../market.mjs';
import { TEMPORARY } from '../native.mjs';
import { UPDATE_BYTES } from '../peer-update.mjs';
import { end, start } from '../processes.mjs';
import { SYMBOLS } from '../works/w1.mjs';

const SOURCE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'peers', 'centrifuge');
/** A publication's data, its channel of four letters, and the lengths and tags around them. */
const MESSAGE_BYTES = 1 + 2 + (2 + 4) + 2 + (2 + UPDATE_BYTES);
/** Command {id: 1, connect: {}} of its protobuf protocol, with its length in front. */
const CONNECT = Buffer.from([4, 0x08, 1, 0x22, 0]);

export const name = 'Centrifuge (of Centrifugo)';

export function client({ symbols }) {
  const path = `/connection/websocket?format=protobuf&symbols=${symbols.map(symbolName).join()}`;
  return Buffer.concat([upgradeRequest(path), clientFrame(CONNECT, true)]);
}

/** A frame holds several messages: they are counted by their bytes. */
export function updatesOf(counters) {
  return counters.bytes / MESSAGE_BYTES;
}

let program;

/** @returns path of the server, null where it cannot be built */
function build() {
  if (program !== undefined) return program;
  const out = join(TEMPORARY, 'centrifuge');
  const path = `${process.env.PATH}:/usr/local/go/bin`;
  const made = spawnSync('go', ['build', '-o', out, '.'], {
    cwd: SOURCE,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  program = made.error === undefined && made.status === 0 ? out : null;
  if (program === null)
    console.log(
      `Centrifuge is left out: it could not be built with go: ${made.error?.message ?? made.stderr}`,
    );
  return program;
}

export async function open({ serverCore }) {
  const command = build();
  if (command === null) return null;
  const args = [String(SYMBOLS), String(INTERVAL_MS), String(UPDATE_BYTES)];
  const server = await start(serverCore, command, args, {
    ready: /listening (\d+)/,
    env: { GOMAXPROCS: '1' },
  });
  const { match } = server;
  return {
    ports: [match[1]],
    servers: [server],
    beside: {},
    go: async () => undefined,
    close: () => end(server),
  };
}

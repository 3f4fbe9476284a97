/** The measured servers, each with the clients it is to hold. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, msgpackSubscribe, upgradeRequest } from '../frames.mjs';
import { symbolName, symbolsFile, watchlist } from '../market.mjs';
import { TEMPORARY } from '../native.mjs';
import { freePort, start } from '../processes.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const MAIN = join(dirname(dirname(HERE)), 'dist', 'src', 'main.js');
const WITH_GC = ['--expose-gc', '--import', join(HERE, 'gc-on-signal.mjs')];
const KEY = 'bench-key';
const SYMBOLS = 500;
const SYMBOLS_PER_CLIENT = 50;

/** Upgrade request and, for the service, what subscribes to 50 symbols of its own. */
export function client(server, index) {
  if (server !== 'tickcast') return upgradeRequest('/v1/stream');
  const symbols = watchlist(index + 1, SYMBOLS, SYMBOLS_PER_CLIENT);
  const channels = [...symbols].map((symbol) => `ticker:${symbolName(symbol)}`);
  const upgrade = upgradeRequest('/v1/stream', { protocol: 'tickcast.v1.msgpack' });
  return Buffer.concat([upgrade, clientFrame(msgpackSubscribe(channels), true)]);
}

/** Starts a server that says what memory it needs. @returns {pid, child, port, memory() → {rss, heapUsed, external}} */
async function startMeasured(core, args, ready, env = {}) {
  const waiting = [];
  const line = (text) => {
    if (text.startsWith('{"rss"')) waiting.shift()?.(JSON.parse(text));
  };
  const server = await start(core, process.execPath, [...WITH_GC, ...args], { env, ready, line });
  const memory = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      server.child.kill('SIGUSR2');
    });
  return { ...server, port: server.match[1], memory };
}

const peer = (file) => ({
  start: (core) => startMeasured(core, [join(HERE, file)], /ready on port (\d+)/),
});

export const PEERS = {
  ws: peer('ws-server.mjs'),
  nest: peer('nest-server.mjs'),
};

/** Redis and an owner, so that gateways of the service have something to follow. */
export async function startInstallation(core) {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = await start(core, 'redis-server', args, { ready: /Ready to accept connections/ });
  const symbols = join(TEMPORARY, 'connections-symbols.json');
  writeFileSync(symbols, JSON.stringify(symbolsFile(SYMBOLS)));
  const env = {
    REDIS_URL: `redis://127.0.0.1:${port}`,
    TICKCAST_HOST: '127.0.0.1',
    TICKCAST_PORT: '0',
    TICKCAST_ANONYMOUS: 'on',
    TICKCAST_ADMIN_KEY: KEY,
    TICKCAST_FEED_KEY: KEY,
    TICKCAST_SYMBOLS_FILE: symbols,
    TICKCAST_TEST_SYMBOL: 'off',
    TICKCAST_LOG_LEVEL: 'error',
    TICKCAST_CONNECT_BURST: '1000000',
    TICKCAST_DRAIN_MS: '0',
    TICKCAST_DRAIN_SPREAD_MS: '0',
  };
  const ready = /ready at http:\/\/127\.0\.0\.1:(\d+)/;
  const owner = await start(core, process.execPath, [MAIN], {
    env: { ...env, TICKCAST_ROLES: 'fanout,admin' },
    ready,
  });
  return {
    parts: [owner, redis],
    startGateway: (onCore) => startMeasured(onCore, [MAIN], ready, { ...env, TICKCAST_ROLES: 'gateway' }),
  };
}

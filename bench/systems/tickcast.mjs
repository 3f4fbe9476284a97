/** The service end to end: feed socket → tick log → owner → Redis → gateway → clients. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, msgpackSubscribe, upgradeRequest } from '../frames.mjs';
import { TEMPORARY } from '../native.mjs';
import { end, freePort, start } from '../processes.mjs';
import { talker } from '../talker.mjs';
import { symbolName, symbolsFile, watchlist } from '../w1.mjs';

const BENCH = dirname(dirname(fileURLToPath(import.meta.url)));
const MAIN = join(dirname(BENCH), 'dist', 'src', 'main.js');
const KEY = 'bench-key';
const READY = /ready at http:\/\/127\.0\.0\.1:(\d+)/;
const SAMPLE_CLIENTS = 5;

export const name = 'tickcast, feed to client';

/** What one client sends first. */
export function client(index) {
  const channels = watchlist(index).map((symbol) => `ticker:${symbolName(symbol)}`);
  return Buffer.concat([
    upgradeRequest('/v1/stream', { protocol: 'tickcast.v1.msgpack' }),
    clientFrame(msgpackSubscribe(channels), true),
  ]);
}

/** @param profile folder for a CPU profile of the gateway; none without */
export async function open({ serverCore, otherCore, profile }) {
  const redisPort = await freePort();
  const args = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = await start(otherCore, 'redis-server', args, { ready: /Ready to accept connections/ });
  const symbols = join(TEMPORARY, 'symbols.json');
  writeFileSync(symbols, JSON.stringify(symbolsFile()));
  const env = {
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    TICKCAST_HOST: '127.0.0.1',
    TICKCAST_PORT: '0',
    TICKCAST_ANONYMOUS: 'on',
    TICKCAST_ADMIN_KEY: KEY,
    TICKCAST_FEED_KEY: KEY,
    TICKCAST_SYMBOLS_FILE: symbols,
    TICKCAST_TEST_SYMBOL: 'off',
    TICKCAST_LOG_LEVEL: 'error',
  };
  const node = (core, roles, flags = []) =>
    start(core, process.execPath, [...flags, MAIN], { env: { ...env, TICKCAST_ROLES: roles }, ready: READY });
  const owner = await node(otherCore, 'feed,fanout,admin');
  const profiling = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
  const gateway = await node(serverCore, 'gateway', profiling);
  const feedArgs = [join(BENCH, 'feed.mjs'), owner.match[1], KEY];
  const feed = await start(otherCore, process.execPath, feedArgs, { ready: /ready/, stdin: 'pipe' });
  const feeder = talker(feed);
  const port = gateway.match[1];
  let sample;
  return {
    port,
    server: gateway,
    beside: { 'feed + owner': owner, Redis: redis, 'feed handler': feed },
    async go() {
      const sampleArgs = [join(BENCH, 'sample.mjs'), port, String(SAMPLE_CLIENTS)];
      sample = await start(otherCore, process.execPath, sampleArgs, { ready: /subscribed/, stdin: 'pipe' });
      feeder.say('go');
    },
    /** Stops the feed and checks the sample. @returns what was found; throws when something differs */
    async check() {
      const fed = await feeder.ask('stop');
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const found = await talker(sample).ask('check');
      if (found.faults.length > 0) throw new Error(`The sample differs: ${JSON.stringify(found)}`);
      if (fed.rejected > 0) throw new Error(`Ticks were rejected: ${JSON.stringify(fed)}`);
      return { ...found, ...fed };
    },
    async close() {
      for (const part of [sample, feed, gateway, owner, redis]) if (part !== undefined) await end(part);
    },
  };
}

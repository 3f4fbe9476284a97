/** The service end to end: feed socket → tick log → owner → Redis → gateways → clients. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, msgpackSubscribe, upgradeRequest } from '../frames.mjs';
import { GarbageTrace } from '../garbage.mjs';
import { symbolName, symbolsFile } from '../market.mjs';
import { TEMPORARY } from '../native.mjs';
import { end, start, startBehind, startBeside } from '../processes.mjs';
import { talker } from '../talker.mjs';
import { startRedis } from './redis.mjs';

const BENCH = dirname(dirname(fileURLToPath(import.meta.url)));
const MAIN = join(dirname(BENCH), 'dist', 'src', 'main.js');
const KEY = 'bench-key';
const READY = /ready at http:\/\/127\.0\.0\.1:(\d+)/;
/** After the last tick, until every lane has shown it. */
const SETTLE_MS = 1_500;

export const name = 'tickcast, feed to client';
export const speaksService = true;

/** Names of the channels of one client. */
export function channels({ symbols, kind }) {
  return symbols === '*' ? [`${kind}:*`] : symbols.map((symbol) => `${kind}:${symbolName(symbol)}`);
}

/** What one client sends first. */
export function client(watch) {
  const { codec, hz } = watch;
  const upgrade = upgradeRequest('/v1/stream', { protocol: `tickcast.v1.${codec}` });
  if (codec === 'msgpack')
    return Buffer.concat([upgrade, clientFrame(msgpackSubscribe(channels(watch), hz), true)]);
  const command = JSON.stringify({ op: 'subscribe', channels: channels(watch), hz });
  return Buffer.concat([upgrade, clientFrame(Buffer.from(command), false)]);
}

function environment(redisPort, work) {
  const symbols = join(TEMPORARY, 'symbols.json');
  writeFileSync(symbols, JSON.stringify(symbolsFile(work.symbols)));
  return {
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
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
    ...work.env,
  };
}

/**
 * Feed and owner in one process, or each in its own where one core is not enough for both.
 * @param feedCore core for a feed process of its own, null for none
 */
async function startOwner(node, feedCore, otherCore) {
  if (feedCore === null) {
    const owner = await node(otherCore, 'feed,fanout,admin');
    return { owner, feeding: owner, ofOwner: { 'feed + owner': owner } };
  }
  const owner = await node(otherCore, 'fanout,admin');
  const feeding = await node(feedCore, 'feed');
  return { owner, feeding, ofOwner: { owner, feed: feeding } };
}

/** @param profile {of: gateway | owner, folder}: CPU profiles of these processes; none without */
export async function open({ serverCore, otherCore, work, options, profile }) {
  const redis = await startRedis(otherCore);
  const env = environment(redis.port, work);
  const profiling = (of) => (profile?.of === of ? ['--cpu-prof', '--cpu-prof-dir', profile.folder] : []);
  const node = (core, roles, flags = profiling('owner'), line = undefined) =>
    (core === serverCore ? start : startBeside)(core, process.execPath, [...flags, MAIN], {
      env: { ...env, TICKCAST_ROLES: roles },
      ready: READY,
      line,
    });
  const { owner, feeding, ofOwner } = await startOwner(node, work.isFeedApart ? serverCore : null, otherCore);
  const garbage = [];
  const gateways = [];
  for (let i = 0; i < (work.gateways ?? 1); i++) {
    const trace = new GarbageTrace();
    garbage.push(trace);
    gateways.push(
      await node(serverCore, 'gateway', ['--trace-gc', ...profiling('gateway')], (line) => trace.line(line)),
    );
  }
  const ports = gateways.map(({ match }) => match[1]);
  const feedArgs = [join(BENCH, 'feed.mjs'), feeding.match[1], KEY, work.key];
  const feed = await startBeside(otherCore, process.execPath, feedArgs, { ready: /ready/, stdin: 'pipe' });
  const feeder = talker(feed);
  const opened = { ports, core: otherCore };
  let sample;
  let beside;
  return {
    ports,
    ownerPort: owner.match[1],
    servers: gateways,
    garbage,
    beside: { ...ofOwner, Redis: redis.process, 'feed handler': feed },
    async go() {
      const args = [join(BENCH, 'sample.mjs'), ports.join(), work.key, JSON.stringify(options)];
      sample = await startBehind(otherCore, process.execPath, args, { ready: /subscribed/, stdin: 'pipe' });
      feeder.say('go');
      beside = await work.beside?.(opened, options);
    },
    /** Stops the feed and checks the sample. @returns what was found; throws when something differs */
    async check() {
      await beside?.close();
      const { last, ...fed } = await feeder.ask('stop');
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const found = await talker(sample).ask(JSON.stringify(last));
      if (found.faults.length > 0) throw new Error(`The sample differs: ${JSON.stringify(found)}`);
      if (fed.rejected > 0) throw new Error(`Ticks were rejected: ${JSON.stringify(fed)}`);
      return { ...found, fed };
    },
    async close() {
      for (const part of [sample, feed, ...gateways, feeding, owner, redis.process])
        if (part !== undefined) await end(part);
    },
  };
}

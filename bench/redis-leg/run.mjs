/**
 * The Redis leg beside one PUBLISH per symbol: CPU of publisher, Redis and one subscriber per symbol update.
 *   npm run bench:redis-leg -- [--quick] [--works w1,wide] [--gateways 1,4,10] [--only leg,whole] [--lock FILE]
 * What is measured alone takes its place in bench/results/redis-leg.json; the table shows all that stands there.
 */
import { exclusively } from '../exclusive.mjs';
import { preferThisSession } from '../priority.mjs';
import { cpuSeconds, end, endAll } from '../processes.mjs';
import { compileSinks, startOwner, startPart, startRedis, startSinks } from './parts.mjs';
import { keepResults, median, showResults } from './results.mjs';
import { INTERVAL_MS, PARTITIONS, WORKS } from './work.mjs';

const argument = (flag, otherwise) => {
  const at = process.argv.indexOf(flag);
  return (at < 0 ? otherwise : process.argv[at + 1]).split(',');
};
const quick = process.argv.includes('--quick');
const works = argument('--works', 'w1,wide');
const gatewayCounts = argument('--gateways', quick ? '10' : '1,4,10').map(Number);
const parts = argument('--only', 'leg,whole');
const lock = process.argv.includes('--lock') ? argument('--lock')[0] : undefined;
const REPETITIONS = quick ? 1 : 3;
const WINDOW_MS = quick ? 2_000 : 4_000;
/** Of all symbols together: what a process does in its first minutes, done at once, so that it is compiled as later on. */
const WARM_UPDATES = quick ? 1_000_000 : 3_000_000;
/** The tape is trimmed from its second second on. */
const LEG_WARM_UP_MS = 2_500;
const PUBLISH_WARM_UP_MS = 500;
const WHOLE_LEG_GATEWAYS = 4;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** µs of CPU per symbol update of each process during one window. */
async function window(counter, processes) {
  const names = Object.keys(processes);
  const before = await counter.ask('count');
  const cpuBefore = names.map((name) => cpuSeconds(processes[name].pid));
  const startedAt = performance.now();
  await pause(WINDOW_MS);
  const cpuAfter = names.map((name) => cpuSeconds(processes[name].pid));
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await counter.ask('count');
  const updates = after.updates - before.updates;
  const run = { updatesPerSecond: Math.round(updates / seconds) };
  names.forEach((name, i) => {
    run[name] = ((cpuAfter[i] - cpuBefore[i]) / updates) * 1e6;
    run[`${name}Core`] = (cpuAfter[i] - cpuBefore[i]) / seconds;
  });
  if (after.batches !== undefined) run.updatesPerBatch = updates / (after.batches - before.batches);
  if (after.entries !== undefined) run.entriesPerSecond = (after.entries - before.entries) / seconds;
  return run;
}

function same(what, found, expected) {
  if (found !== expected) throw new Error(`Expected ${what} ${expected}, was ${found}`);
}

function warmIntervals(symbols) {
  return Math.ceil(WARM_UPDATES / symbols);
}

async function commitLeg(sinksProgram, symbols, gateways) {
  const redis = await startRedis();
  const intervals = Math.ceil((LEG_WARM_UP_MS + WINDOW_MS + 500) / INTERVAL_MS);
  const publisher = await startPart('committer', redis.port, symbols, warmIntervals(symbols), intervals);
  const subscriber = await startPart('follower', redis.port, symbols);
  const sinks = await startSinks(sinksProgram, redis.port, gateways - 1, PARTITIONS, 'tc:{%d}:live');
  await publisher.ask('warm');
  await publisher.ask('go');
  await pause(LEG_WARM_UP_MS);
  const run = await window(publisher, { publisher, Redis: redis, subscriber });
  const { digest } = await publisher.ask('finish');
  await pause(300);
  same('the images of the publisher', (await subscriber.ask('finish')).digest, digest);
  for (const part of [publisher, subscriber, sinks, redis]) await end(part);
  return run;
}

async function publishPerSymbol(sinksProgram, symbols, gateways, mode) {
  const redis = await startRedis();
  const publisher = await startPart('messenger', redis.port, symbols, mode, warmIntervals(symbols));
  const subscriber = await startPart('listener', redis.port, symbols);
  const sinks = await startSinks(sinksProgram, redis.port, gateways - 1, symbols, 't:L%05d');
  await publisher.ask('warm');
  await publisher.ask('go');
  await pause(PUBLISH_WARM_UP_MS);
  const run = await window(publisher, { publisher, Redis: redis, subscriber });
  const { updates } = await publisher.ask('finish');
  for (let waited = 0; waited < 100; waited++) {
    if ((await subscriber.ask('count')).updates === updates) break;
    await pause(100);
  }
  same('messages of one subscriber', (await subscriber.ask('count')).updates, updates);
  same('messages of the others', (await sinks.ask('count')).messages, updates * (gateways - 1));
  for (const part of [publisher, subscriber, sinks, redis]) await end(part);
  return run;
}

/** A process that sends one PING per interval: what its share of an interval costs before there is anything to say. */
async function onePing(symbols) {
  const redis = await startRedis();
  const publisher = await startPart('messenger', redis.port, symbols, 'ping', warmIntervals(symbols));
  await publisher.ask('warm');
  await publisher.ask('go');
  await pause(PUBLISH_WARM_UP_MS);
  const run = await window(publisher, { publisher, Redis: redis });
  for (const part of [publisher, redis]) await end(part);
  return run;
}

/** Tick log, reads and commits: a writer of the log, the real owner process, one follower and sinks. */
async function wholeLeg(sinksProgram, symbols) {
  const redis = await startRedis();
  const owner = await startOwner(redis.port, symbols);
  const feed = await startPart('appender', redis.port, symbols);
  const subscriber = await startPart('follower', redis.port, symbols);
  const others = WHOLE_LEG_GATEWAYS - 1;
  const sinks = await startSinks(sinksProgram, redis.port, others, PARTITIONS, 'tc:{%d}:live');
  await feed.ask('go');
  await pause(LEG_WARM_UP_MS);
  const run = await window(feed, { publisher: owner, Redis: redis, subscriber, feed });
  const { digest } = await feed.ask('finish');
  await pause(500);
  same('the images of the feed', (await subscriber.ask('finish')).digest, digest);
  for (const part of [feed, subscriber, sinks, owner, redis]) await end(part);
  return run;
}

const VARIANTS = {
  leg: (sinks, symbols, gateways) => commitLeg(sinks, symbols, gateways),
  pipeline: (sinks, symbols, gateways) => publishPerSymbol(sinks, symbols, gateways, 'pipeline'),
  bare: (sinks, symbols, gateways) => publishPerSymbol(sinks, symbols, gateways, 'bare'),
  ping: (_sinks, symbols) => onePing(symbols),
};

/** Medians of the runs, and of their ratios run by run. */
async function compare(sinks, work, gateways) {
  const runs = { leg: [], pipeline: [], bare: [], ping: [] };
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    await exclusively(lock, async () => {
      for (const [name, measure] of Object.entries(VARIANTS)) {
        const run = await measure(sinks, WORKS[work].symbols, gateways);
        runs[name].push(run);
        console.log(`  ${repetition + 1}. ${work}, ${gateways} gateways, ${name}: ${said(run)}`);
      }
    });
  }
  const ratio = (process, other) => median(runs.leg.map((run, i) => run[process] / runs[other][i][process]));
  return {
    ...{ work, gateways, repetitions: REPETITIONS },
    leg: middle(runs.leg),
    pipeline: middle(runs.pipeline),
    bare: middle(runs.bare),
    ping: middle(runs.ping),
    publisherToPipeline: ratio('publisher', 'pipeline'),
    publisherToBare: ratio('publisher', 'bare'),
    pingToPipeline: median(runs.ping.map((run, i) => run.publisher / runs.pipeline[i].publisher)),
    redisToBare: ratio('Redis', 'bare'),
    subscriberToMessages: ratio('subscriber', 'bare'),
  };
}

function middle(runs) {
  return Object.fromEntries(Object.keys(runs[0]).map((key) => [key, median(runs.map((run) => run[key]))]));
}

function said(run) {
  const us = (name) => `${name} ${run[name].toFixed(2)}`;
  const processes = ['publisher', 'Redis', 'subscriber'].filter((name) => name in run);
  return `${processes.map(us).join(', ')} µs per update, ${run.updatesPerSecond}/s`;
}

async function main() {
  const sinks = compileSinks();
  if (!preferThisSession())
    console.log('no right to go before others: figures are as steady as the machine is quiet');
  for (const work of works) {
    for (const gateways of parts.includes('leg') ? gatewayCounts : [])
      keepResults('leg', await compare(sinks, work, gateways));
    if (!parts.includes('whole')) continue;
    const runs = [];
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
      runs.push(await exclusively(lock, () => wholeLeg(sinks, WORKS[work].symbols)));
      const { Redis, RedisCore } = runs.at(-1);
      console.log(
        `  ${repetition + 1}. ${work}, whole leg: Redis ${(RedisCore * 100).toFixed(1)} % of a core, ${Redis.toFixed(2)} µs; ${said(runs.at(-1))}`,
      );
    }
    keepResults('whole', { work, gateways: WHOLE_LEG_GATEWAYS, repetitions: REPETITIONS, ...middle(runs) });
  }
  showResults();
}

try {
  await main();
} finally {
  await endAll();
}

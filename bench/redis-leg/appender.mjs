/**
 * The feed's end of the whole leg: the real log writer with its real tick log, offered ticks every 5 ms, spread over the
 * interval.
 *   node appender.mjs <redis port> <symbols>
 */
import { systemClock } from '../../dist/src/clock.js';
import { LiveLog } from '../../dist/src/fanout/live-log.js';
import { systemTimers } from '../../dist/src/fanout/live-timers.js';
import { PartitionedLogWriter } from '../../dist/src/fanout/partitioned-log-writer.js';
import { RedisTickLog } from '../../dist/src/fanout/redis-tick-log.js';
import { answerLines, benchLog } from './lines.mjs';
import { connectionsTo, names } from './redis.mjs';
import { BenchRegistry, INTERVAL_MS, PARTITIONS, symbolName, Ticks } from './work.mjs';

const [, , port, symbols] = process.argv.map(Number);
const OFFER_MS = 5;
const OFFERS = INTERVAL_MS / OFFER_MS;

const connections = connectionsTo(port);
const redis = connections.command('log');
await connections.whenReady(redis);
const sids = Array.from({ length: symbols }, (_, index) => String(index + 1));
const stored = await redis.call(names.registry.sids, 'hmget', [names.registry.sids, ...sids]);
stored.forEach((symbol, index) => {
  if (String(symbol) !== symbolName(index))
    throw new Error(`Expected ${symbolName(index)} to have sid ${index + 1}, has ${symbol}`);
});
const log = new RedisTickLog(redis, names, { entriesMax: 20_000, marksMax: 10_000 }, 'stored');
const settings = {
  ...{ partitions: PARTITIONS, gatherMs: 8, entryBytesMax: 65_536, queueBytesMax: 64 * 1_048_576 },
  ...{ tailMs: 10_000, tailBytesMax: 64 * 1_048_576 },
};
const registry = new BenchRegistry(symbols);
const rareLog = new LiveLog(benchLog, systemClock);
const writer = new PartitionedLogWriter(log, registry, settings, systemClock, systemTimers, rareLog);
const ticks = new Ticks(symbols);
let sequence = 0;
let next = 0;
let due = 0;
let appended = 0;
let inFlight = 0;
let timer;

function offer() {
  // A late timer makes up for what it missed.
  for (due = Math.min(due + 1, 4); due >= 1; due--) {
    const groupTicks = [];
    const until = Math.min(symbols, next + Math.ceil(symbols / OFFERS));
    for (; next < until; next++) groupTicks.push(ticks.next(next, systemClock.nowUs()));
    if (next === symbols) next = 0;
    void append(groupTicks);
  }
}

async function append(groupTicks) {
  inFlight++;
  sequence++;
  const group = { source: 'bench', session: 'leg', sequence, part: 0, ticks: groupTicks };
  const answer = await writer.offer([group]);
  if (answer.outcome !== 'stored') throw new Error(`Expected stored, was ${JSON.stringify(answer)}`);
  appended += groupTicks.length;
  inFlight--;
}

answerLines({
  go: () => {
    timer = setInterval(offer, OFFER_MS);
  },
  count: () => ({ updates: appended, entries: writer.counters.entries, appends: writer.counters.appends }),
  finish: async () => {
    clearInterval(timer);
    while (inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return { digest: ticks.digest() };
  },
});
process.stdout.write('ready\n');

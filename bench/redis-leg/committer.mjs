/**
 * The publisher of the commit leg: the real owner with its real store, of which only the reading of the log comes from
 * memory. Turns, coalescing, encoding, the commit script with tape and checkpoint are those of the service.
 *   node committer.mjs <redis port> <symbols> <intervals to warm up> <intervals>
 */
import { systemClock } from '../../dist/src/clock.js';
import { RingBudget } from '../../dist/src/fanout/batch-ring.js';
import { OwnerCounters } from '../../dist/src/fanout/fanout-counters.js';
import { LiveLog } from '../../dist/src/fanout/live-log.js';
import { systemTimers } from '../../dist/src/fanout/live-timers.js';
import { GroupEncoder, joinGroups } from '../../dist/src/fanout/log-entry.js';
import { Owner } from '../../dist/src/fanout/owner.js';
import { RedisPartitionStore } from '../../dist/src/fanout/redis-partition-store.js';
import { TurnTimer } from '../../dist/src/fanout/turn-timer.js';
import { answerLines, benchLog } from './lines.mjs';
import { connectionsTo, names } from './redis.mjs';
import { BenchRegistry, INTERVAL_MS, PARTITIONS, Ticks } from './work.mjs';

const [, , port, symbols, warmIntervals, intervals] = process.argv.map(Number);
const LEASE_MS = 3_000;
const HEARTBEAT_MS = 500;

const NOTHING = { kind: 'entries', entries: [], more: false };

/** The log as if one entry per partition and interval had been appended: `after` says which comes next. */
class WrittenLog {
  constructor(store, entries) {
    this.answers = entries.map((written) =>
      written.map((bytes, i) => ({ kind: 'entries', entries: [{ id: `${i + 1}-0`, bytes }], more: false })),
    );
    for (const call of ['acquire', 'commit', 'release', 'load', 'measureTape', 'together', 'watch'])
      this[call] = (...args) => store[call](...args);
  }

  readLog(partition, _run, after) {
    const next = after === null ? 0 : Number.parseInt(after, 10);
    return Promise.resolve((this.open && this.answers[partition][next]) || NOTHING);
  }
}

const registry = new BenchRegistry(symbols);
const ticks = new Ticks(symbols);
const entries = writeLog();

function writeLog() {
  const encoder = new GroupEncoder();
  const written = Array.from({ length: PARTITIONS }, () => []);
  const startUs = systemClock.nowUs();
  for (let interval = 0; interval < warmIntervals + intervals; interval++) {
    const parts = Array.from({ length: PARTITIONS }, () => []);
    for (let index = 0; index < symbols; index++) {
      const timeUs =
        startUs + interval * INTERVAL_MS * 1_000 + Math.floor((index / symbols) * INTERVAL_MS * 1_000);
      parts[registry.partitions[index]].push(ticks.next(index, timeUs));
    }
    parts.forEach((part, partition) => {
      const name = { source: 'bench', session: 'leg', sequence: interval + 1, part: 0 };
      written[partition].push(joinGroups([encoder.encode(name, part)]));
    });
  }
  return written;
}

const connections = connectionsTo(port);
const redis = connections.command('owner');
await connections.whenReady(redis);
const store = new WrittenLog(new RedisPartitionStore(redis, names, LEASE_MS), entries);
const counters = new OwnerCounters();
const owner = new Owner({
  ...{ store, registry, counters, clock: systemClock, timers: systemTimers, log: benchLog },
  rareLog: new LiveLog(benchLog, systemClock),
  settings: {
    ...{ intervalMs: INTERVAL_MS, heartbeatMs: HEARTBEAT_MS, leaseMs: LEASE_MS, checkpointBatches: 20 },
    ...{ ringMs: 2_000, dayRoll: true },
    // Two seconds of tape and ring: the window begins when both are cut already, as they are all day long.
    tape: { ageMsMax: 2_000, bytesMax: 32 * 1_048_576 },
  },
  ringBudget: new RingBudget(64 * 1_048_576, () => undefined),
  random: Math.random,
  token: () => String(Math.random()).slice(2),
});
for (let partition = 0; partition < PARTITIONS; partition++) await owner.acquire(partition);
await owner.settled();
const timer = new TurnTimer(owner, INTERVAL_MS, HEARTBEAT_MS, systemClock, systemTimers, counters);

answerLines({
  /** Turn after turn without a pause: an owner that has run for a minute is compiled, one that has just begun is not. */
  warm: async () => {
    store.open = true;
    for (let turn = 0; turn < warmIntervals; turn++) {
      await owner.turn();
      await owner.answered();
    }
  },
  go: () => timer.start(),
  count: () => ({ updates: counters.updates, batches: counters.batches, lateTurns: counters.lateTurns }),
  /** Works off what is written and says what the images must be. */
  finish: async () => {
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    while (counters.batches < PARTITIONS * (warmIntervals + intervals + 1)) await wait(20);
    return { digest: ticks.digest() };
  },
});
// Timers of the service do not keep a process alive.
setInterval(() => undefined, 1 << 30);
process.stdout.write('ready\n');

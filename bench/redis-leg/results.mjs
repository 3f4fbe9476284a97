/** The results file of the leg, its table, and what must be reached. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const FILE = join(ROOT, 'bench', 'results', 'redis-leg.json');

/** @param pick what is judged: a share or a ratio, undefined when it was not measured */
const TARGETS = [
  {
    what: 'publisher CPU per update / ioredis pipelined PUBLISH per symbol, W1, 10 gateways',
    ...{ pass: 0.3, aim: 0.2, pick: ({ leg }) => leg['w1 10']?.publisherToPipeline },
  },
  {
    what: 'publisher CPU per update / ioredis pipelined PUBLISH per symbol, 10,000 × 20/s, 10 gateways',
    ...{ pass: 0.3, aim: 0.2, pick: ({ leg }) => leg['wide 10']?.publisherToPipeline },
  },
  {
    what: 'Redis CPU per update, commit leg / bare PUBLISH per symbol, W1, 10 gateways',
    ...{ pass: 0.7, aim: 0.55, pick: ({ leg }) => leg['w1 10']?.redisToBare },
  },
  {
    what: 'Redis CPU per update, commit leg / bare PUBLISH per symbol, 10,000 × 20/s, 10 gateways',
    ...{ pass: 0.4, aim: 0.15, pick: ({ leg }) => leg['wide 10']?.redisToBare },
  },
  {
    what: 'Redis, whole leg, 10,000 × 20/s, 4 gateways: share of a core',
    ...{ pass: 0.2, aim: 0.1, pick: ({ whole }) => whole['wide 4']?.RedisCore },
  },
];

export function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** @param part leg | whole */
export function keepResults(part, result) {
  const kept = read();
  kept[part][`${result.work} ${result.gateways}`] = {
    at: new Date().toISOString(),
    commit: commit(),
    ...result,
  };
  const { model } = cpus()[0];
  kept.machine = { model, cores: cpus().length, node: process.version, redis: redisVersion() };
  kept.targets = judged(kept);
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(kept, null, 2)}\n`);
}

export function showResults() {
  const kept = read();
  const us = (value) => Number(value.toFixed(2));
  console.table(
    Object.values(kept.leg).map((of) => ({
      ...{ work: of.work, gateways: of.gateways },
      'publisher µs: leg': us(of.leg.publisher),
      pipeline: us(of.pipeline.publisher),
      bare: us(of.bare.publisher),
      // Results of an earlier bench do not have it.
      'one PING': us(of.ping?.publisher ?? Number.NaN),
      'leg / pipeline': us(of.publisherToPipeline),
      'Redis µs: leg': us(of.leg.Redis),
      'bare ': us(of.bare.Redis),
      'leg / bare': us(of.redisToBare),
      'subscriber µs: leg': us(of.leg.subscriber),
      'messages ': us(of.bare.subscriber),
    })),
  );
  console.table(
    Object.values(kept.whole).map((of) => ({
      ...{ work: of.work, gateways: of.gateways, 'updates/s': of.updatesPerSecond },
      'Redis, of a core': `${(of.RedisCore * 100).toFixed(1)} %`,
      ...{ 'Redis µs': us(of.Redis), 'owner process µs': us(of.publisher) },
      ...{
        'follower µs': us(of.subscriber),
        'feed µs': us(of.feed),
        'log entries/s': Math.round(of.entriesPerSecond),
      },
    })),
  );
  console.table(kept.targets);
  console.log(`written to ${relative(process.cwd(), FILE)}`);
}

function judged(kept) {
  return TARGETS.flatMap(({ what, pass, aim, pick }) => {
    const found = pick(kept);
    if (found === undefined) return [];
    const said = found <= aim ? 'pass, aim reached' : found <= pass ? 'pass' : 'MISS';
    return [{ what, found: Number(found.toFixed(3)), pass: `≤ ${pass}`, aim: `≤ ${aim}`, said }];
  });
}

function read() {
  if (!existsSync(FILE)) return { leg: {}, whole: {} };
  return JSON.parse(readFileSync(FILE, 'utf8'));
}

function commit() {
  const git = (...args) => {
    const said = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
    return said.status === 0 ? said.stdout.trim() : 'unknown';
  };
  return (
    git('rev-parse', '--short', 'HEAD') +
    (git('status', '--porcelain', 'src', 'libs') === '' ? '' : ' + changes')
  );
}

function redisVersion() {
  return /v=([\d.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
}

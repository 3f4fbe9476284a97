/**
 * Faults as chance has them, also several at once: whatever happened, everything must hold afterwards.
 * `FAULTS_RANDOM=40 FAULTS_SEED=… npm run test:faults -- random` makes a longer run, or repeats one; FAULTS_STORE says
 * under which topology (standalone, sentinel, cluster).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedisCluster } from '../support/redis-cluster.js';
import { startRedisSentinel } from '../support/redis-sentinel.js';
import { redisCli } from '../support/redis-server.js';
import { Seeded } from '../support/seeded.js';
import { inCluster } from './support/cluster-store.js';
import { SEED } from './support/report.js';
import { Rig } from './support/rig.js';
import { Scenarios } from './support/scenario.js';
import { underSentinel } from './support/sentinel-store.js';
import { standalone, type Topology } from './support/store.js';

const ROUNDS = Number(process.env['FAULTS_RANDOM'] ?? 3);
const STORE = process.env['FAULTS_STORE'] ?? 'standalone';
const FAULTS_PER_ROUND = 4;
const LASTS_MS_MAX = 4_000;
const MODES = ['reset', 'stall', 'half-open', 'delay'] as const;

type Fault = readonly [what: string, hurt: () => Promise<void>];

/** A store, and what can happen to it. */
interface Victim {
  readonly topology: Topology;
  /** @param killed whether a process dies in the same round: what it alone knew of the store's tail dies with it */
  readonly faults: (lastsMs: number, killed: boolean) => readonly Fault[];
  /** Resolves when it could stand the next fault. */
  readonly settled: () => Promise<void>;
}

async function oneRedis(): Promise<Victim> {
  const topology = await standalone();
  const { redis } = topology;
  const frozen = async (lastsMs: number) => {
    await redis.pause();
    await sleep(lastsMs);
    await redis.resume();
  };
  const cut = async (type: string) => void (await redisCli(redis, 'client', 'kill', 'type', type));
  return {
    topology,
    faults: (lastsMs, killed) => [
      [`SIGSTOP Redis ${lastsMs} ms`, () => frozen(lastsMs)],
      ['kill subscribers', () => cut('pubsub')],
      ['kill connections', () => cut('normal')],
      killed
        ? ['restart Redis, complete', () => redis.restart({ complete: true })]
        : ['restart Redis, without its last moment', () => redis.restart({ empty: false })],
    ],
    settled: () => Promise.resolve(),
  };
}

async function sentinels(): Promise<Victim> {
  const sentinel = await startRedisSentinel();
  const killed = async () => {
    const master = await sentinel.master();
    await master.kill();
    await sentinel.failedOver(master);
    await master.start();
  };
  const frozen = async (lastsMs: number) => {
    const master = await sentinel.master();
    master.pause();
    await sleep(lastsMs);
    master.resume();
  };
  return {
    topology: underSentinel(sentinel),
    faults: (lastsMs) => [
      ['kill -9 master', killed],
      [`SIGSTOP master ${lastsMs} ms`, () => frozen(lastsMs)],
    ],
    settled: () => sentinel.settled(),
  };
}

async function clusters(seeded: Seeded): Promise<Victim> {
  const cluster = await startRedisCluster();
  const key = () => `tc:{${seeded.integer(0, 7)}}:tape`;
  const killed = async (of: string) => {
    const master = await cluster.masterOf(of);
    await master.kill();
    await cluster.failedOver(master, of);
    await master.start();
  };
  const frozen = async (of: string, lastsMs: number) => {
    const master = await cluster.masterOf(of);
    master.pause();
    await sleep(lastsMs);
    master.resume();
  };
  const moved = async (of: string) => {
    const from = await cluster.masterOf(of);
    await cluster.moveSlot(of, (await cluster.masters()).find((node) => node !== from)!);
  };
  return {
    topology: inCluster(cluster),
    faults: (lastsMs) => [
      ['kill -9 a master', () => killed(key())],
      [`SIGSTOP a master ${lastsMs} ms`, () => frozen(key(), lastsMs)],
      ['move a slot', () => moved(key())],
    ],
    settled: () => cluster.settled(),
  };
}

describe(`random faults, ${STORE}`, () => {
  const seeded = new Seeded(SEED);
  let victim: Victim;
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    if (STORE === 'cluster') victim = await clusters(seeded);
    else victim = await (STORE === 'sentinel' ? sentinels() : oneRedis());
    // Of what dies with the master and its feed at once, only this knows nothing is lost.
    rig = await Rig.begin(victim.topology, SEED, { env: { TICKCAST_INGEST_ACK: 'replicated' } });
    scenarios = new Scenarios(rig, STORE);
  }, 180_000);
  afterAll(async () => {
    await rig?.end();
    await victim?.topology.stop();
  }, 120_000);

  /** One of a process: it is over when this resolves. */
  function ofProcess(name: string): Fault {
    const member = rig.member(name);
    const lastsMs = seeded.integer(200, LASTS_MS_MAX);
    const mode = seeded.pick(MODES);
    const frozen = async () => {
      member.pause();
      await sleep(lastsMs);
      member.resume();
    };
    const killed = async () => {
      await member.kill();
      await sleep(lastsMs);
      await member.start();
    };
    const wire = async () => {
      await rig.link(name).set(mode, 150);
      await sleep(lastsMs);
      await rig.link(name).set('pass');
    };
    const ofWire: Fault = [`${mode} ${name} ${lastsMs} ms`, wire];
    return seeded.pick<Fault>([
      [`SIGSTOP ${name} ${lastsMs} ms`, frozen],
      [`kill -9 ${name}`, killed],
      ...(rig.links.has(name) ? [ofWire, ofWire] : []),
    ]);
  }

  /** Processes are hurt one fault at a time each, and the store beside them. */
  async function round(saw: (text: string) => void): Promise<void> {
    const places = seeded.sample(['owner1', 'owner2', 'gateway1', 'gateway2', 'store'], FAULTS_PER_ROUND);
    const faults = places.filter((place) => place !== 'store').map(ofProcess);
    const killed = faults.some(([what]) => what.startsWith('kill -9 owner'));
    if (places.includes('store'))
      faults.push(seeded.pick(victim.faults(seeded.integer(200, LASTS_MS_MAX), killed)));
    saw(faults.map(([what]) => what).join(', '));
    await Promise.all(
      faults.map(async ([, hurt]) => {
        await sleep(seeded.integer(0, 3_000));
        await hurt();
      }),
    );
  }

  it.each(Array.from({ length: ROUNDS }, (_, i) => [i + 1]))(
    'round %d',
    async (number) => {
      await victim.settled();
      await scenarios.run(`random round ${number}`, async (story) => {
        story.hurt();
        await round(story.saw);
        story.over();
      });
    },
    180_000,
  );
});

/**
 * Faults as chance has them, also several at once: whatever happened, everything must hold afterwards.
 * `FAULTS_RANDOM=40 FAULTS_SEED=… npm run test:faults -- random` makes a longer run, or repeats one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { redisCli } from '../support/redis-server.js';
import { Seeded } from '../support/seeded.js';
import { SEED } from './support/report.js';
import { Rig } from './support/rig.js';
import { Scenarios } from './support/scenario.js';
import { type Standalone, standalone } from './support/store.js';

const ROUNDS = Number(process.env['FAULTS_RANDOM'] ?? 3);
const FAULTS_PER_ROUND = 4;
const LASTS_MS_MAX = 4_000;
const MODES = ['reset', 'stall', 'half-open', 'delay'] as const;

describe('random faults', () => {
  const seeded = new Seeded(SEED);
  let store: Standalone;
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    store = await standalone();
    rig = await Rig.begin(store, SEED);
    scenarios = new Scenarios(rig, 'standalone');
  }, 120_000);
  afterAll(() => rig?.end(), 120_000);

  type Fault = readonly [what: string, hurt: () => Promise<void>];

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
    return seeded.pick<Fault>([
      [`SIGSTOP ${name} ${lastsMs} ms`, frozen],
      [`kill -9 ${name}`, killed],
      [`${mode} ${name} ${lastsMs} ms`, wire],
      [`${mode} ${name} ${lastsMs} ms`, wire],
    ]);
  }

  function ofRedis(): Fault {
    const lastsMs = seeded.integer(200, LASTS_MS_MAX);
    const frozen = async () => {
      await store.redis.pause();
      await sleep(lastsMs);
      await store.redis.resume();
    };
    const subscribersKilled = async () => {
      await redisCli(store.redis, 'client', 'kill', 'type', 'pubsub');
    };
    const allKilled = async () => {
      await redisCli(store.redis, 'client', 'kill', 'type', 'normal');
    };
    return seeded.pick<Fault>([
      [`SIGSTOP Redis ${lastsMs} ms`, frozen],
      ['kill subscribers', subscribersKilled],
      ['kill connections', allKilled],
      ['restart Redis', () => store.redis.restart({ empty: false })],
    ]);
  }

  /** Processes are hurt one fault at a time each; Redis beside them. */
  async function round(saw: (text: string) => void): Promise<void> {
    const places = seeded.sample(['owner1', 'owner2', 'gateway1', 'gateway2', 'redis'], FAULTS_PER_ROUND);
    const faults = places.map((place) => (place === 'redis' ? ofRedis() : ofProcess(place)));
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
      await scenarios.run(`random round ${number}`, async (story) => {
        story.hurt();
        await round(story.saw);
        story.over();
      });
    },
    120_000,
  );
});

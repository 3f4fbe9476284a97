/** A gateway is killed, frozen, cut off from the store, or drained; its clients come back by themselves. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StaleReason } from '../../src/fanout/image-sink.js';
import { metrics, total } from '../support/installation.js';
import { redisCli } from '../support/redis-server.js';
import type { Standing } from './support/gateway-watch.js';
import { encodePadded } from './support/padding.js';
import { SEED } from './support/report.js';
import { PARTITIONS, Rig } from './support/rig.js';
import { Scenarios, type Story } from './support/scenario.js';
import { type Standalone, standalone } from './support/store.js';

/** Documented: stale after 1.5 s, the agent asked once a second. The rest is a busy machine's. */
const TOLD_MS_MAX = 6_000;

/** What a gateway logs when it gives up the connection by which it follows the partitions. */
const LIVE_CUT = /"connection":"live","why":"unanswered for 1 s","msg":"redis cut"/g;

describe('gateways', () => {
  let store: Standalone;
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    store = await standalone();
    rig = await Rig.begin(store, SEED);
    scenarios = new Scenarios(rig, 'standalone');
  }, 120_000);
  afterAll(() => rig?.end(), 120_000);

  const follower = async (name: string, counter: string) =>
    total(await metrics(rig.member(name)), `tickcast_follower_${counter}_total`);
  // A look that a busy machine answers too late says nothing of the gateway: the next one does.
  const is = (name: string, standing: Standing) => () =>
    rig.watch(name).now === standing ? null : `it is ${rig.watch(name).now}`;
  const isUp = (name: string) => is(name, 'up');

  /** Says within the documented time that it is not well, to the proxy and to the client that stays with it. */
  async function expectTold(
    story: Story,
    sinceMs: number,
    ...reasons: readonly StaleReason[]
  ): Promise<void> {
    const client = rig.client('at gateway1');
    const told = () => client.toldAfter(sinceMs, 'stale', ...reasons);
    const low = () => rig.watch('gateway1').after(sinceMs, 'low', 'out');
    await scenarios.until('stale', () => (told() === undefined ? 'not told' : null));
    await scenarios.until('less weight', () => (low() === undefined ? 'not told' : null));
    expect(told()).toBeLessThan(TOLD_MS_MAX);
    expect(low()).toBeLessThan(TOLD_MS_MAX);
    story.saw(`stale after ${Math.round(told()!)} ms, less weight after ${Math.round(low()!)} ms`);
  }

  it('kill -9 of a gateway', async () => {
    await scenarios.run('kill -9 of a gateway, started again after 2 s', async (story) => {
      const proxied = ['proxied one', 'proxied two'].map((name) => rig.client(name));
      const before = proxied.map(({ connections }) => connections);
      story.hurt();
      await rig.member('gateway1').kill();
      await sleep(2_000);
      await rig.member('gateway1').start();
      const moved = proxied.filter(({ connections }, i) => connections > before[i]!);
      expect(moved).toHaveLength(1);
      await scenarios.until('gateway1 to have its share again', isUp('gateway1'));
      story.saw(`${moved.length} of 2 clients behind the proxy moved`);
    });
  }, 120_000);

  it('SIGSTOP of a gateway', async () => {
    await scenarios.run('SIGSTOP of a gateway, SIGCONT after 8 s', async (story) => {
      story.hurt();
      rig.member('gateway1').pause();
      await sleep(8_000);
      rig.member('gateway1').resume();
      story.over();
      await expectTold(story, story.overMs, 'gateway_stuck');
      await scenarios.until('gateway1 to have its share again', isUp('gateway1'));
    });
  }, 120_000);

  it('CLIENT KILL TYPE pubsub', async () => {
    await scenarios.run('CLIENT KILL TYPE pubsub, five times', async (story) => {
      const before = await follower('gateway1', 'refilled');
      story.hurt();
      for (let i = 0; i < 5; i++) {
        await redisCli(store.redis, 'client', 'kill', 'type', 'pubsub');
        await sleep(400);
      }
      story.saw(`${(await follower('gateway1', 'refilled')) - before} batches from the tape`);
    });
  }, 120_000);

  it('an output buffer limit that is hit', async () => {
    await scenarios.run(
      'output buffer limit of 256 KB hit by a gateway that does not read for 4 s',
      async (story) => {
        await redisCli(store.redis, 'config', 'set', 'client-output-buffer-limit', 'pubsub 262144 131072 1');
        const before = await follower('gateway1', 'refilled');
        const clients = async () =>
          Number(
            await redisCli(store.redis, 'pubsub', 'numsub', 'tc:{0}:live').then(
              (text) => text.split('\n')[1],
            ),
          );
        const subscribers = await clients();
        story.hurt();
        await rig.link('gateway1').set('half-open');
        // What fills the kernel's buffers first: heartbeats of an old position, as large as any message may grow.
        const padded = encodePadded(400_000);
        await scenarios.until('the limit to be hit', async () => {
          for (let partition = 0; partition < PARTITIONS; partition++)
            await rig.tap.publish(`tc:{${partition}}:live`, padded);
          return (await clients()) < subscribers ? null : 'every subscriber is there';
        });
        await sleep(4_000);
        await rig.link('gateway1').set('pass');
        story.over();
        await scenarios.until('gateway1 to have its share again', isUp('gateway1'));
        await redisCli(
          store.redis,
          'config',
          'set',
          'client-output-buffer-limit',
          'pubsub 33554432 8388608 60',
        );
        story.saw(`${(await follower('gateway1', 'refilled')) - before} batches from the tape`);
      },
    );
  }, 120_000);

  // Where nothing passes, the partitions have been silent for long enough before the connection is known to be lost.
  it.each([
    ['reset', 'connections reset and refused', ['redis_lost']],
    ['stall', 'connections half open, nothing passes', ['redis_lost', 'partition_silent']],
  ] as const)(
    '10 s without the store: %s',
    async (mode, what, reasons) => {
      await scenarios.run(`10 s cut between one gateway and Redis: ${what}`, async (story) => {
        const cuts = () => rig.member('gateway1').output().match(LIVE_CUT)?.length ?? 0;
        const cutsBefore = cuts();
        story.hurt();
        await rig.link('gateway1').set(mode);
        await sleep(10_000);
        // Who stays connected to nobody has to find that out by itself.
        if (mode === 'stall') expect(cuts()).toBeGreaterThan(cutsBefore);
        await scenarios.until('gateway1 to have little weight', is('gateway1', 'low'));
        await scenarios.until('gateway2 to have all of its weight', is('gateway2', 'up'));
        await expectTold(story, story.hurtMs, ...reasons);
        await rig.link('gateway1').set('pass');
        story.over();
        await scenarios.until('gateway1 to have its share again', isUp('gateway1'));
        const fresh = () => rig.client('at gateway1').toldAfter(story.overMs, 'fresh');
        await scenarios.until('fresh', () => (fresh() === undefined ? 'not told' : null));
        expect(fresh()).toBeLessThan(TOLD_MS_MAX);
        story.saw(`fresh ${Math.round(fresh()!)} ms after the end`);
      });
    },
    120_000,
  );

  it('drains a gateway, then the other: nobody loses a trade', async () => {
    await scenarios.run('drain and restart of one gateway after the other', async (story) => {
      const before = rig.clients.map(({ connections }) => connections);
      story.hurt();
      for (const name of ['gateway1', 'gateway2']) {
        expect(await rig.member(name).stop()).toBe(0);
        await rig.member(name).start();
        await scenarios.until(`${name} to have its share again`, isUp(name));
        // The proxy, too, has to see it twice.
        await sleep(1_500);
      }
      story.over();
      const reconnects = rig.clients.map(({ connections }, i) => connections - before[i]!);
      const behindProxy = rig.clients.flatMap(({ name }, i) =>
        name.startsWith('proxied') ? [reconnects[i]!] : [],
      );
      for (const name of ['proxied one', 'proxied two'])
        expect(rig.client(name).toldAfter(story.hurtMs, 'goodbye', 'service_restart')).toBeDefined();
      expect(Math.max(...behindProxy)).toBeLessThanOrEqual(3);
      story.saw(`behind the proxy ${behindProxy.join(' and ')} reconnects, each after goodbye`);
    });
  }, 120_000);
});

/** One Redis: gone for a while, frozen, restarted with less than it had, or with nothing. And what feed handlers do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { metrics, total } from '../support/installation.js';
import type { Standing } from './support/gateway-watch.js';
import { SEED } from './support/report.js';
import { Rig } from './support/rig.js';
import { Scenarios, type Story } from './support/scenario.js';
import { type Standalone, standalone } from './support/store.js';

/** Documented: stale after 1.5 s. The rest is a busy machine's. */
const TOLD_MS_MAX = 6_000;
const DOWN_MS = 12_000;

describe('one Redis', () => {
  let store: Standalone;
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    store = await standalone();
    rig = await Rig.begin(store, SEED);
    scenarios = new Scenarios(rig, 'standalone');
  }, 120_000);
  afterAll(() => rig?.end(), 120_000);

  const ofOwners = async (name: string) => {
    const all = await Promise.all(['owner1', 'owner2'].map((owner) => metrics(rig.member(owner))));
    return all.reduce((sum, each) => sum + total(each, name), 0);
  };
  // A look that a busy machine answers too late says nothing of the gateway: the next one does.
  const untilAll = (standing: Standing) =>
    scenarios.until(`every gateway to be ${standing}`, () => {
      const other = [...rig.watches].find(([, { now }]) => now !== standing);
      return other === undefined ? null : `${other[0]} is ${other[1].now}`;
    });

  async function expectStale(story: Story): Promise<void> {
    const told = () => rig.clients.map((client) => client.toldAfter(story.hurtMs, 'stale'));
    await scenarios.until('stale', () => (told().includes(undefined) ? 'not told to all' : null));
    const slowest = Math.max(...told().map((ms) => ms!));
    expect(slowest).toBeLessThan(TOLD_MS_MAX);
    story.saw(`stale after ${Math.round(slowest)} ms at most`);
  }

  it('a feed handler that pauses and sends again', async () => {
    await scenarios.run('feed handler reads nothing for 6 s, then sends everything again', async (story) => {
      const repeated = await ofOwners('tickcast_owner_repeated_ticks_total');
      story.hurt();
      rig.handlers.alpha.pause();
      await sleep(6_000);
      rig.handlers.alpha.resend();
      story.over();
      await scenarios.until('repeats to be seen', async () =>
        (await ofOwners('tickcast_owner_repeated_ticks_total')) > repeated ? null : 'none',
      );
      story.saw(`${(await ofOwners('tickcast_owner_repeated_ticks_total')) - repeated} ticks came again`);
    });
  }, 120_000);

  it('two feed handlers that race on one line', async () => {
    await scenarios.run('two handlers race on one line, each cut again and again', async (story) => {
      const before = await ofOwners('tickcast_owner_duplicate_ticks_total');
      const { lineA, lineB } = rig.handlers;
      story.hurt();
      for (let i = 0; i < 10; i++) {
        (i % 2 === 0 ? lineA : lineB).resend();
        await sleep(400);
      }
      const duplicates = (await ofOwners('tickcast_owner_duplicate_ticks_total')) - before;
      expect(duplicates).toBeGreaterThan(0);
      story.saw(`${duplicates} duplicates of the line dropped`);
    });
  }, 120_000);

  it('Redis out of reach', async () => {
    await scenarios.run(`Redis out of reach for ${DOWN_MS / 1000} s`, async (story) => {
      const links = [...rig.links.values()];
      const before = rig.handlers.beta.busy;
      story.hurt();
      await Promise.all(links.map((link) => link.set('reset')));
      await sleep(DOWN_MS);
      await expectStale(story);
      expect(rig.handlers.beta.busy).toBeGreaterThan(before);
      story.saw(`handlers told busy, all gateways at a tenth of their weight`);
      // What everybody shares must not empty the pool.
      await untilAll('low');
      await Promise.all(links.map((link) => link.set('pass')));
      story.over();
    });
    await untilAll('up');
  }, 120_000);

  it('Redis frozen', async () => {
    await scenarios.run('SIGSTOP of Redis, SIGCONT after 6 s', async (story) => {
      story.hurt();
      await store.redis.pause();
      await sleep(6_000);
      await expectStale(story);
      await store.redis.resume();
      story.over();
    });
  }, 120_000);

  it('Redis restarted without its newest moment', async () => {
    await scenarios.run('Redis restarted from a snapshot', async (story) => {
      const before = await ofOwners('tickcast_owner_refilled_total');
      story.hurt();
      await store.redis.restart({ empty: false });
      story.over();
      await sleep(1_000);
      story.saw(
        `${(await ofOwners('tickcast_owner_refilled_total')) - before} batches put back by their owner`,
      );
    });
  }, 120_000);

  it('Redis restarted empty', async () => {
    const run = async (story: Story) => {
      const epochs = await ofOwners('tickcast_owner_epochs_total');
      story.hurt();
      await store.redis.restart({ empty: true });
      story.over();
      await scenarios.until('new epochs', async () => {
        const more = (await ofOwners('tickcast_owner_epochs_total')) - epochs;
        return more > 0 ? null : 'none';
      });
      await sleep(1_000);
      story.saw(`${(await ofOwners('tickcast_owner_epochs_total')) - epochs} new epochs, images from memory`);
    };
    await scenarios.run('Redis restarted empty', run, { storeEmptied: true });
  }, 120_000);
});

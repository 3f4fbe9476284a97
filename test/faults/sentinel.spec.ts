/** A master and two replicas under three sentinels: the master dies, freezes, or dies with what only it knew. */
import { metrics, total } from '../support/installation.js';
import type { RedisNode } from '../support/redis-node.js';
import { type RedisSentinel, startRedisSentinel } from '../support/redis-sentinel.js';
import { SEED } from './support/report.js';
import { Rig } from './support/rig.js';
import { Scenarios, type Story } from './support/scenario.js';
import { underSentinel } from './support/sentinel-store.js';

/** The user by which replicas follow their master, so that a link can be cut and nothing else. */
const REPLICA_USER = 'follower';

describe('under Sentinel', () => {
  let sentinel: RedisSentinel;
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    sentinel = await startRedisSentinel();
    // What dies together with the only one that knew it would else be lost, and counted.
    rig = await Rig.begin(underSentinel(sentinel), SEED, { env: { TICKCAST_INGEST_ACK: 'replicated' } });
    scenarios = new Scenarios(rig, 'sentinel');
  }, 180_000);
  afterAll(async () => {
    await rig?.end();
    await sentinel?.stop();
  }, 120_000);

  const ofOwners = async (name: string) => {
    const all = await Promise.all(['owner1', 'owner2'].map((owner) => metrics(rig.member(owner))));
    return all.reduce((sum, each) => sum + total(each, name), 0);
  };

  /** Hurts the master and waits for the next one. */
  async function failOver(story: Story, hurt: (master: RedisNode) => Promise<void>): Promise<RedisNode> {
    const epochs = await ofOwners('tickcast_owner_epochs_total');
    const master = await sentinel.master();
    story.hurt();
    await hurt(master);
    await sentinel.failedOver(master);
    story.saw(`another master after ${Math.round(performance.now() - story.hurtMs)} ms`);
    await scenarios.shown(performance.now());
    // Its owners lived: they go on in their epochs.
    expect((await ofOwners('tickcast_owner_epochs_total')) - epochs).toBe(0);
    return master;
  }

  it('kill -9 of the master', async () => {
    await scenarios.run('kill -9 of the master', async (story) => {
      const former = await failOver(story, (master) => master.kill());
      await former.start();
    });
    await sentinel.settled();
  }, 180_000);

  it('SIGSTOP of the master', async () => {
    await scenarios.run('SIGSTOP of the master, SIGCONT when another one serves', async (story) => {
      const former = await failOver(story, async (master) => master.pause());
      former.resume();
    });
    await sentinel.settled();
  }, 180_000);

  it('the master and an owner die at once', async () => {
    await scenarios.run('kill -9 of the master and of an owner with its feed at once', async (story) => {
      const master = await sentinel.master();
      story.hurt();
      await Promise.all([master.kill(), rig.member('owner1').kill()]);
      await sentinel.failedOver(master);
      story.saw(`another master after ${Math.round(performance.now() - story.hurtMs)} ms`);
      await scenarios.shown(performance.now());
      await Promise.all([master.start(), rig.member('owner1').start()]);
    });
    await sentinel.settled();
  }, 180_000);

  it('the master dies with what its replicas never got', async () => {
    await scenarios.run('replicas cut off for 1 s, then kill -9 of the master', async (story) => {
      const refilled = await ofOwners('tickcast_owner_refilled_total');
      const again = await ofOwners('tickcast_log_entries_again_total');
      const former = await failOver(story, async (master) => {
        await cutReplicas(master);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        await master.kill();
      });
      const more = (await ofOwners('tickcast_owner_refilled_total')) - refilled;
      const appended = (await ofOwners('tickcast_log_entries_again_total')) - again;
      expect(more).toBeGreaterThan(0);
      story.saw(`${more} batches put back by their owners, ${appended} log entries by feed processes`);
      await former.start();
    });
    await sentinel.settled();
  }, 180_000);

  /** Replicas follow by a user of their own from now on, and that user is locked out: only they are cut off. */
  async function cutReplicas(master: RedisNode): Promise<void> {
    for (const node of sentinel.nodes) {
      await node.cli('config', 'set', 'masteruser', REPLICA_USER);
      await node.cli('config', 'set', 'masterauth', REPLICA_USER);
    }
    for (const node of sentinel.nodes.filter((one) => one !== master))
      await node.cli('acl', 'setuser', REPLICA_USER, 'on', `>${REPLICA_USER}`, '~*', '&*', '+@all');
    await master.cli('acl', 'setuser', REPLICA_USER, 'off');
    await master.cli('client', 'kill', 'type', 'replica');
  }
});

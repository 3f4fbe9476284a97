/** Three masters with a replica each: one of them dies or freezes, or a slot moves away under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js';
import { inCluster } from './support/cluster-store.js';
import { SEED } from './support/report.js';
import { PARTITIONS, Rig } from './support/rig.js';
import { Scenarios } from './support/scenario.js';

describe('in a Cluster', () => {
  let cluster: RedisCluster;
  let rig: Rig;
  let scenarios: Scenarios;
  const tapeOf = (partition: number) => `tc:{${partition}}:tape`;

  beforeAll(async () => {
    cluster = await startRedisCluster();
    rig = await Rig.begin(inCluster(cluster), SEED);
    scenarios = new Scenarios(rig, 'cluster');
  }, 180_000);
  afterAll(async () => {
    await rig?.end();
    await cluster?.stop();
  }, 120_000);

  it('kill -9 of a master', async () => {
    await scenarios.run('kill -9 of one of three masters', async (story) => {
      const master = await cluster.masterOf(tapeOf(0));
      story.hurt();
      await master.kill();
      await cluster.failedOver(master, tapeOf(0));
      story.saw(`its replica serves after ${Math.round(performance.now() - story.hurtMs)} ms`);
      await scenarios.shown(performance.now());
      await master.start();
    });
    await cluster.settled();
  }, 180_000);

  it('SIGSTOP of a master', async () => {
    await scenarios.run('SIGSTOP of one of three masters, SIGCONT when its replica serves', async (story) => {
      const master = await cluster.masterOf(tapeOf(1));
      story.hurt();
      master.pause();
      await cluster.failedOver(master, tapeOf(1));
      story.saw(`its replica serves after ${Math.round(performance.now() - story.hurtMs)} ms`);
      await scenarios.shown(performance.now());
      master.resume();
    });
    await cluster.settled();
  }, 180_000);

  it('slots that move', async () => {
    await scenarios.run('slots of half the partitions move to another master', async (story) => {
      story.hurt();
      for (let partition = 0; partition < PARTITIONS; partition += 2) {
        const from = await cluster.masterOf(tapeOf(partition));
        const to = (await cluster.masters()).find((node) => node !== from)!;
        await cluster.moveSlot(tapeOf(partition), to);
        await sleep(500);
      }
      story.over();
    });
    await cluster.settled();
  }, 180_000);
});

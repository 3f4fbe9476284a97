/** A tape of two seconds: who was away for longer gets new images, and is told which trades are missing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { metrics, total } from '../support/installation.js';
import { SEED } from './support/report.js';
import { Rig } from './support/rig.js';
import { Scenarios } from './support/scenario.js';
import { standalone } from './support/store.js';

describe('a tape that is trimmed', () => {
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    rig = await Rig.begin(await standalone(), SEED, {
      env: { TICKCAST_TAPE_SECONDS: '2', TICKCAST_TRADE_RING_SECONDS: '5' },
    });
    scenarios = new Scenarios(rig, 'standalone', false);
  }, 120_000);
  afterAll(() => rig?.end(), 120_000);

  const gaps = (name: string) =>
    rig.client(name).log.records.filter(({ record }) => record.type === 'gap').length;

  it('is not long enough for a gateway that was cut off', async () => {
    await scenarios.run('10 s cut of a gateway where the tape holds 2 s', async (story) => {
      const before = total(await metrics(rig.member('gateway1')), 'tickcast_follower_reloads_total');
      story.hurt();
      await rig.link('gateway1').set('stall');
      await sleep(10_000);
      await rig.link('gateway1').set('pass');
      story.over();
      await scenarios.shown(story.overMs);
      const reloads =
        total(await metrics(rig.member('gateway1')), 'tickcast_follower_reloads_total') - before;
      expect(reloads).toBeGreaterThan(0);
      await scenarios.until('gaps to be told', () => (gaps('at gateway1') > 0 ? null : 'none'));
      expect(gaps('at gateway2')).toBe(0);
      story.saw(`${reloads} partitions loaded anew, ${gaps('at gateway1')} gaps told`);
    });
  }, 120_000);

  it('is not long enough for a client that was away', async () => {
    await scenarios.run(
      '8 s without its gateway for a client, where trades are kept for 5 s',
      async (story) => {
        const before = gaps('at gateway2');
        story.hurt();
        await rig.member('gateway2').kill();
        await sleep(8_000);
        await rig.member('gateway2').start();
        story.over();
        await scenarios.shown(story.overMs);
        // After `subscribed` come images, then what is told of trades.
        await scenarios.until('gaps to be told', () => (gaps('at gateway2') > before ? null : 'none'));
        story.saw(`${gaps('at gateway2') - before} gaps told`);
      },
    );
  }, 120_000);
});

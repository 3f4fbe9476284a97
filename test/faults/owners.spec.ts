/** What owns partitions is killed, frozen, or lives in another time. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { preferredNode } from '#market-data';
import { metrics, total } from '../support/installation.js';
import { SEED } from './support/report.js';
import { PARTITIONS, Rig } from './support/rig.js';
import { Scenarios } from './support/scenario.js';
import { standalone } from './support/store.js';

/** Every partition prefers the first of them: it owns them all, and the other stands by. */
function ownerAndStandBy(): readonly [string, string] {
  for (let i = 0; ; i++) {
    const names = [`owner${i}`, 'standby'] as const;
    const preferred = Array.from({ length: PARTITIONS }, (_, partition) => preferredNode(partition, names));
    if (preferred.every((node) => node === names[0])) return names;
  }
}

const HOUR_MS = 3_600_000;
/** At each SIGUSR2 the wall clock of this process jumps. */
const CLOCK = {
  NODE_OPTIONS: `--import=${resolve('test/faults/support/clock-jump.mjs')}`,
  CLOCK_JUMPS_MS: [HOUR_MS, -2 * HOUR_MS, HOUR_MS].join(','),
};

describe('owners', () => {
  const [owner, standBy] = ownerAndStandBy();
  let rig: Rig;
  let scenarios: Scenarios;

  beforeAll(async () => {
    const envOf = { [owner]: CLOCK, gateway1: CLOCK };
    rig = await Rig.begin(await standalone(), SEED, { owners: [owner, standBy], envOf });
    scenarios = new Scenarios(rig, 'standalone');
  }, 120_000);
  afterAll(() => rig?.end(), 120_000);

  const owned = async (name: string) => total(await metrics(rig.member(name)), 'tickcast_owner_partitions');
  const untilOwns = (name: string, count: number) =>
    scenarios.until(`${name} to own ${count} partitions`, async () => {
      const now = await owned(name);
      return now === count ? null : `it owns ${now}`;
    });

  it('kill -9 of the owner: the other one takes over, and gives back to the next life', async () => {
    await scenarios.run('kill -9 of the owner of everything', async (story) => {
      await untilOwns(owner, PARTITIONS);
      story.hurt();
      await rig.member(owner).kill();
      await untilOwns(standBy, PARTITIONS);
      story.saw(`taken over in ${Math.round(performance.now() - story.hurtMs)} ms`);
      await rig.member(owner).start();
      await untilOwns(owner, PARTITIONS);
    });
  }, 120_000);

  it('SIGSTOP of the owner: what comes back too late steps back', async () => {
    await scenarios.run('SIGSTOP of the owner, SIGCONT after 8 s', async (story) => {
      await untilOwns(owner, PARTITIONS);
      story.hurt();
      rig.member(owner).pause();
      await sleep(8_000);
      await untilOwns(standBy, PARTITIONS);
      rig.member(owner).resume();
      await untilOwns(standBy, 0);
      await untilOwns(owner, PARTITIONS);
      const answers = await metrics(rig.member(owner));
      const refused = total(answers, 'tickcast_owner_commits_total{answer="fenced"}');
      story.saw(`${refused} commits of the old owner refused`);
    });
  }, 120_000);

  it('kill -9 and SIGSTOP of the one that stands by', async () => {
    await scenarios.run('kill -9 of a process that owns nothing', async (story) => {
      expect(await owned(standBy)).toBe(0);
      story.hurt();
      await rig.member(standBy).kill();
      await sleep(2_000);
      await rig.member(standBy).start();
    });
    await scenarios.run('SIGSTOP of a process that owns nothing, SIGCONT after 5 s', async (story) => {
      story.hurt();
      rig.member(standBy).pause();
      await sleep(5_000);
      rig.member(standBy).resume();
    });
    expect(await owned(owner)).toBe(PARTITIONS);
  }, 120_000);

  it.each([['owner'], ['gateway1']])(
    'a clock that jumps by an hour, forth and back: %s',
    async (name) => {
      const jumping = rig.member(name === 'owner' ? owner : name);
      await scenarios.run(`the clock of ${name} jumps +1 h, −2 h, +1 h`, async (story) => {
        story.hurt();
        for (let i = 0; i < 3; i++) {
          jumping.signal('SIGUSR2');
          await sleep(2_500);
        }
        expect(jumping.output().match(/clock jumped/g)).toHaveLength(3);
      });
      expect(await owned(owner)).toBe(PARTITIONS);
    },
    120_000,
  );
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metrics } from '../../ops/metrics.js';
import type { LiveSymbolRegistry } from '../../symbols/live-symbol-registry.js';
import { silentLog } from '../feed.fixture.js';
import { DrivenTime, JournalDoor, startTestRegistry } from './adapters.fixture.js';
import { Adapters, type AdaptersConfig } from './adapters.js';

const OFF: AdaptersConfig = {
  simulator: false,
  simulatorSeed: 1,
  simulatorRate: 200,
  simulatorBars: null,
  simulatorDaySeconds: 60,
  testSymbol: false,
  replayFile: null,
  replaySpeed: 1,
  replayLoop: false,
  replayColumns: null,
  recordFile: null,
};

describe('Adapters', () => {
  let folder: string;
  let registry: LiveSymbolRegistry;
  let time: DrivenTime;
  let door: JournalDoor;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tickcast-adapters-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    registry = await startTestRegistry();
    time = new DrivenTime();
    door = new JournalDoor(registry, time);
  });
  afterEach(() => registry.stop());

  const adaptersOf = (given: Partial<AdaptersConfig>, metrics?: Metrics) => {
    const config = { ...OFF, ...given };
    const { onStored } = door;
    return new Adapters({
      config,
      door,
      registry,
      clock: time,
      log: silentLog,
      onStored,
      pauses: time,
      metrics,
    });
  };

  it('starts nothing that was not asked for', async () => {
    const adapters = adaptersOf({});
    await adapters.start();
    await adapters.stop();
    await adapters.stopRecord();
    expect(door.offered).toEqual([]);
  });

  it('starts what was asked for, each under its own source and session, and records all of it', async () => {
    const replayFile = join(folder, 'in.ndjson');
    const recordFile = join(folder, 'out.ndjson');
    await writeFile(replayFile, '{"type":"trade","symbol":"AAPL","price":190.1}\n');
    const metrics = new Metrics();
    const adapters = adaptersOf({ simulator: true, testSymbol: true, replayFile, recordFile }, metrics);
    await adapters.start();
    await time.run(3_000);
    // The replay reads a real file, which the driven time does not wait for.
    while (!door.sent.some(({ price }) => price === 190.1)) await new Promise(setImmediate);
    await adapters.stop();
    await adapters.stopRecord();

    const sources = new Set(door.offered.map(({ batch }) => batch.source));
    expect([...sources].sort()).toEqual(['replay', 'simulated', 'test-symbol']);
    expect(new Set(door.offered.map(({ batch }) => batch.session)).size).toBe(3);
    const recorded = (await readFile(recordFile, 'utf8')).trimEnd().split('\n');
    expect(recorded).toHaveLength(door.stored.length);
    expect(await metrics.text()).toContain(
      `tickcast_adapter_total{adapter="record",what="written"} ${recorded.length}`,
    );
    expect(await metrics.text()).toContain('tickcast_adapter_total{adapter="replay",what="accepted"} 1');
  });

  it('has new sessions at every start', async () => {
    for (let i = 0; i < 2; i++) {
      const adapters = adaptersOf({ testSymbol: true });
      await adapters.start();
      await time.run(1_500);
      await adapters.stop();
    }
    expect(new Set(door.offered.map(({ batch }) => batch.session)).size).toBe(2);
  });

  it('leaves nothing running when one of them cannot start', async () => {
    const adapters = adaptersOf({ simulator: true, testSymbol: true, replayFile: join(folder, 'none.csv') });
    await expect(adapters.start()).rejects.toMatchObject({ code: 'replay_file_unreadable' });
    const { length } = door.offered;
    await new Promise(setImmediate);
    expect(door.offered).toHaveLength(length);
  });

  it('refuses to record into the file that it replays', async () => {
    const replayFile = join(folder, 'same.ndjson');
    await writeFile(replayFile, '');
    const adapters = adaptersOf({ replayFile, recordFile: join(folder, '.', 'same.ndjson') });
    await expect(adapters.start()).rejects.toMatchObject({ code: 'record_file_unwritable' });
  });
});

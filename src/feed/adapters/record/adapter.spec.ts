import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { QUOTE, type Tick, TRADE } from '#market-data';
import type { LiveSymbolRegistry } from '../../../symbols/live-symbol-registry.js';
import type { StoredListener } from '../../batch-gate.js';
import { NOW_US, quote, silentLog, trade } from '../../feed.fixture.js';
import { DrivenTime, JournalDoor, startTestRegistry } from '../adapters.fixture.js';
import { ReplayAdapter } from '../replay/adapter.js';
import { RecordAdapter } from './adapter.js';
import { tickLine } from './ticks.js';

let folder: string;
let registry: LiveSymbolRegistry;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-record-'));
  registry = await startTestRegistry();
});
afterAll(async () => {
  await registry.stop();
  await rm(folder, { recursive: true });
});

const newFile = () => join(folder, `${++files}.ndjson`);

async function record(door: JournalDoor, file: string): Promise<RecordAdapter> {
  const adapter = new RecordAdapter({ file, onStored: door.onStored, registry, log: silentLog });
  await adapter.start();
  return adapter;
}

let sequence = 0;
const push = (door: JournalDoor, ticks: readonly unknown[]) =>
  door.accept({ source: 'nyse', session: 's1', sequence: ++sequence, ticks });

describe('RecordAdapter', () => {
  it('appends every accepted tick with names and plain decimals, and no rejected one', async () => {
    const file = newFile();
    const door = new JournalDoor(registry, new DrivenTime());
    await writeFile(file, '{"older":true}\n');
    const adapter = await record(door, file);
    await push(door, [
      quote({ exchangeTimeUs: NOW_US - 5, bidPrice: '190.1100', askSize: null }),
      quote({ bidPrice: null, bidSize: 0 }),
      quote({ bidPrice: 500 }),
      trade({ symbol: 'SHIB-USD', price: '0.00002501', size: '1000.5', tradeId: 'a"b', conditions: '@ I' }),
      trade({ symbol: 'NOPE' }),
      trade({ line: 'A', sequence: 7, size: null }),
    ]);
    await adapter.stop();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines).toEqual([
      '{"older":true}',
      `{"type":"quote","symbol":"AAPL","bidPrice":190.11,"bidSize":300,"askPrice":190.13,"exchangeTimeUs":${NOW_US - 5},"receiveTimeUs":${NOW_US}}`,
      `{"type":"quote","symbol":"AAPL","bidPrice":null,"bidSize":0,"askPrice":190.13,"askSize":200,"receiveTimeUs":${NOW_US}}`,
      `{"type":"trade","symbol":"SHIB-USD","price":0.00002501,"size":1000.5,"tradeId":"a\\"b","conditions":"@ I","receiveTimeUs":${NOW_US}}`,
      `{"type":"trade","symbol":"AAPL","price":190.12,"line":"A","sequence":7,"receiveTimeUs":${NOW_US}}`,
    ]);
    expect(adapter.counts()).toEqual({ written: 4, dropped: 0 });
  });

  it('records what replay turns into the same ticks again', async () => {
    const scaled = fc.integer({ min: 1, max: 9_000_000_000 });
    const size = fc.option(fc.integer({ min: 0, max: 9_000_000_000 }));
    const sid = fc.constantFrom(...[...registry.all()].map((instrument) => instrument.sid));
    const shared = {
      sid,
      exchangeTimeUs: fc.option(fc.integer({ min: NOW_US, max: NOW_US + 1e12 })),
      receiveTimeUs: fc.constant(NOW_US),
      line: fc.constant(null),
      sequence: fc.constant(null),
    };
    const anyTick: fc.Arbitrary<Tick> = fc.oneof(
      fc
        .record({
          kind: fc.constant(QUOTE),
          bidPrice: fc.option(scaled),
          bidSize: size,
          askPrice: fc.option(scaled),
          askSize: size,
          ...shared,
        })
        .map((tick) =>
          tick.bidPrice !== null && tick.askPrice !== null && tick.bidPrice > tick.askPrice
            ? { ...tick, bidPrice: tick.askPrice, askPrice: tick.bidPrice }
            : tick,
        ),
      fc.record({
        kind: fc.constant(TRADE),
        price: scaled,
        size,
        tradeId: fc.option(fc.string({ minLength: 1, maxLength: 64 })),
        conditions: fc.option(fc.string({ minLength: 1, maxLength: 32 })),
        ...shared,
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyTick, { minLength: 1, maxLength: 60 }), async (ticks) => {
        const file = newFile();
        await writeFile(file, ticks.map((tick) => tickLine(tick, registry.bySid(tick.sid)!)).join(''));
        expect(await replayed(file)).toEqual(ticks);
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('leaves whole batches out when the disk does not keep up, counts and says them, and delays nothing', async () => {
    const file = newFile();
    const said: string[] = [];
    const log = pino({}, { write: (line: string) => said.push(JSON.parse(line).msg) });
    let listener: StoredListener = () => undefined;
    const onStored = (given: StoredListener) => {
      listener = given;
      return () => undefined;
    };
    const adapter = new RecordAdapter({ file, onStored, registry, log, pendingBytesMax: 50_000 });
    await adapter.start();
    const tick = ticksOf(100);
    const batch = { source: 'nyse', session: 's1', sequence: 1, ticks: [] };
    // All in one turn of the event loop: the disk has no chance to take anything.
    for (let i = 0; i < 20; i++) listener(batch, tick);
    const { written = 0, dropped = 0 } = adapter.counts();
    expect(written + dropped).toBe(2_000);
    expect(dropped).toBeGreaterThan(0);
    await adapter.stop();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(written);
    expect(said.filter((words) => words.includes('left out'))).toHaveLength(1);
  });

  it('breaks off, and the feed goes on, when the file fails', async () => {
    const said: string[] = [];
    const log = pino({}, { write: (line: string) => said.push(JSON.parse(line).msg) });
    const door = new JournalDoor(registry, new DrivenTime());
    // Every write to this device fails with "no space left".
    const adapter = new RecordAdapter({ file: '/dev/full', onStored: door.onStored, registry, log });
    await adapter.start();
    // A busy disk queue fails it later than a busy feed goes on.
    for (let i = 0; i < 1_000 && !said.some((words) => words.includes('broke off')); i++) {
      await push(door, [quote()]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(said.some((words) => words.startsWith('record broke off (the feed goes on): ENOSPC'))).toBe(true);
    expect((await push(door, [quote()])).outcome).toBe('stored');
    await adapter.stop();
  });

  it('refuses a file that cannot be opened', async () => {
    const door = new JournalDoor(registry, new DrivenTime());
    const adapter = new RecordAdapter({ file: folder, onStored: door.onStored, registry, log: silentLog });
    await expect(adapter.start()).rejects.toMatchObject({ code: 'record_file_unwritable' });
  });
});

function ticksOf(count: number): Tick[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: TRADE,
    sid: 1,
    price: 1_901_200 + i,
    size: 100,
    tradeId: null,
    conditions: null,
    exchangeTimeUs: NOW_US,
    receiveTimeUs: NOW_US,
    line: null,
    sequence: null,
  }));
}

/** What a door stores of this file. */
async function replayed(file: string): Promise<readonly Tick[]> {
  const time = new DrivenTime();
  const door = new JournalDoor(registry, time);
  const replay = new ReplayAdapter({
    file,
    config: { replaySpeed: 'max', replayLoop: false, replayColumns: null },
    door,
    clock: time,
    pauses: time,
    random: () => 0.5,
    log: silentLog,
  });
  await replay.start();
  await time.runUntil(replay.ended());
  expect(replay.report().rejected).toEqual({});
  return door.stored;
}

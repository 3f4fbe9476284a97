import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { QUOTE, type Tick, TRADE } from '#market-data';
import type { LiveSymbolRegistry } from '../../../symbols/live-symbol-registry.js';
import { DrivenTime, JournalDoor, startTestRegistry } from '../adapters.fixture.js';
import { BATCH_TICKS_MAX, ReplayAdapter, type ReplayConfig, WAIT_MS_MIN } from './adapter.js';

const BEGIN_US = 1_600_000_000_000_000;
const MAP = 'time=0:yyyyMMdd HHmmssSSS,bidPrice=1,askPrice=2,symbol:EURUSD';

let folder: string;
let registry: LiveSymbolRegistry;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-replay-'));
  registry = await startTestRegistry();
});
afterAll(async () => {
  await registry.stop();
  await rm(folder, { recursive: true });
});

async function fileOf(content: string | Buffer, ending = 'ndjson'): Promise<string> {
  const path = join(folder, `${++files}.${ending}`);
  await writeFile(path, content);
  return path;
}

/** Trades of AAPL at these ms after the begin, numbered by size. */
function trades(timesMs: readonly number[]): string {
  const line = (ms: number, i: number) =>
    JSON.stringify({
      type: 'trade',
      symbol: 'AAPL',
      price: 100,
      size: i + 1,
      exchangeTimeUs: BEGIN_US + ms * 1000,
    });
  return timesMs.map(line).join('\n');
}

interface Play {
  readonly adapter: ReplayAdapter;
  readonly door: JournalDoor;
  readonly time: DrivenTime;
  readonly logged: Record<string, unknown>[];
}

function replayOf(
  file: string,
  given: Partial<ReplayConfig> = {},
  door?: { readonly symbolsAutoRegister?: boolean },
): Play {
  const time = new DrivenTime();
  const journal = new JournalDoor(registry, time, door);
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const config = { replaySpeed: 'max', replayLoop: false, replayColumns: null, ...given } as const;
  const adapter = new ReplayAdapter({
    file,
    config,
    door: journal,
    clock: time,
    pauses: time,
    random: () => 0.25,
    log,
  });
  return { adapter, door: journal, time, logged };
}

async function play(file: string, given: Partial<ReplayConfig> = {}): Promise<Play> {
  const replay = replayOf(file, given);
  await replay.adapter.start();
  await replay.time.runUntil(replay.adapter.ended());
  return replay;
}

const sizesOf = (ticks: readonly Tick[]) => ticks.map((tick) => (tick.kind === TRADE ? tick.size : null));
const from1To = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('ReplayAdapter', () => {
  it('plays NDJSON at max speed, in order, with the exchange times of the file, in bounded batches', async () => {
    const times = Array.from({ length: 2_500 }, (_, i) => i * 1000);
    const { door, adapter, time } = await play(await fileOf(trades(times)));
    expect(sizesOf(door.stored)).toEqual(from1To(2_500));
    expect(door.stored.map((tick) => tick.exchangeTimeUs)).toEqual(times.map((ms) => BEGIN_US + ms * 1000));
    expect(door.offered.map(({ batch }) => batch.ticks.length)).toEqual([
      BATCH_TICKS_MAX,
      BATCH_TICKS_MAX,
      500,
    ]);
    expect(door.offered.map(({ batch }) => batch.sequence)).toEqual([1, 2, 3]);
    expect(door.offered[0]!.batch.source).toBe('replay');
    expect(time.monotonicMs()).toBe(0);
    expect(adapter.report()).toEqual({ lines: 2_500, passes: 1, accepted: 2_500, rejected: {} });
  });

  it.each([
    [1, 1],
    [10, 10],
    [0.5, 0.5],
  ])('plays at %s times the pace of the file', async (speed) => {
    const times = [0, 1, 400, 1_000, 1_000, 990, 5_000, 60_000];
    const { door } = await play(await fileOf(trades(times)), { replaySpeed: speed });
    const arrivals = door.offered.flatMap(({ batch, atMs }) => batch.ticks.map(() => atMs));
    expect(sizesOf(door.stored)).toEqual(from1To(times.length));
    for (const [i, atMs] of arrivals.entries()) {
      const dueMs = Math.max(...times.slice(0, i + 1)) / speed;
      expect(atMs).toBeGreaterThanOrEqual(dueMs - 0.001);
      expect(atMs).toBeLessThanOrEqual(dueMs + WAIT_MS_MIN);
    }
  });

  it('plays CSV with a column map, with or without header, plain or gzipped', async () => {
    const lines = ['20200101 170000065,1.12120,1.12172,0', '20200101 170010447,1.12125,1.12192,0'];
    const plain = await play(await fileOf(lines.join('\r\n'), 'csv'), { replayColumns: MAP });
    const header = `when,bid,ask,volume\n${lines.join('\n')}\n`;
    const zipped = await play(await fileOf(gzipSync(header), 'csv.gz'), { replayColumns: MAP });
    for (const { door } of [plain, zipped]) {
      expect(door.stored).toMatchObject([
        {
          kind: QUOTE,
          bidPrice: 112_120,
          askPrice: 112_172,
          bidSize: null,
          exchangeTimeUs: 1_577_898_000_065_000,
        },
        { kind: QUOTE, bidPrice: 112_125, askPrice: 112_192, exchangeTimeUs: 1_577_898_010_447_000 },
      ]);
    }
  });

  it('plays a CSV whose header names the fields, without a map', async () => {
    const { door } = await play(
      await fileOf('symbol;price;size;exchangeTimeUs\nAAPL;190.5;100;1600000000000000\n', 'csv'),
    );
    expect(door.stored).toMatchObject([
      { kind: TRADE, price: 1_905_000, size: 100, exchangeTimeUs: BEGIN_US },
    ]);
  });

  it('counts and says bad lines with their number, and goes on', async () => {
    const good = trades([0, 1, 2]).split('\n');
    const bad = '{"type":"trade","symbol":"AAPL"}';
    const content = [
      good[0],
      'not json',
      '',
      bad,
      good[1],
      '{"type":"trade","symbol":"NOPE","price":1}',
      good[2],
    ];
    const { adapter, door, logged } = await play(await fileOf(content.join('\n')));
    expect(sizesOf(door.stored)).toEqual([1, 2, 3]);
    expect(adapter.report()).toMatchObject({
      lines: 7,
      accepted: 3,
      rejected: { line_unreadable: 1, malformed: 1, unknown_symbol: 1 },
    });
    const said = logged.filter(({ line }) => line !== undefined).map(({ line, reason }) => [line, reason]);
    expect(said).toEqual([
      [2, 'line_unreadable'],
      [4, 'malformed'],
      [6, 'unknown_symbol'],
    ]);
    const end = logged.filter(({ msg }) => msg === 'replay ended');
    expect(end).toMatchObject([
      { accepted: 3, rejected: { line_unreadable: 1, malformed: 1, unknown_symbol: 1 } },
    ]);
  });

  it('does not drown the log in bad lines', async () => {
    const { adapter, logged } = await play(await fileOf('{bad\n'.repeat(5_000)));
    expect(adapter.report().rejected).toEqual({ line_unreadable: 5_000 });
    expect(logged.length).toBeLessThan(20);
  });

  it('rejects a line that is too long to be one, and goes on', async () => {
    const content = `${trades([0])}\n{"x":"${'y'.repeat(100_000)}"}\n${trades([1])}`;
    const { adapter } = await play(await fileOf(content));
    expect(adapter.report()).toMatchObject({ lines: 3, accepted: 2, rejected: { line_unreadable: 1 } });
  });

  it('registers unknown symbols where the service does', async () => {
    const replay = replayOf(
      await fileOf('{"type":"trade","symbol":"NEW1","price":1}'),
      {},
      {
        symbolsAutoRegister: true,
      },
    );
    await replay.adapter.start();
    await replay.time.runUntil(replay.adapter.ended());
    expect(replay.adapter.report().accepted).toBe(1);
    expect(registry.bySymbol('NEW1')).toBeDefined();
  });

  it('waits while the door is busy: the same batch again, nothing later before it', async () => {
    const replay = replayOf(await fileOf(trades(Array.from({ length: 2_100 }, (_, i) => i))));
    replay.door.refusals.push(undefined, 'log_full', 'log_full', undefined);
    await replay.adapter.start();
    await replay.time.runUntil(replay.adapter.ended());
    expect(replay.door.offered.map(({ batch, outcome }) => `${batch.sequence} ${outcome}`)).toEqual([
      '1 stored',
      '2 busy',
      '2 busy',
      '2 stored',
      '3 stored',
    ]);
    expect(sizesOf(replay.door.stored)).toEqual(from1To(2_100));
    expect(replay.adapter.counts()['busy']).toBe(2);
  });

  it('starts over in a loop, with the times of the file and the pace of each pass, until it is stopped', async () => {
    const replay = replayOf(await fileOf(trades([0, 100])), { replaySpeed: 1, replayLoop: true });
    await replay.adapter.start();
    while (replay.door.stored.length < 7) {
      await replay.time.whenPaused();
      replay.time.next();
      await new Promise(setImmediate);
    }
    await replay.adapter.stop();
    expect(sizesOf(replay.door.stored).slice(0, 6)).toEqual([1, 2, 1, 2, 1, 2]);
    expect(replay.door.stored[2]!.exchangeTimeUs).toBe(BEGIN_US);
    expect(replay.adapter.report().passes).toBeGreaterThanOrEqual(2);
    expect(replay.time.monotonicMs()).toBeGreaterThanOrEqual(200);
  });

  it('does not spin on a file that brings nothing', async () => {
    const { adapter } = await play(await fileOf('\n\n{}\n'), { replayLoop: true });
    expect(adapter.report()).toMatchObject({ passes: 1, accepted: 0 });
  });

  it('stops in the middle of a wait', async () => {
    const replay = replayOf(await fileOf(trades([0, 3_600_000])), { replaySpeed: 1 });
    await replay.adapter.start();
    await replay.time.whenPaused();
    await replay.adapter.stop();
    expect(replay.adapter.report()).toMatchObject({ accepted: 1, passes: 0 });
  });

  it('says that a file broke off in the middle, and reports what it played', async () => {
    const times = Array.from({ length: 20_000 }, (_, i) => i * 7);
    const zipped = gzipSync(trades(times));
    const { adapter, logged } = await play(await fileOf(zipped.subarray(0, zipped.length / 2), 'ndjson.gz'));
    expect(adapter.report().accepted).toBeGreaterThan(1_000);
    expect(adapter.report().passes).toBe(0);
    expect(logged.some(({ msg }) => String(msg).startsWith('replay broke off'))).toBe(true);
    expect(logged.some(({ msg }) => msg === 'replay ended')).toBe(true);
  });
});

describe('the start of a replay', () => {
  it.each([
    ['a file that is not there', '/nonexistent/ticks.csv'],
    ['a folder', tmpdir()],
  ])('refuses %s', async (_, file) => {
    const { adapter } = replayOf(file);
    await expect(adapter.start()).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'replay_file_unreadable',
    });
    await expect(adapter.start()).rejects.toThrow(file);
  });

  it('refuses a .gz that is none', async () => {
    const { adapter } = replayOf(await fileOf('plain text\n', 'ndjson.gz'));
    await expect(adapter.start()).rejects.toMatchObject({ code: 'replay_file_unreadable' });
  });

  it.each(['nonsense', 'symbol=Ticker,price=1', 'price=1'])('refuses the column map %s', async (columns) => {
    const { adapter } = replayOf(await fileOf('a,b,c\n1,2,3\n', 'csv'), { replayColumns: columns });
    await expect(adapter.start()).rejects.toMatchObject({ code: 'replay_columns_invalid' });
    await expect(adapter.start()).rejects.toThrow(columns);
  });

  it('takes an empty file of NDJSON', async () => {
    const { adapter, door } = await play(await fileOf(''));
    expect(adapter.report()).toEqual({ lines: 0, passes: 1, accepted: 0, rejected: {} });
    expect(door.offered).toEqual([]);
  });
});

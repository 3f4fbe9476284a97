/** Every micro-bench still runs, does its work, and yields figures: how good they are is no matter of a test. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { loadNativeSend } from '../src/gateway/native-send.js';
import { requireProgram } from '../test/support/tool.js';

const run = promisify(execFile);
const RUNNER = resolve('bench/micro/run.mjs');

interface Figures {
  readonly name: string;
  readonly items: number;
  readonly ns: number;
  readonly nsMean: number;
  readonly samples: number;
}

const HOT_FILES = [
  'libs/wire/src/native-json',
  'libs/wire/src/native-msgpack',
  'src/fanout/batch',
  'src/fanout/coalescer',
  'src/fanout/log-entry',
  'src/fanout/redis-resp-writer',
  'src/feed/feed-codec',
  'src/feed/tick-gate',
  'src/gateway/cohorts',
  'src/gateway/lane',
  'src/gateway/native-send',
  'src/gateway/outbox',
  'src/gateway/serve',
  'src/gateway/sid-list',
  'src/gateway/table-writer',
  'src/gateway/ticker-follow',
  'src/gateway/trade-lane',
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-micro-'));
  // Some measure the native part: built by the build where it found a compiler, else it is found now.
  if (loadNativeSend() !== null) return;
  await requireProgram('cc', 'build-essential');
  await run(process.execPath, [resolve('scripts/compile-native.mjs')]);
}, 300_000);

afterAll(() => rm(folder, { recursive: true }));

it('each hot file has cases, and each case does its work', async () => {
  const out = join(folder, 'micro.json');
  await run(process.execPath, [RUNNER, '--once', '--out', out]);
  const { files } = JSON.parse(await readFile(out, 'utf8')) as { files: Record<string, Figures[]> };
  expect(Object.keys(files).toSorted()).toEqual(HOT_FILES.map((path) => `${path}.bench.ts`));
  for (const [path, figures] of Object.entries(files)) {
    const names = figures.map(({ name }) => `${path}: ${name}`);
    expect(names).not.toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    for (const { items, ns, nsMean, samples } of figures) {
      expect([items, samples].every((count) => Number.isInteger(count) && count > 0)).toBe(true);
      for (const figure of [ns, nsMean]) {
        expect(Number.isFinite(figure)).toBe(true);
        expect(figure).toBeGreaterThan(0);
      }
    }
  }
}, 120_000);

it('a name that no bench has is refused', async () => {
  await expect(run(process.execPath, [RUNNER, 'lanes'])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no bench "lanes"'),
  });
});

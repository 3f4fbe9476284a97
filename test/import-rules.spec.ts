/** Each rule of the house is broken on purpose: one that no longer fails has become decoration. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** File → its imports, and the rules that it breaks by them. */
const FILES: Readonly<Record<string, readonly [text: string, ...breaks: string[]]>> = {
  'src/feed/tick-gate.ts': ["import '../gateway/lane.js';", 'feed-and-gateway-apart'],
  'src/gateway/rates.ts': ["import '../feed/batch-door.js';", 'gateway-and-feed-apart'],
  'src/feed/uploads.ts': ["import '../fanout/owner.js';", 'only-interfaces-of-the-fan-out'],
  'src/gateway/images.ts': [
    "import '../symbols/live-symbol-registry.js';",
    'only-the-interface-of-the-registry',
  ],
  'src/gateway/cohorts.ts': [
    "import type { Redis } from 'ioredis';\nexport type Connection = Redis;",
    'redis-in-redis-files',
  ],
  'src/symbols/redis-symbol-store.ts': [
    "import { Redis } from 'ioredis';\nexport const connection = new Redis();",
    'redis-connections-in-one-place',
  ],
  'src/gateway/session.ts': [
    "import type { WebSocket } from 'ws';\nexport type S = WebSocket;",
    'sockets-in-socket-files',
  ],
  'libs/wire/src/codec.ts': [
    "import '../../../src/clock.js';\nimport 'node:buffer';\nimport { Module } from '@nestjs/common';\nexport const made = Module;",
    'libs-stand-alone',
    'libs-stand-alone',
    'libs-run-in-browsers',
  ],
  'src/gateway/flusher.ts': [
    "import { Injectable } from '@nestjs/common';\nexport const decorator = Injectable;",
    'hot-classes-are-plain',
  ],
  'src/admin/left.ts': [
    "import { right } from './right.js';\nexport const left = () => right;",
    'no-circles',
  ],
  'src/admin/right.ts': ["import { left } from './left.js';\nexport const right = () => left;"],
  'src/admin/audit.ts': ["import '../feed/feed.fixture.js';", 'no-test-code'],
  'src/admin/answers.ts': ["import '../gateway/lane.bench.js';", 'no-test-code'],
  'src/admin/checks.ts': [
    "import fc from 'fast-check';\nexport const check = fc;",
    'no-development-packages',
  ],
  'src/admin/lost.ts': ["import './nowhere.js';", 'found'],

  // What is allowed, and must stay so.
  'src/clock.ts': [''],
  'src/feed/batch-door.ts': [
    "import '../fanout/tick-log-writer.js';\nimport '../symbols/symbol-registry.js';",
  ],
  'src/feed/feed.fixture.ts': [
    "import '../fanout/owner.js';\nimport fc from 'fast-check';\nexport const f = fc;",
  ],
  'src/gateway/lane.bench.ts': [
    "import '../fanout/owner.js';\nimport fc from 'fast-check';\nexport const f = fc;",
  ],
  'src/feed/feed-sockets.ts': ["import type { WebSocket } from 'ws';\nexport type S = WebSocket;"],
  'src/fanout/tick-log-writer.ts': [''],
  'src/fanout/owner.ts': [''],
  'src/fanout/redis-connections.ts': [
    "import { Redis } from 'ioredis';\nexport const connection = new Redis();",
  ],
  'src/fanout/redis-tape.ts': ["import type { Redis } from 'ioredis';\nexport type Connection = Redis;"],
  'src/gateway/lane.ts': [
    "import type { OnModuleInit } from '@nestjs/common';\nexport type Hook = OnModuleInit;",
  ],
  'src/gateway/stream.gateway.ts': [
    "import type { WebSocket } from 'ws';\nimport { Module } from '@nestjs/common';\nexport const m = Module;\nexport type S = WebSocket;",
  ],
  'src/symbols/symbol-registry.ts': [''],
  'src/symbols/live-symbol-registry.ts': [''],
};

/** Source text, and the lint rules that it breaks. */
const LINTED: Readonly<Record<string, readonly [text: string, ...breaks: string[]]>> = {
  'src/port.ts': ["export const port = process.env['TICKCAST_PORT'];\n", 'lint/style/noProcessEnv'],
  'src/config.ts': ["export const port = process.env['TICKCAST_PORT'];\n"],
  'src/now.ts': ['export const now = () => Date.now() + Math.random();\n', 'plugin', 'plugin'],
  'src/clock.ts': ['export const now = () => Date.now();\n'],
  'src/now.spec.ts': ['export const now = Date.now();\n'],
  'src/now.bench.ts': ['export const now = performance.now();\n'],
  'src/store.ts': [
    'async function store(): Promise<void> {\n  await Promise.resolve();\n}\nexport function accept(): void {\n  store();\n}\n',
    'lint/nursery/noFloatingPromises',
  ],
};

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-rules-'));
  const taken = ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs', 'biome.json', 'lint'];
  await Promise.all(taken.map((name) => cp(name, join(folder, name), { recursive: true })));
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rm(folder, { recursive: true }));

async function write(files: Readonly<Record<string, readonly [string, ...string[]]>>): Promise<void> {
  await Promise.all(['src', 'libs'].map((name) => rm(join(folder, name), { recursive: true, force: true })));
  for (const [path, [text]] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text === '' ? 'export const nothing = 0;\n' : `${text}\n`);
  }
}

/** Standard output of a package's program, whether or not it found something. */
function output(program: string, ...args: string[]): Promise<string> {
  const script = resolve('node_modules', program);
  return new Promise((done) => {
    execFile(process.execPath, [script, ...args], { cwd: folder, maxBuffer: 1e8 }, (_code, out) => done(out));
  });
}

function expected(files: Readonly<Record<string, readonly [string, ...string[]]>>): string[] {
  return Object.entries(files).flatMap(([path, [, ...breaks]]) => breaks.map((rule) => `${rule}: ${path}`));
}

it('each import rule fails when it is broken, and only then', async () => {
  await write(FILES);
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src', 'libs'];
  const report = JSON.parse(await output('dependency-cruiser/bin/dependency-cruise.mjs', ...args));
  const found = report.summary.violations.map(
    (violation: { rule: { name: string }; from: string }) => `${violation.rule.name}: ${violation.from}`,
  );
  expect(found.toSorted()).toEqual(expected(FILES).toSorted());
});

it('every import rule has a case here', async () => {
  const { forbidden } = await import(resolve('.dependency-cruiser.cjs'));
  const broken = new Set(Object.values(FILES).flatMap(([, ...breaks]) => breaks));
  expect(forbidden.map((rule: { name: string }) => rule.name).toSorted()).toEqual([...broken].toSorted());
});

it('the environment is read in config.ts alone, clocks and randomness are passed in, no promise is left alone', async () => {
  await write(LINTED);
  const report = JSON.parse(await output('@biomejs/biome/bin/biome', 'lint', '--reporter=json', 'src'));
  const found = report.diagnostics.map(
    (diagnostic: { category: string; location: { path: string | { file: string } } }) => {
      const { path } = diagnostic.location;
      return `${diagnostic.category}: ${typeof path === 'string' ? path : path.file}`;
    },
  );
  expect(found.toSorted()).toEqual(expected(LINTED).toSorted());
});

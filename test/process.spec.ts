/** The process as its users and supervisors meet it: flags, faults, ready line, signals, exit codes. */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { listen } from '../src/ops/listen.js';
import { spawnTickcast, startTickcast } from './support/tickcast.js';

const VERSION: string = JSON.parse(readFileSync('package.json', 'utf8')).version;

describe('flags', () => {
  it('--version and --help print and end', async () => {
    const version = await spawnTickcast({ args: ['--version'] });
    expect(await version.exited).toEqual({ code: 0, signal: null });
    expect(version.stdout).toBe(`${VERSION}\n`);
    const help = await spawnTickcast({ args: ['--help'] });
    expect((await help.exited).code).toBe(0);
    expect(help.stdout).toContain('--print-config');
  });

  it('--print-config shows effective values and where each came from, without secrets', async () => {
    const own = await spawnTickcast({
      args: ['--print-config'],
      env: { TICKCAST_FEED_KEY: 'not-to-be-seen', TICKCAST_PARTITIONS: '4' },
    });
    expect((await own.exited).code).toBe(0);
    expect(own.stdout).toMatch(/^TICKCAST_PARTITIONS +4 +environment$/m);
    expect(own.stdout).toMatch(/^TICKCAST_COALESCE_INTERVAL_MS +50 +default$/m);
    expect(own.stdout).toMatch(/^TICKCAST_FEED_KEY +\*+ +environment$/m);
    expect(own.stdout).toMatch(/^TICKCAST_ADMIN_KEY +\*+ +made up$/m);
    expect(own.stdout).not.toContain('not-to-be-seen');
  });

  it('an unknown flag ends with code 64', async () => {
    const own = await spawnTickcast({ args: ['--nonsense'] });
    expect((await own.exited).code).toBe(64);
    expect(own.stderr).toContain('--nonsense is no flag');
  });
});

describe('starts that fail', () => {
  it('names every wrong setting, its value and what is allowed, and ends with code 78', async () => {
    const own = await spawnTickcast({
      env: { TICKCAST_COALESCE_MS: '16', TICKCAST_COALESCE_INTERVAL_MS: 'fast' },
    });
    expect((await own.exited).code).toBe(78);
    expect(own.stderr).toMatch(
      /TICKCAST_COALESCE_MS is "16", but there is no such setting.*TICKCAST_COALESCE_INTERVAL_MS/,
    );
    expect(own.stderr).toMatch(/TICKCAST_COALESCE_INTERVAL_MS is "fast"; allowed: .*5 to 60000/);
    expect(own.stdout).toBe('');
  });

  it('stops on keys that are missing with Redis, before it connects', async () => {
    const own = await spawnTickcast({ env: { REDIS_URL: 'redis://127.0.0.1:1' } });
    expect((await own.exited).code).toBe(78);
    expect(own.stderr).toContain('TICKCAST_ADMIN_KEY is not set');
  });

  it('says which port is taken, and ends with code 1', async () => {
    const other = createServer().unref();
    const port = await listen(other, 0, '127.0.0.1');
    const own = await spawnTickcast({ env: { TICKCAST_PORT: String(port) } });
    expect((await own.exited).code).toBe(1);
    expect(own.stderr).toContain(`Port ${port} of 127.0.0.1 is taken`);
    other.close();
  });
});

describe('a running process', () => {
  it('says its keys and one ready line, serves, and ends by itself with code 0 on SIGTERM', async () => {
    const own = await startTickcast();
    expect(own.stdout()).toMatch(/^Admin key: \S{24} \(made up/m);
    expect(own.stdout()).toMatch(/^Feed key: \S{24} \(made up/m);
    const ready = own.stdout().trim().split('\n').at(-1);
    expect(ready).toBe(
      `Tickcast ${VERSION} ready at ${own.url} (feed, fanout, gateway, admin; embedded: nothing survives this process)`,
    );
    expect(await (await fetch(`${own.url}/ready`)).json()).toEqual({ ready: true, faults: {} });
    own.kill('SIGTERM');
    expect(await own.exited).toEqual({ code: 0, signal: null });
    expect(own.output()).not.toMatch(/"level":[56]0/);
  });

  it('ends by SIGINT as well, and at once with code 1 by a second signal', async () => {
    const gentle = await startTickcast();
    gentle.kill('SIGINT');
    expect(await gentle.exited).toEqual({ code: 0, signal: null });

    const hasty = await startTickcast({ env: { TICKCAST_DRAIN_MS: '60000' } });
    hasty.kill('SIGTERM');
    while ((await fetch(`${hasty.url}/ready`)).status === 200);
    hasty.kill('SIGTERM');
    expect(await hasty.exited).toEqual({ code: 1, signal: null });
  });
});

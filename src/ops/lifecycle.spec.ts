import { Lifecycle, STOP_PHASES } from './lifecycle.js';

describe('Lifecycle', () => {
  it('runs the phases one after the other, whatever the order in which rooms named their steps', async () => {
    const lifecycle = new Lifecycle(() => undefined);
    const ran: string[] = [];
    for (const phase of [...STOP_PHASES].reverse()) {
      lifecycle.onStop(phase, 'slow', async () => {
        await new Promise((resolve) => setImmediate(resolve));
        ran.push(phase);
      });
      lifecycle.onStop(phase, 'fast', () => void ran.push(phase));
    }
    await lifecycle.stop();
    expect(ran).toEqual(STOP_PHASES.flatMap((phase) => [phase, phase]));
  });

  it('tells of a step that throws, and runs the others all the same', async () => {
    const failed: [string, unknown][] = [];
    const lifecycle = new Lifecycle((name, error) => failed.push([name, error]));
    const broken = new Error('broken');
    const ran: string[] = [];
    lifecycle.onStop('feeds', 'upload', () => Promise.reject(broken));
    lifecycle.onStop('feeds', 'socket', () => void ran.push('socket'));
    lifecycle.onStop('store', 'redis', () => void ran.push('redis'));
    await lifecycle.stop();
    expect(failed).toEqual([['feeds/upload', broken]]);
    expect(ran).toEqual(['socket', 'redis']);
  });

  it('is stopping from the first call on, and stops once', async () => {
    const lifecycle = new Lifecycle(() => undefined);
    let stops = 0;
    lifecycle.onStop('store', 'count', () => void stops++);
    expect(lifecycle.stopping).toBe(false);
    const both = [lifecycle.stop(), lifecycle.stop()];
    expect(lifecycle.stopping).toBe(true);
    await Promise.all(both);
    expect(stops).toBe(1);
  });
});

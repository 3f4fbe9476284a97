import { OneAtATime } from './one-at-a-time.js';

/** A task whose runs end when the test says so. */
function controlled() {
  const runs: { end: () => void; fail: (error: Error) => void }[] = [];
  const task = new OneAtATime(
    () => new Promise<void>((resolve, reject) => runs.push({ end: resolve, fail: reject })),
  );
  return { runs, task };
}

describe('one at a time', () => {
  it('gives who asks meanwhile one further run, that begins after the asking', async () => {
    const { runs, task } = controlled();
    const first = task.run();
    const later = [task.run(), task.run()];
    expect(runs.length).toBe(1);
    runs[0]!.end();
    await first;
    while (runs.length < 2) await Promise.resolve();
    const third = task.run();
    runs[1]!.end();
    await Promise.all(later);
    while (runs.length < 3) await Promise.resolve();
    runs[2]!.end();
    await third;
    expect(runs.length).toBe(3);
  });

  it('tells a failure to those of its run only', async () => {
    const { runs, task } = controlled();
    const first = task.run();
    const second = task.run();
    runs[0]!.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    while (runs.length < 2) await Promise.resolve();
    runs[1]!.end();
    await second;
    const again = task.run();
    runs[2]!.end();
    await again;
  });
});

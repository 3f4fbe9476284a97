import { systemPauses } from './pauses.js';

describe('systemPauses', () => {
  it('end after their time', async () => {
    await expect(systemPauses.pause(1, new AbortController().signal)).resolves.toBeUndefined();
  });

  it('end at once when they are aborted, before or meanwhile', async () => {
    const stopping = new AbortController();
    const pausing = systemPauses.pause(3_600_000, stopping.signal);
    stopping.abort();
    await expect(pausing).resolves.toBeUndefined();
    await expect(systemPauses.pause(3_600_000, stopping.signal)).resolves.toBeUndefined();
  });
});

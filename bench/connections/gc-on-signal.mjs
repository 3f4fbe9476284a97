/**
 * Loaded in front of a measured server (node --expose-gc --import): on SIGUSR2 it collects all garbage and says, in one
 * line of JSON, what is left. The server itself is as it always is.
 */
import { setTimeout as pause } from 'node:timers/promises';

const COLLECTIONS = 4;

process.on('SIGUSR2', async () => {
  for (let i = 0; i < COLLECTIONS; i++) {
    globalThis.gc();
    await pause(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  process.stdout.write(`${JSON.stringify({ rss, heapUsed, external })}\n`);
});

/** Holds a lock file during a run, so that those who share a machine do not measure each other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * @param file lock for flock(1); undefined: none is held
 * @returns what `run` returns
 */
export async function exclusively(file, run) {
  if (file === undefined) return run();
  const holder = spawn('flock', ['-x', file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(([code]) => {
      throw new Error(`flock ${file} ended with ${code}`);
    }),
  ]);
  try {
    return await run();
  } finally {
    const ended = once(holder, 'exit');
    holder.stdin.end();
    await ended;
  }
}

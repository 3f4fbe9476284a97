/** The conversation of a process of the bench with the one that started it: a line in, one line of JSON out. */
import { createInterface } from 'node:readline';

/** @param answers by word: the answer, or a promise of it */
export function answerLines(answers) {
  createInterface({ input: process.stdin }).on('line', async (line) => {
    try {
      process.stdout.write(`${JSON.stringify((await answers[line]()) ?? { done: line })}\n`);
    } catch (error) {
      process.stdout.write(`failed ${line}: ${error.stack}\n`);
    }
  });
}

/** Warnings and worse are shown: a run that fences or fails over measures something else. */
export const benchLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: (what, message) => process.stderr.write(`warn ${message} ${JSON.stringify(what)}\n`),
  error: (what, message) => process.stderr.write(`error ${message} ${JSON.stringify(what)}\n`),
  fatal: (what, message) => process.stderr.write(`fatal ${message} ${what.err?.stack}\n`),
};

/** Speaks with a process that answers each line on its standard input with one line of JSON. */
import { createInterface } from 'node:readline';

export function talker({ child }) {
  const answers = [];
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{') && !line.startsWith('failed')) return;
    if (waiting.length > 0) waiting.shift()(line);
    else answers.push(line);
  });
  const next = () =>
    new Promise((resolve, reject) => {
      const take = (line) =>
        line.startsWith('failed') ? reject(new Error(line)) : resolve(JSON.parse(line));
      if (answers.length > 0) take(answers.shift());
      else waiting.push(take);
    });
  return {
    say: (line) => child.stdin.write(`${line}\n`),
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return next();
    },
  };
}

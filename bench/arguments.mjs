/** What is said on the command line of the bench. */
import { WORKS } from './works/works.mjs';

export const HELP = `npm run bench -- [options]
  --quick               the most important works, once each, in less than two minutes
  --work w1,zipf        only these works: ${Object.keys(WORKS).join(', ')}
  --clients 1000,4000   other numbers of clients than the works have
  --only tickcast,floor only these contenders
  --repetitions 3       how often each is run; medians count
  --seconds 6           length of the window that is measured
  --lock FILE           hold a lock on this file during each run, for machines that are shared`;

/** Works of --quick: beside W1 with peers the service alone, but where it is compared with itself. */
const QUICK = ['w1', 'cohorts', 'wildcard', 'trades', 'mixed'];
const LISTS = ['--work', '--clients', '--only'];
const NUMBERS = ['--repetitions', '--seconds'];

function parse(args) {
  const found = {};
  for (let i = 0; i < args.length; i++) {
    const flag = args[i];
    if (flag === '--quick' || flag === '--help') found[flag] = true;
    else if ([...LISTS, ...NUMBERS, '--lock'].includes(flag) && args[i + 1] !== undefined)
      found[flag] = args[++i];
    else throw new Error(`${flag} is not known.\n${HELP}`);
  }
  return found;
}

/** @returns {help, quick, works, clients?, only?, repetitions, warmUpMs, windowMs, lock?} */
export function readArguments(args) {
  const found = parse(args);
  const quick = found['--quick'] === true;
  const keys = found['--work']?.split(',') ?? (quick ? QUICK : Object.keys(WORKS));
  const unknown = keys.find((key) => WORKS[key] === undefined);
  if (unknown !== undefined) throw new Error(`There is no work "${unknown}".\n${HELP}`);
  return {
    help: found['--help'] === true,
    quick,
    works: keys.map((key) => WORKS[key]),
    isAll: found['--work'] === undefined,
    clients: found['--clients']?.split(',').map(Number),
    only: found['--only']?.split(','),
    repetitions: Number(found['--repetitions'] ?? (quick ? 1 : 3)),
    // Long enough that everybody's hot code is compiled, as it is all day long.
    warmUpMs: quick ? 1_500 : 5_000,
    windowMs: Number(found['--seconds'] ?? (quick ? 3 : 6)) * 1000,
    lock: found['--lock'],
    /** Of all runs, without what they waited for. */
    spentMs: 0,
  };
}

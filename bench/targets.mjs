/** What must be reached: each row reads its figure from the results and says pass or miss. */
import { middle, ratio, runsOf } from './results.mjs';

const cpu = (run) => run.usPerUpdate;
const p99 = (run) => run.latency?.p99Ms;

/** Ratio of the service to another system in one work. */
const against =
  (other, pick, { work = 'w1', clients = 1000 } = {}) =>
  ({ works }) =>
    ratio(runsOf(works, work, clients, 'tickcast'), runsOf(works, work, clients, other), pick);

const perCore = (other) => against(other, (run) => run.perCoreSecond, { clients: 4000 });

const bytes =
  (kind, work) =>
  ({ works }) =>
    middle(Object.values(works[work] ?? {})[0]?.tickcast ?? [], (run) => run.check?.bytes[kind]?.max);

const stalled =
  (contender, pick) =>
  ({ works }) =>
    middle(runsOf(works, 'stalled', 20, contender), pick);

/** `pass` and `aim` are upper bounds; lower ones where `isMinimum`. */
const TARGETS = [
  { what: 'gateway CPU per update: tickcast / C floor', pass: 1.9, aim: 1.5, read: against('floor', cpu) },
  { what: 'gateway CPU per update: tickcast / uWebSockets', pass: 0.6, aim: 0.4, read: against('uws', cpu) },
  {
    what: 'gateway CPU per update: tickcast / nats-server',
    pass: 0.35,
    aim: 0.25,
    read: against('nats', cpu),
  },
  {
    what: 'gateway CPU per update: tickcast / ws + JSON',
    pass: 0.035,
    aim: 0.02,
    read: against('naive', cpu),
  },
  {
    what: 'gateway CPU per update: tickcast / Socket.IO',
    pass: 0.03,
    aim: 0.015,
    read: against('socketio', cpu),
  },
  {
    what: 'deliveries of a core, C = 4000: tickcast / uWebSockets',
    pass: 1.7,
    aim: 2.2,
    isMinimum: true,
    read: perCore('uws'),
  },
  {
    what: 'deliveries of a core, C = 4000: tickcast / nats-server',
    pass: 3.2,
    aim: 4.2,
    isMinimum: true,
    read: perCore('nats'),
  },
  {
    what: 'p99 from turn or publish to read: tickcast / C floor',
    pass: 3,
    aim: 2,
    read: against('floor', p99),
  },
  {
    what: 'p99 from turn or publish to read: tickcast / nats-server',
    pass: 0.4,
    aim: 0.2,
    read: against('nats', p99),
  },
  {
    what: 'cost growth: CPU per update at C = 4000 / 1000',
    pass: 1.15,
    aim: 1,
    read: ({ works }) =>
      ratio(runsOf(works, 'w1', 4000, 'tickcast'), runsOf(works, 'w1', 1000, 'tickcast'), cpu),
  },
  {
    what: 'slow quarter: p99 of the fast / p99 when all are fast',
    pass: 1.3,
    aim: 1.1,
    read: against('all-fast', p99, { work: 'slow-quarter' }),
  },
  {
    what: 'stalled client, tcp_notsent_lowat: stale KB before conflation',
    pass: 64,
    aim: 64,
    read: stalled('tuned', (run) => run.bytes.max / 1000),
  },
  {
    what: 'stalled client, default kernel: seconds until conflation',
    pass: 2,
    aim: 2,
    read: stalled('tickcast', (run) => run.seconds.max),
  },
  {
    what: 'event loop delay p99 at C = 4000, ms',
    pass: 5,
    aim: 3,
    read: ({ works }) => middle(runsOf(works, 'w1', 4000, 'tickcast'), (run) => run.gateway.loopP99Ms),
  },
  {
    what: 'largest one-sided quote update in msgpack, B',
    pass: 24,
    aim: 24,
    read: bytes('msgpackOneSided', 'w1'),
  },
  {
    what: 'largest two-sided quote update in msgpack, B',
    pass: 32,
    aim: 32,
    read: bytes('msgpackTwoSided', 'w1'),
  },
  {
    what: 'largest one-sided quote update in JSON, B',
    pass: 90,
    aim: 90,
    read: bytes('jsonOneSided', 'mixed'),
  },
];

function verdict(value, pass, aim, isMinimum) {
  if (value === null) return 'not measured';
  const reaches = (bound) => (isMinimum ? value >= bound : value <= bound);
  if (reaches(aim)) return 'pass, aim reached';
  return reaches(pass) ? 'pass' : 'MISS';
}

/**
 * Rows that the benches beside this one have judged, from their own files in results/.
 * @param others name of the file → its contents, {targets: [{what, found, pass, aim, said}]}; undefined: it is not there
 */
function besideRows(others) {
  return Object.entries(others).flatMap(([name, file]) => {
    if (file === undefined)
      return [{ what: `bench/${name}`, value: null, pass: '', aim: '', verdict: 'not measured' }];
    return file.targets.map(({ what, found, pass, aim, said }) => ({
      what,
      value: found,
      pass,
      aim,
      verdict: said,
    }));
  });
}

/**
 * @param works results, see results.mjs
 * @param others results of the benches beside this one, see besideRows
 * @returns [{what, value, pass, aim, verdict}]
 */
export function checkTargets(works, others) {
  const rows = TARGETS.map(({ what, pass, aim, isMinimum = false, read }) => {
    const value = read({ works });
    const sign = isMinimum ? '≥' : '≤';
    return {
      what,
      value: value === null ? null : Number(value.toPrecision(4)),
      pass: `${sign} ${pass}`,
      aim: `${sign} ${aim}`,
      verdict: verdict(value, pass, aim, isMinimum),
    };
  });
  return [...rows, ...besideRows(others)];
}

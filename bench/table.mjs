/** The tables that a bench prints: medians of the runs, and the ratio of the service to each other system. */
import { INTERVAL_MS } from './market.mjs';
import { middle, ratio } from './results.mjs';

const figure = (value, digits) => (value === null ? '-' : Number(value.toFixed(digits)));

/** Deliveries per second that a work asks for; null where its clients differ in their rates. */
function askedPerSecond({ floor, isUneven }, clients) {
  return isUneven ? null : (clients * floor.updates * 1000) / (INTERVAL_MS * floor.every);
}

function row(label, runs, ours, asked) {
  const of = (pick, digits) => figure(middle(runs, pick), digits);
  return {
    system: label,
    'us/update': of((run) => run.usPerUpdate, 3),
    'tickcast / this': figure(
      ratio(ours, runs, (run) => run.usPerUpdate),
      3,
    ),
    'us/frame': of((run) => run.usPerFrame, 1),
    'delivered/s': of((run) => run.deliveredPerSecond, 0),
    'of asked %': asked === null ? '-' : of((run) => (run.deliveredPerSecond / asked) * 100, 0),
    'B/update': of((run) => run.bytesPerUpdate, 1),
    'core %': of((run) => run.cpu.servers * 100, 0),
    'p50 ms': of((run) => run.latency?.p50Ms, 1),
    'p99 ms': of((run) => run.latency?.p99Ms, 1),
    'RSS MB': of((run) => run.rss / 1e6, 0),
  };
}

function beside(runs) {
  const names = Object.keys(runs[0].cpu).filter((name) => name !== 'servers');
  const share = (name) => `${name} ${(middle(runs, (run) => run.cpu[name]) * 100).toFixed(1)} %`;
  return `beside the gateway, of a core: ${names.map(share).join(', ')}`;
}

function gatewayLine(runs) {
  const of = (pick, digits) => figure(middle(runs, pick), digits);
  return (
    `gateway: longest slice ${of((run) => run.gateway.sliceMsMax, 1)} ms, event loop late by ` +
    `${of((run) => run.gateway.loopP99Ms, 1)} ms p99, ${of((run) => run.gateway.loopMaxMs, 1)} ms at most; ` +
    `JS heap ${of((run) => run.allocated?.bytesPerUpdate, 1)} B allocated per update, ` +
    `collected in ${of((run) => run.allocated?.pausesMsPerSecond, 1)} ms per s; ` +
    `turns took ${of((run) => run.turn.p50Ms, 1)} / ${of((run) => run.turn.p99Ms, 1)} ms p50 / p99, ` +
    `ticks stored ${of((run) => run.check.fed.stored.p50Ms, 0)} / ${of((run) => run.check.fed.stored.p99Ms, 0)} ms after sending`
  );
}

function checkedLine({ clients, records, compared, states, leftOut, bytes, fed }) {
  const sizes = Object.entries(bytes).map(([kind, { mean, max }]) => `${kind} ${mean} (max ${max})`);
  return (
    `checked: ${records} records of ${clients} clients, ${compared} images equal, ${leftOut} of ${states} states left out; ` +
    `fed ${fed.accepted} ticks, ${fed.leftOut} intervals left out, ${fed.resent} batches resent` +
    (sizes.length > 0 ? `\nbytes per quote update: ${sizes.join(', ')}` : '')
  );
}

function printUsual(contenders, byKey, work, clients) {
  const asked = askedPerSecond(work, clients);
  const ours = byKey.tickcast ?? [];
  const rows = contenders.flatMap(({ key, label }) => {
    const runs = (byKey[key] ?? []).filter((run) => run !== null);
    return runs.length === 0 ? [] : [row(label, byKey[key], ours, asked)];
  });
  console.table(rows);
  for (const { key, label } of contenders) {
    const runs = (byKey[key] ?? []).filter((run) => run !== null && run.gateway !== undefined);
    if (runs.length === 0) continue;
    console.log(`${label}: ${beside(runs)}\n${gatewayLine(runs)}\n${checkedLine(runs[0].check)}`);
    const reconnects = middle(runs, (run) => run.reconnects);
    if (reconnects > 0) console.log(`${reconnects} slow clients were sent away and came again`);
  }
}

function printStorm(_contenders, byKey) {
  const runs = byKey.tickcast.filter((run) => run !== null);
  const of = (pick) => Math.round(middle(runs, pick));
  console.table([
    {
      'asked within ms': of((run) => run.askedMs),
      'all images after ms': of((run) => run.allImagesMs),
      'gateway CPU ms': of((run) => run.gatewayCpuSeconds * 1000),
      'longest slice ms': of((run) => run.gateway.sliceMsMax),
      'loop late p99 ms': of((run) => run.gateway.loopP99Ms),
      'loop late max ms': of((run) => run.gateway.loopMaxMs),
    },
  ]);
}

function printStalled(contenders, byKey) {
  const rows = contenders.flatMap(({ key, label }) => {
    const runs = (byKey[key] ?? []).filter((run) => run !== null);
    if (runs.length === 0) return [];
    const of = (pick, digits) => figure(middle(runs, pick), digits);
    return {
      settings: label,
      'stale s, median': of((run) => run.seconds.median, 2),
      'stale s, worst': of((run) => run.seconds.max, 2),
      'stale KB, median': of((run) => run.bytes.median / 1000, 1),
      'stale KB, worst': of((run) => run.bytes.max / 1000, 1),
    };
  });
  console.table(rows);
}

const PRINT = { storm: printStorm, stalled: printStalled };

/**
 * @param contenders [{key, label}]
 * @param byKey key → runs
 */
export function printWork(work, clients, contenders, byKey) {
  (PRINT[work.measure] ?? printUsual)(contenders, byKey, work, clients);
}

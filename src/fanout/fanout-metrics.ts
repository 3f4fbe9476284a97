/** The fan-out's figures for operators. */
import type { Metrics, Sample } from '../ops/metrics.js';
import type { OwnerCounters } from './fanout-counters.js';
import type { OwnerRun } from './owner-run.js';
import type { PartitionedLogWriter } from './partitioned-log-writer.js';
import type { TurnTimer } from './turn-timer.js';
import type { WriterCounters } from './writer-counters.js';

type NumberOf<T> = { [name in keyof T]: T[name] extends number ? name : never }[keyof T];

const OWNER_HELP: { readonly [name in NumberOf<OwnerCounters>]: string } = {
  quotes: 'Quotes applied to images',
  trades: 'Trades published',
  repeatedTicks: 'Ticks of batches that had been applied before: resends',
  duplicateTicks: 'Ticks that the other line had brought before',
  lateQuotes: 'Quotes dropped because a newer one of their line was applied',
  lateTrades: 'Trades published late, without moving the last price',
  unknownTicks: 'Ticks not applied: nobody knows their instrument',
  undecodableEntries: 'Log entries not applied: they could not be read',
  batches: 'Batches published',
  batchBytes: 'Bytes of published batches',
  checkpoints: 'Checkpoints stored',
  checkpointBytes: 'Bytes of stored checkpoints',
  updates: 'Symbols in published batches',
  refilled: 'Batches put back after the store had lost them',
  lateTurns: 'Turns that began a whole interval late',
  linesReplaced: 'Lines forgotten because their symbol had more than eight: repeats on them are not known',
  unreadableStates: 'Stored states that could not be read when a partition was acquired',
  ringBatchesCut: 'Batches given up for their bytes before a failover could no longer lose them',
  excludedTrades: 'Published trades that no tape has any more',
};

export function addOwnerMetrics(metrics: Metrics, { owner, ownership, turnTimer, counters }: OwnerRun): void {
  for (const name of Object.keys(OWNER_HELP) as NumberOf<OwnerCounters>[]) {
    metrics.counter(`tickcast_owner_${snake(name)}_total`, OWNER_HELP[name], [], () => [
      [{}, counters[name]],
    ]);
  }
  metrics.counter('tickcast_owner_commits_total', 'Commits by the answer of the store', ['answer'], () =>
    labelled('answer', counters.answers),
  );
  metrics.counter('tickcast_owner_epochs_total', 'New epochs by reason', ['reason'], () =>
    labelled('reason', counters.epochs),
  );
  metrics.counter('tickcast_owner_line_gaps_total', 'Numbers of a line that never came', ['line'], () =>
    [...counters.gapsByLine].map(([line, gaps]): Sample => [{ line }, gaps]),
  );
  metrics.gauge('tickcast_owner_partitions', 'Partitions owned by this node', [], () => [
    [{}, [...owner.owned()].length],
  ]);
  metrics.gauge('tickcast_owner_nodes', 'Living fan-out nodes as this one sees them', [], () => [
    [{}, ownership.liveNodes.length],
  ]);
  metrics.gauge('tickcast_owner_turn_seconds', 'Duration of turns since the last scrape', ['quantile'], () =>
    turnDurations(turnTimer),
  );
}

function turnDurations({ durations }: TurnTimer): readonly Sample[] {
  if (durations.count === 0) return [];
  const samples: Sample[] = [50, 99, 100].map((percent) => [
    { quantile: String(percent / 100) },
    durations.percentile(percent) / 1e9,
  ]);
  durations.reset();
  return samples;
}

const WRITER_HELP: { readonly [name in Exclude<NumberOf<WriterCounters>, 'queueBytes'>]: string } = {
  appends: 'Appends sent to the tick log',
  entries: 'Entries stored in the tick log',
  entryBytes: 'Bytes of stored entries',
  entriesAgain: 'Entries appended again because the store came back as another run',
  tailEntriesCut: 'Entries given up for their bytes before a failover could no longer lose them',
  tailEntriesLeft: 'Entries that the store may have lost, not appended again before the process stopped',
  offersStored: 'Batches of feed handlers that were stored',
};

export function addWriterMetrics(metrics: Metrics, { counters }: PartitionedLogWriter): void {
  for (const name of Object.keys(WRITER_HELP) as (keyof typeof WRITER_HELP)[]) {
    metrics.counter(`tickcast_log_${snake(name)}_total`, WRITER_HELP[name], [], () => [[{}, counters[name]]]);
  }
  metrics.counter('tickcast_log_busy_total', 'Batches answered busy, by reason', ['reason'], () =>
    labelled('reason', counters.busy),
  );
  metrics.gauge('tickcast_log_queue_bytes', 'Ticks that wait for their append', [], () => [
    [{}, counters.queueBytes],
  ]);
}

function labelled(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

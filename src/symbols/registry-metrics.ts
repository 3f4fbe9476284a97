import { statusOf } from '#market-data';
import type { Metrics } from '../ops/metrics.js';
import type { LiveSymbolRegistry } from './live-symbol-registry.js';

export function meterRegistry(metrics: Metrics, registry: LiveSymbolRegistry): void {
  const { counters } = registry;
  metrics.gauge('tickcast_symbols', 'Known symbols, by what their subscribers are told.', ['status'], () => {
    const count = { open: 0, halted: 0, closed: 0, disabled: 0 };
    for (const instrument of registry.all()) count[statusOf(instrument)]++;
    return Object.entries(count).map(([status, symbols]) => [{ status }, symbols] as const);
  });
  metrics.gauge('tickcast_registry_version', 'Version of the registry that this process shows.', [], () => [
    [{}, registry.version],
  ]);
  metrics.counter(
    'tickcast_registry_reconciles_total',
    'Comparisons with the stored registry, by what was found.',
    ['outcome'],
    () => [
      [{ outcome: 'current' }, counters.current],
      [{ outcome: 'caught_up' }, counters.caughtUp],
      [{ outcome: 'compared_all' }, counters.comparedAll],
      [{ outcome: 'failed' }, counters.failed],
    ],
  );
  metrics.counter(
    'tickcast_registry_conflicts_total',
    'Bindings of symbol, sid and scales that contradicted a known one and were refused. Each is an alarm.',
    [],
    () => [[{}, counters.conflicts]],
  );
  metrics.counter(
    'tickcast_registry_restored_total',
    'Instruments given back to a store that had lost them.',
    [],
    () => [[{}, counters.restored]],
  );
  metrics.counter('tickcast_registry_malformed_total', 'Stored entries that are not instruments.', [], () => [
    [{}, counters.malformed],
  ]);
}

import { statusOf } from '#market-data';
import type { Metrics } from '../ops/metrics.js';
import type { LiveSymbolRegistry } from './live-symbol-registry.js';

export function meterRegistry(metrics: Metrics, registry: LiveSymbolRegistry): void {
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
    () => {
      const { current, caughtUp, comparedAll, failed } = registry.counters;
      return [
        [{ outcome: 'current' }, current],
        [{ outcome: 'caught_up' }, caughtUp],
        [{ outcome: 'compared_all' }, comparedAll],
        [{ outcome: 'failed' }, failed],
      ];
    },
  );
  metrics.counter(
    'tickcast_registry_conflicts_total',
    'Bindings of symbol, sid and scales that contradicted a known one and were refused. Each is an alarm.',
    [],
    () => [[{}, registry.counters.conflicts]],
  );
  metrics.counter(
    'tickcast_registry_restored_total',
    'Instruments given back to a store that had lost them.',
    [],
    () => [[{}, registry.counters.restored]],
  );
  metrics.counter('tickcast_registry_malformed_total', 'Stored entries that are not instruments.', [], () => [
    [{}, registry.counters.malformed],
  ]);
}

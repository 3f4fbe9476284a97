/** The gateway's figures for operators: read from plain counters when a scrape asks. */
import type { Metrics } from '../ops/metrics.js';
import type { StreamAdmission } from './admission.js';
import { DIALECTS } from './dialects.js';
import type { Gateway } from './gateway.js';

export function gatewayMetrics(metrics: Metrics, gateway: Gateway, admission: StreamAdmission): void {
  const { server, flusher, rings, pulse, commands, staleness, lanes, tradeLane } = gateway;
  const one = (read: () => number) => () => [[{}, read()] as const];
  metrics.gauge('tickcast_gateway_sessions', 'Open streaming sessions, by dialect.', ['dialect'], () =>
    DIALECTS.map(
      ({ name }, at) =>
        [{ dialect: name }, gateway.sessions.filter((s) => s.dialectAt === at).length] as const,
    ),
  );
  metrics.counter(
    'tickcast_gateway_sessions_opened_total',
    'Sessions since the start.',
    [],
    one(() => gateway.counters.opened),
  );
  metrics.counter(
    'tickcast_gateway_hangups_total',
    'Sessions closed by this gateway, by reason.',
    ['reason'],
    () =>
      Object.entries(gateway.counters.closedByReason).map(([reason, count]) => [{ reason }, count] as const),
  );
  metrics.counter(
    'tickcast_gateway_refused_total',
    'Clients turned away at the door, by code.',
    ['code'],
    () => Object.entries(admission.counters.refusedByCode).map(([code, count]) => [{ code }, count] as const),
  );
  metrics.counter(
    'tickcast_gateway_delivered_total',
    'Records delivered to sessions, by kind.',
    ['kind'],
    () => [
      [{ kind: 'ticker' }, server.counters.delivered],
      [{ kind: 'trade' }, server.counters.deliveredTrades],
      [{ kind: 'caught_up_image' }, server.counters.caughtUp],
    ],
  );
  metrics.counter(
    'tickcast_gateway_writes_total',
    'Socket writes with data, one per session and flush.',
    [],
    one(() => server.counters.frames),
  );
  metrics.counter(
    'tickcast_gateway_bytes_total',
    'Bytes of those writes.',
    [],
    one(() => server.counters.bytes),
  );
  metrics.counter(
    'tickcast_gateway_blocked_total',
    'Sessions that a flush found blocked.',
    [],
    one(() => server.counters.blocked),
  );
  metrics.counter(
    'tickcast_gateway_flushes_total',
    'Flushes.',
    [],
    one(() => flusher.counters.flushes),
  );
  metrics.counter(
    'tickcast_gateway_slices_total',
    'Slices of flushes.',
    [],
    one(() => flusher.counters.slices),
  );
  metrics.gauge('tickcast_gateway_slice_ms_max', 'Longest slice since the last scrape, ms.', [], () => {
    const longest = flusher.counters.sliceMsMax;
    flusher.counters.sliceMsMax = 0;
    return [[{}, longest]];
  });
  metrics.gauge('tickcast_gateway_behind', 'Sessions that are behind, by lane.', ['lane'], () => [
    ...lanes.map((lane) => [{ lane: String(lane.rung.hz) }, lane.behind] as const),
    [{ lane: 'trade' }, tradeLane.behind] as const,
  ]);
  metrics.gauge(
    'tickcast_gateway_trade_ring_bytes',
    'Estimated bytes of all trade rings.',
    [],
    one(() => rings.bytes),
  );
  metrics.counter(
    'tickcast_gateway_trade_ring_evicted_total',
    'Trades dropped by the byte limit.',
    [],
    one(() => rings.evicted),
  );
  metrics.counter('tickcast_gateway_commands_total', 'Commands of clients, by outcome.', ['outcome'], () => [
    [{ outcome: 'taken' }, commands.counters.commands - commands.counters.refused],
    [{ outcome: 'refused' }, commands.counters.refused],
  ]);
  metrics.gauge(
    'tickcast_gateway_messages_waiting',
    'Messages of clients that were read and wait for their turn.',
    [],
    one(() => gateway.inbox.length),
  );
  metrics.gauge(
    'tickcast_gateway_probe_lag_ms_max',
    'Longest answered lag probe since the last scrape, ms.',
    [],
    () => {
      const longest = pulse.counters.probeLagMsMax;
      pulse.counters.probeLagMsMax = 0;
      return [[{}, longest]];
    },
  );
  metrics.gauge(
    'tickcast_gateway_stale_partitions',
    'Partitions of which nothing is heard.',
    [],
    one(() => staleness.silent),
  );
}

/**
 * What came through the feed's door, in plain numbers. A batch counts when it is answered as stored: one that was
 * refused as busy and offered again counts once.
 */
import { REJECT_REASON_NAMES, type RejectReason } from '#market-data';
import type { BusyReason } from '../fanout/tick-log-writer.js';
import type { Metrics, Sample } from '../ops/metrics.js';

export class FeedCounters {
  quotes = 0;
  trades = 0;
  /** Quotes with the bid above the ask that were taken (TICKCAST_CROSSED_QUOTES=accept). */
  crossedQuotes = 0;
  /** Batches, and pieces of streamed uploads. */
  batches = 0;
  /** Batches that were known as stored and only answered again. */
  repeatedBatches = 0;
  readonly rejected: Record<RejectReason, number>;
  readonly busy: Record<BusyReason, number> = {
    queue_full: 0,
    log_full: 0,
    sessions_full: 0,
    store_unavailable: 0,
    stopping: 0,
  };

  constructor() {
    this.rejected = Object.fromEntries(REJECT_REASON_NAMES.map((reason) => [reason, 0])) as Record<
      RejectReason,
      number
    >;
  }

  get accepted(): number {
    return this.quotes + this.trades;
  }

  /** Shows these counters to scrapes. */
  register(metrics: Metrics): void {
    metrics.counter(
      'tickcast_feed_ticks_accepted_total',
      'Ticks that were validated and stored; resends included.',
      ['kind'],
      () => [
        [{ kind: 'quote' }, this.quotes],
        [{ kind: 'trade' }, this.trades],
      ],
    );
    metrics.counter(
      'tickcast_feed_ticks_rejected_total',
      'Ticks that were answered with a reason.',
      ['reason'],
      () => samples('reason', this.rejected),
    );
    metrics.counter(
      'tickcast_feed_quotes_crossed_accepted_total',
      'Accepted quotes with the bid above the ask.',
      [],
      () => [[{}, this.crossedQuotes]],
    );
    metrics.counter('tickcast_feed_batches_total', 'Batches answered as stored.', ['kind'], () => [
      [{ kind: 'stored' }, this.batches],
      [{ kind: 'repeated' }, this.repeatedBatches],
    ]);
    metrics.counter('tickcast_feed_busy_total', 'Batches refused for a while.', ['reason'], () =>
      samples('reason', this.busy),
    );
  }
}

function samples(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([name, count]) => [{ [label]: name }, count]);
}

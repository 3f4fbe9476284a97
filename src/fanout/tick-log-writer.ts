/**
 * The feed's door into the fan-out: what is offered here is split by partition, gathered for a few milliseconds,
 * appended, and answered only when every partition has stored it.
 */
import type { TickGroup } from '#market-data';

export type OfferAnswer =
  /** Every tick is stored (and replicated, where TICKCAST_INGEST_ACK says so). */
  | { readonly outcome: 'stored' }
  /**
   * Nothing of this batch, or only a part, is stored. The caller answers busy and refuses everything later of the
   * same session until this batch was offered again: the log drops what a repeat finds stored.
   */
  | { readonly outcome: 'busy'; readonly retryAfterMs: number; readonly why: BusyReason };

export type BusyReason = 'queue_full' | 'log_full' | 'sessions_full' | 'store_unavailable' | 'stopping';

export interface TickLogWriter {
  /**
   * Offers the groups of one batch, in order. Answers keep the order of the offers of one session. When an offer fails,
   * those of its session that were made behind it, until its caller has seen the answer or has gone back to it, are
   * answered busy too, whatever became of their parts: a caller need not wait for one answer before its next offer.
   * Never rejects.
   */
  offer(groups: readonly TickGroup[]): Promise<OfferAnswer>;
}

/** Nest token of the TickLogWriter. */
export const TICK_LOG_WRITER = Symbol('TICK_LOG_WRITER');

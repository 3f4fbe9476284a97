/**
 * The one door for ticks, whoever brings them: sockets, uploads, and the built-in adapters. Behind it every tick is
 * validated, gated and scaled, the good ones are stored, and each bad one is answered with its place and reason.
 */
import type { RejectReason } from '#market-data';
import type { BusyReason } from '../fanout/tick-log-writer.js';

/** One batch of a feed session. `ticks` are as the feed handler sent them, of any form whatever. */
export interface FeedBatch {
  readonly source: string;
  readonly session: string;
  /** An integer from 0 that rises in its session. */
  readonly sequence: number;
  /**
   * For a batch that is brought in pieces of GROUP_TICKS_MAX places (a streamed upload): number of the first part in
   * this piece, from 0. Left out: the whole batch is here.
   */
  readonly firstPart?: number;
  /** `undefined` is an empty place: neither accepted nor rejected, but counted where the batch is cut. */
  readonly ticks: readonly unknown[];
}

export interface Rejection {
  /** Place in `ticks`, from 0. */
  readonly index: number;
  readonly reason: RejectReason;
  /** What was found, e.g. `Expected bidPrice <= askPrice, was 101.2 > 101.1 (AAPL)`. */
  readonly message: string;
}

export type BatchAnswer =
  /** Stored, apart from the rejected ones. */
  | { readonly outcome: 'stored'; readonly accepted: number; readonly rejected: readonly Rejection[] }
  /** Nothing counts as taken: offer the same batch again, and nothing later of this session before it. */
  | { readonly outcome: 'busy'; readonly retryAfterMs: number; readonly why: BusyReason };

export type StoredAnswer = Extract<BatchAnswer, { outcome: 'stored' }>;

export interface BatchDoor {
  /** Never rejects. */
  accept(batch: FeedBatch): Promise<BatchAnswer>;
}

/** Nest token of the BatchDoor. */
export const BATCH_DOOR = Symbol('BATCH_DOOR');

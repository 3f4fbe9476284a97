/** All that a client knows of one symbol: the image computed from image and updates, and what is said about it. */
import type { InstrumentStatus } from '#market-data';
import type { ImageRecord, ResumePoint, StaleReasonName } from '#wire';

export interface Staleness {
  /** µs since the Unix epoch. */
  readonly sinceUs: number;
  readonly reason: StaleReasonName;
}

export interface SymbolState {
  readonly symbol: string;
  readonly sid: number;
  readonly priceScale: number;
  readonly sizeScale: number;
  readonly volumeScale: number;
  /** The newest state; the same object is brought up to date by every update. Null before the first image. */
  readonly image: ImageRecord | null;
  /** When `image` last changed, ms on the client's clock. */
  readonly receivedAtMs: number;
  /** Whether `image` is of this connection; after a reconnect it is the old one until the new image comes. */
  readonly inStep: boolean;
  readonly status: InstrumentStatus | null;
  /** Why operators or the venue changed the status; null when they did not say, or it never changed. */
  readonly statusReason: string | null;
  /** What is shown may be old; null = fresh. */
  readonly stale: Staleness | null;
  /** [epoch, seq] of the last trade that is known; a subscription goes on after it. */
  readonly tradePosition: ResumePoint | null;
}

/** Trades that will not come. */
export type TradeGap =
  /** `from` to `to`, both included, are lost. */
  | {
      readonly kind: 'lost';
      readonly symbol: string;
      readonly epoch: number;
      readonly from: number;
      readonly to: number;
    }
  /** Numbering began anew: trades since `previous` may be missing, or be taken back. */
  | {
      readonly kind: 'new_epoch';
      readonly symbol: string;
      readonly previous: ResumePoint;
      readonly position: ResumePoint;
    };

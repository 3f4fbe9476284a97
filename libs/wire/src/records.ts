/**
 * The records that a server sends, as a JSON client sees them. A msgpack client reads the same ones from positional
 * arrays; StreamDecoder turns both into these. Unknown types and extra values are to be ignored: that is how the
 * protocol grows.
 */
import type { ImageField, ImageValues, InstrumentStatus } from '#market-data';
import type { ErrorCode } from './codes.js';

export const SUBPROTOCOL_MSGPACK = 'tickcast.v1.msgpack';
export const SUBPROTOCOL_JSON = 'tickcast.v1.json';

/** First item of every msgpack record. Data records share frames, control records travel alone. */
export const RECORD_TYPES = {
  image: 1,
  update: 2,
  trade: 3,
  position: 4,
  gap: 5,
  status: 8,
  stale: 9,
  fresh: 10,
  heartbeat: 11,
  instrument: 12,
  welcome: 16,
  authenticated: 17,
  subscribed: 18,
  unsubscribed: 19,
  list: 20,
  pong: 21,
  error: 22,
  goodbye: 23,
} as const;
export type RecordType = keyof typeof RECORD_TYPES;

/** What a client put into `id`, echoed; null when it put nothing. */
export type CommandId = string | number | null;

export interface ImageRecord extends ImageValues {
  readonly type: 'image';
  readonly sid: number;
  readonly symbol: string;
  readonly epoch: number;
  readonly seq: number;
  /** µs since the Unix epoch: exchange time of the newest tick in the image. */
  readonly timeUs: number;
}

export type UpdateRecord = {
  readonly type: 'update';
  readonly sid: number;
  readonly symbol: string;
  readonly seq: number;
  readonly timeUs: number;
} & { readonly [field in ImageField]?: number | null };

export interface TradeRecord {
  readonly type: 'trade';
  readonly sid: number;
  readonly symbol: string;
  readonly seq: number;
  readonly timeUs: number;
  readonly price: number;
  readonly size: number | null;
  readonly id: string | null;
  readonly conditions: string | null;
}

/** The next trade of this symbol is seq + 1 of this epoch. */
export interface PositionRecord {
  readonly type: 'position';
  readonly sid: number;
  readonly epoch: number;
  readonly seq: number;
}

/** Trades `from` to `to`, both included, cannot be delivered. */
export interface GapRecord {
  readonly type: 'gap';
  readonly sid: number;
  readonly from: number;
  readonly to: number;
}

export interface StatusRecord {
  readonly type: 'status';
  readonly sid: number;
  readonly status: InstrumentStatus;
  readonly reason: string | null;
  /** Registry version of the change. */
  readonly version: number;
}

export type StaleReasonName = 'partition_silent' | 'redis_lost' | 'gateway_stuck';

/** What is shown of these symbols may be old. `sids` null = all of the session. */
export interface StaleRecord {
  readonly type: 'stale';
  readonly sids: readonly number[] | null;
  readonly sinceUs: number;
  readonly reason: StaleReasonName;
}

export interface FreshRecord {
  readonly type: 'fresh';
  readonly sids: readonly number[] | null;
}

export interface HeartbeatRecord {
  readonly type: 'heartbeat';
  readonly timeUs: number;
  /** Newest time of any tick that this gateway has seen, null before the first. */
  readonly feedTimeUs: number | null;
}

/** A new symbol under a wildcard of this session: before its first record. */
export interface InstrumentRecord {
  readonly type: 'instrument';
  readonly sid: number;
  readonly symbol: string;
  readonly name: string;
  readonly group: string;
  readonly priceScale: number;
  readonly sizeScale: number;
  readonly volumeScale: number;
  readonly status: InstrumentStatus;
}

export interface StreamLimits {
  readonly frameBytesMax: number;
  readonly channelsPerCommandMax: number;
  readonly channelsPerSessionMax: number;
  readonly symbolsPerSessionMax: number;
  readonly commandsPerSecond: number;
  readonly commandBurst: number;
}

export interface WelcomeRecord {
  readonly type: 'welcome';
  readonly connection: string;
  /** Who the session is; null until it has authenticated. */
  readonly subject: string | null;
  readonly heartbeatMs: number;
  readonly limits: StreamLimits;
}

export interface AuthenticatedRecord {
  readonly type: 'authenticated';
  readonly id: CommandId;
  readonly subject: string;
}

export interface SubscribedChannel {
  readonly channel: string;
  /** Null when a wildcard names no symbol that the same answer does not list already. */
  readonly sid: number | null;
  readonly symbol: string | null;
  readonly priceScale: number | null;
  readonly sizeScale: number | null;
  readonly volumeScale: number | null;
  /** Names of the values in the order of the mask (ticker) or of the record (trade); empty for status. */
  readonly fields: readonly string[];
  /** Granted rate per second; null for trade and status, which are not conflated. */
  readonly hz: number | null;
  readonly status: InstrumentStatus | null;
  /** Trade channels only: the next trade is seq + 1 of this epoch. Null when nothing is known of the symbol yet. */
  readonly position: { readonly epoch: number; readonly seq: number } | null;
}

export interface ChannelError {
  readonly channel: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface SubscribedRecord {
  readonly type: 'subscribed';
  readonly id: CommandId;
  readonly channels: readonly SubscribedChannel[];
  readonly errors: readonly ChannelError[];
  /** Whether another page of the same answer follows. */
  readonly more: boolean;
}

export interface UnsubscribedRecord {
  readonly type: 'unsubscribed';
  readonly id: CommandId;
  readonly channels: readonly string[];
  readonly errors: readonly ChannelError[];
  readonly more: boolean;
}

export interface ListedChannel {
  readonly channel: string;
  readonly hz: number | null;
}

export interface ListRecord {
  readonly type: 'list';
  readonly id: CommandId;
  readonly channels: readonly ListedChannel[];
  readonly more: boolean;
}

export interface PongRecord {
  readonly type: 'pong';
  readonly id: CommandId;
  readonly timeUs: number;
}

export interface ErrorRecord {
  readonly type: 'error';
  readonly id: CommandId;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface GoodbyeRecord {
  readonly type: 'goodbye';
  readonly reason: string;
  readonly retryAfterMs: number;
}

export type DataRecord = ImageRecord | UpdateRecord | TradeRecord | PositionRecord | GapRecord;
export type ControlRecord =
  | StatusRecord
  | StaleRecord
  | FreshRecord
  | HeartbeatRecord
  | InstrumentRecord
  | WelcomeRecord
  | AuthenticatedRecord
  | SubscribedRecord
  | UnsubscribedRecord
  | ListRecord
  | PongRecord
  | ErrorRecord
  | GoodbyeRecord;
export type StreamRecord = DataRecord | ControlRecord;

/** Names of a trade's values, in the order of its record. */
export const TRADE_FIELDS = ['price', 'size', 'id', 'conditions'] as const;

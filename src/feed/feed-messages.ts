/**
 * The feed protocol of `GET /v1/feed`: what a feed handler sends, what it is answered, and every error code. One map
 * per message, in the codec of the subprotocol.
 *
 *   {op:"hello", source, session}   → {op:"ready", last}
 *   {op:"ticks", seq, ticks:[…]}    → {op:"ack", seq, accepted, rejected:[{index, reason, message}]}
 *                                     or {op:"busy", seq, resendFrom, retryAfterMs, reason}
 *   {op:"ping", id?}                → {op:"pong", id}
 *   anything else                   → {op:"error", code, message, seq?}
 *   when this process stops         → {op:"goodbye", reason, retryAfterMs}, then close 1012
 *
 * Each `ticks` gets exactly one answer, in the order of their arrival. The first of a connection may carry any
 * sequence, from then on it is +1. After a `busy` everything later is answered `busy` too, until `resendFrom` comes
 * again. What is lower and stored is acknowledged again.
 */

import type { BusyReason } from '../fanout/tick-log-writer.js';
import type { Rejection } from './batch-door.js';

export const FEED_PATH = '/v1/feed';
export const FEED_MSGPACK = 'tickcast.v1.msgpack';
export const FEED_JSON = 'tickcast.v1.json';

/** A fatal error closes the socket with 4000 (protocol_error): what comes after it could not be told apart. */
export const FEED_ERRORS = {
  bad_json: { fatal: true, meaning: 'The message is not JSON. Send one JSON object per text frame.' },
  bad_msgpack: {
    fatal: true,
    meaning: 'The message is not msgpack, or has extension types, too deep nesting or too long arrays.',
  },
  wrong_frame: {
    fatal: true,
    meaning: 'A text frame came on a msgpack socket, or a binary frame on a JSON socket.',
  },
  bad_message: { fatal: true, meaning: 'The message is not a map with the keys and types of its op.' },
  hello_late: {
    fatal: true,
    meaning: 'hello comes once, before the first ticks: a connection has one source and session.',
  },
  unknown_op: { fatal: false, meaning: 'There is no such op. Known: hello, ticks, ping.' },
  too_many_ticks: {
    fatal: false,
    meaning:
      'The batch has more ticks than TICKCAST_FEED_BATCH_TICKS_MAX; nothing of it was taken. Split it.',
  },
  out_of_order: {
    fatal: false,
    meaning:
      'seq is not the next one of this connection, and not known to be stored; nothing of it was taken.',
  },
} as const;
export type FeedErrorCode = keyof typeof FEED_ERRORS;

export type FeedReply =
  /** `last` is the highest sequence that this process has acknowledged for the session, or null: a hint. */
  | { readonly op: 'ready'; readonly last: number | null }
  | {
      readonly op: 'ack';
      readonly seq: number;
      readonly accepted: number;
      readonly rejected: readonly Rejection[];
    }
  | {
      readonly op: 'busy';
      /** The batch that this answers; `resendFrom` is this one, or one before it. */
      readonly seq: number;
      readonly resendFrom: number;
      readonly retryAfterMs: number;
      readonly reason: BusyReason;
    }
  | { readonly op: 'pong'; readonly id: unknown }
  | { readonly op: 'error'; readonly code: FeedErrorCode; readonly message: string; readonly seq?: number }
  | { readonly op: 'goodbye'; readonly reason: 'shutdown'; readonly retryAfterMs: number };

/** Names of a source and a session, in `hello` and in headers: no spaces, so that logs and headers keep them whole. */
const FEED_NAME = /^[\x21-\x7e]{1,128}$/;
export const FEED_NAME_FORM = '1 to 128 visible ASCII characters without spaces, or an integer';

/** A source or a session as it was named; undefined when it is none. A start time as a number is a name, too. */
export function feedName(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  return typeof value === 'string' && FEED_NAME.test(value) ? value : undefined;
}

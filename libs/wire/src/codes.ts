/**
 * Every code of the native protocol, in one place: error codes in `error` records, close codes of the socket, and
 * what a client should do. docs/protocol.md is written from this table.
 */

/** Codes of `error` records and of `errors` in `subscribed`. The session stays open unless it says otherwise. */
export const ERROR_CODES = {
  bad_json: 'The message is not JSON. Send one JSON object per message.',
  bad_msgpack:
    'The message is not msgpack, or uses extension types or too deep nesting. Send one map per message.',
  wrong_frame: 'A text frame came on a msgpack stream, or a binary frame on a JSON stream.',
  bad_command: 'The message is not a command: see the protocol page for ops, keys and types.',
  unknown_op: 'There is no such op. Known: auth, subscribe, unsubscribe, list, ping.',
  unauthenticated: 'Send auth with a valid token first.',
  bad_token: 'The token is not valid.',
  already_authenticated: 'This session is authenticated already.',
  too_many_channels:
    'More channels than one command, or one session, may have. Split the command, or unsubscribe.',
  too_many_symbols: 'The channel would follow more symbols than the session may. Use a narrower wildcard.',
  bad_channel:
    'A channel is kind:symbol, with kind ticker, trade or status, and symbol a name, * or PREFIX*.',
  unknown_symbol: 'No instrument has this symbol.',
  not_subscribed: 'The session has no such channel.',
  hz_not_allowed: 'hz goes with ticker channels only: every trade and status is delivered.',
  from_not_allowed: 'from goes with single-symbol trade channels that the same command subscribes to.',
  too_many_commands:
    'Commands come faster than allowed; this one was not carried out. Slow down, or be closed.',
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * Close codes of the socket. 4000–4099: do not reconnect. 4100–4199: reconnect with back-off. 4200–4299: reconnect
 * now. 1012: reconnect after `retryAfterMs` of `goodbye`.
 */
export const CLOSE_CODES = {
  service_restart: 1012,
  message_too_big: 1009,
  protocol_error: 4000,
  unauthenticated: 4001,
  forbidden: 4003,
  slow_consumer: 4100,
  too_many_commands: 4101,
  overloaded: 4102,
  rebalance: 4200,
} as const;
export type CloseReason = keyof typeof CLOSE_CODES;

/** Whether a client should connect again after this close code, and how. */
export function reconnectAfter(closeCode: number): 'never' | 'back_off' | 'now' {
  if (closeCode >= 4000 && closeCode < 4100) return 'never';
  if (closeCode >= 4200 && closeCode < 4300) return 'now';
  return 'back_off';
}

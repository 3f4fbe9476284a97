/**
 * What a client may say. `parseCommand` takes whatever a stranger sent and gives a command or the error to answer;
 * channels are parsed one by one later, since an error in one must not undo the others.
 */
import type { ErrorCode } from './codes.js';
import type { CommandId } from './records.js';

export const CHANNEL_KINDS = ['ticker', 'trade', 'status'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** Where a trade subscription goes on: [epoch, seq] of the last trade that the client has. */
export type ResumePoint = readonly [epoch: number, seq: number];

export type Command =
  | { readonly op: 'auth'; readonly id: CommandId; readonly token: string }
  | {
      readonly op: 'subscribe';
      readonly id: CommandId;
      readonly channels: readonly string[];
      /** Wished updates per second; null = the service's rate. */
      readonly hz: number | null;
      readonly from: ReadonlyMap<string, ResumePoint>;
    }
  | { readonly op: 'unsubscribe'; readonly id: CommandId; readonly channels: readonly string[] }
  | { readonly op: 'list'; readonly id: CommandId }
  | { readonly op: 'ping'; readonly id: CommandId };

export interface CommandFault {
  readonly fault: ErrorCode;
  readonly id: CommandId;
  readonly message: string;
}

const ID_LENGTH_MAX = 128;

/** @param message one decoded message of a client, of any form whatever */
export function parseCommand(message: unknown): Command | CommandFault {
  if (!isMap(message)) return fault(null, 'bad_command', `Expected a map with op, was ${kindOf(message)}`);
  const id = commandId(message['id']);
  if (id === undefined)
    return fault(
      null,
      'bad_command',
      `Expected id to be a number or a string of at most ${ID_LENGTH_MAX} characters`,
    );
  switch (message['op']) {
    case 'auth':
      return parseAuth(id, message);
    case 'subscribe':
      return parseSubscribe(id, message);
    case 'unsubscribe': {
      const channels = parseChannels(message['channels']);
      if (typeof channels === 'string') return fault(id, 'bad_command', channels);
      return { op: 'unsubscribe', id, channels };
    }
    case 'list':
      return { op: 'list', id };
    case 'ping':
      return { op: 'ping', id };
    case undefined:
      return fault(id, 'bad_command', 'Expected op, it is missing');
    default: {
      const op = message['op'];
      if (typeof op !== 'string')
        return fault(id, 'bad_command', `Expected op to be a string, was ${kindOf(op)}`);
      return fault(
        id,
        'unknown_op',
        `Unknown op ${JSON.stringify(op.slice(0, 32))}; known: auth, subscribe, unsubscribe, list, ping`,
      );
    }
  }
}

function parseAuth(id: CommandId, message: Readonly<Record<string, unknown>>): Command | CommandFault {
  const { token } = message;
  if (typeof token !== 'string')
    return fault(id, 'bad_command', `Expected token to be a string, was ${kindOf(token)}`);
  return { op: 'auth', id, token };
}

function parseSubscribe(id: CommandId, message: Readonly<Record<string, unknown>>): Command | CommandFault {
  const channels = parseChannels(message['channels']);
  if (typeof channels === 'string') return fault(id, 'bad_command', channels);
  const hz = message['hz'] ?? null;
  if (hz !== null && !(typeof hz === 'number' && Number.isFinite(hz) && hz > 0)) {
    return fault(
      id,
      'bad_command',
      `Expected hz to be a number above 0, was ${typeof hz === 'number' ? hz : kindOf(hz)}`,
    );
  }
  const from = parseFrom(message['from'] ?? null);
  if (typeof from === 'string') return fault(id, 'bad_command', from);
  return { op: 'subscribe', id, channels, hz, from };
}

function parseChannels(value: unknown): readonly string[] | string {
  if (!Array.isArray(value)) return `Expected channels to be a list, was ${kindOf(value)}`;
  if (value.length === 0) return 'Expected channels to name at least one channel';
  for (const channel of value) {
    if (typeof channel !== 'string') return `Expected every channel to be a string, was ${kindOf(channel)}`;
  }
  return value as string[];
}

function parseFrom(value: unknown): ReadonlyMap<string, ResumePoint> | string {
  if (value === null) return new Map();
  if (!isMap(value)) return `Expected from to be a map, was ${kindOf(value)}`;
  const points = new Map<string, ResumePoint>();
  for (const [channel, point] of Object.entries(value)) {
    if (!isResumePoint(point))
      return `Expected from["${channel.slice(0, 40)}"] to be [epoch, seq], two integers from 0`;
    points.set(channel, point);
  }
  return points;
}

function isResumePoint(value: unknown): value is ResumePoint {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((part) => Number.isSafeInteger(part) && part >= 0)
  );
}

function commandId(value: unknown): CommandId | undefined {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string' && value.length <= ID_LENGTH_MAX) return value;
  return undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  return value instanceof Uint8Array ? 'binary' : typeof value;
}

function fault(id: CommandId, code: ErrorCode, message: string): CommandFault {
  return { fault: code, id, message };
}

export interface Channel {
  readonly kind: ChannelKind;
  /** The symbol, or the prefix before `*` (empty for `*` alone). */
  readonly name: string;
  readonly wildcard: boolean;
}

const CHANNEL_PATTERN = /^(ticker|trade|status):(?:([A-Z0-9][A-Z0-9._/-]{0,23})(\*?)|(\*))$/;

/** `ticker:AAPL`, `trade:BTC*`, `status:*`; undefined when it is no channel. */
export function parseChannel(text: string): Channel | undefined {
  const match = CHANNEL_PATTERN.exec(text);
  if (match === null) return undefined;
  const name = match[2] ?? '';
  return { kind: match[1] as ChannelKind, name, wildcard: match[3] === '*' || match[4] === '*' };
}

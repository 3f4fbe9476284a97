/**
 * The native protocol in msgpack: a message is an array of records, a record is a positional array that begins with
 * its type. Prices and sizes are scaled integers: no float, no drift. An update costs about 20 bytes.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { Dialect } from './dialect.js';
import { decodeMsgpack } from './msgpack-reader.js';
import { MsgpackWriter } from './msgpack-writer.js';
import {
  type ChannelError,
  type ControlRecord,
  type ListedChannel,
  RECORD_TYPES,
  SUBPROTOCOL_MSGPACK,
  type SubscribedChannel,
} from './records.js';

/** Values of each control record after its type, in order. Lists of channels and errors are positional, too. */
export const CONTROL_LAYOUT = {
  status: ['sid', 'status', 'reason', 'version'],
  stale: ['sids', 'sinceUs', 'reason'],
  fresh: ['sids'],
  heartbeat: ['timeUs', 'feedTimeUs'],
  instrument: ['sid', 'symbol', 'name', 'group', 'priceScale', 'sizeScale', 'volumeScale', 'status'],
  welcome: ['connection', 'subject', 'heartbeatMs', 'limits'],
  authenticated: ['id', 'subject'],
  subscribed: ['id', 'channels', 'errors', 'more'],
  unsubscribed: ['id', 'channels', 'errors', 'more'],
  list: ['id', 'channels', 'more'],
  pong: ['id', 'timeUs'],
  error: ['id', 'code', 'message'],
  goodbye: ['reason', 'retryAfterMs'],
} as const satisfies { readonly [type in ControlRecord['type']]: readonly string[] };

export const SUBSCRIBED_CHANNEL_LAYOUT = [
  'channel',
  'sid',
  'symbol',
  'priceScale',
  'sizeScale',
  'volumeScale',
  'fields',
  'hz',
  'status',
  'position',
] as const satisfies readonly (keyof SubscribedChannel)[];
export const CHANNEL_ERROR_LAYOUT = [
  'channel',
  'code',
  'message',
] as const satisfies readonly (keyof ChannelError)[];
export const LISTED_CHANNEL_LAYOUT = ['channel', 'hz'] as const satisfies readonly (keyof ListedChannel)[];

/** A message of more records than this is split by the sender. */
const RECORDS_MAX = 0xffff;

export const nativeMsgpack: Dialect = {
  name: 'msgpack',
  subprotocol: SUBPROTOCOL_MSGPACK,
  binary: true,
  prefixSize: 3,

  image(out, instrument, epoch, seq, timeUs, values, offset) {
    out.array(5 + IMAGE_FIELD_COUNT);
    out.integer(RECORD_TYPES.image);
    out.integer(instrument.sid);
    out.integer(epoch);
    out.integer(seq);
    out.integer(timeUs);
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++) out.integerOrNil(values[offset + field]!);
  },

  update(out, instrument, seq, mask, timeUs, previousTimeUs, values, offset) {
    out.array(5 + bitCount(mask));
    out.integer(RECORD_TYPES.update);
    out.integer(instrument.sid);
    out.integer(seq);
    out.integer(mask);
    out.integer(timeUs - previousTimeUs);
    for (let rest = mask; rest !== 0; rest &= rest - 1) out.integerOrNil(values[offset + lowestBit(rest)]!);
  },

  trade(out, instrument, seq, timeUs, price, size, id, conditions) {
    out.array(8);
    out.integer(RECORD_TYPES.trade);
    out.integer(instrument.sid);
    out.integer(seq);
    out.integer(timeUs);
    out.integer(price);
    out.integerOrNil(size);
    out.stringOrNil(id);
    out.stringOrNil(conditions);
  },

  position(out, sid, epoch, seq) {
    out.array(4);
    out.integer(RECORD_TYPES.position);
    out.integer(sid);
    out.integer(epoch);
    out.integer(seq);
  },

  gap(out, sid, from, to) {
    out.array(4);
    out.integer(RECORD_TYPES.gap);
    out.integer(sid);
    out.integer(from);
    out.integer(to);
  },

  seal(bytes, start, end, count) {
    if (count > RECORDS_MAX) throw new RangeError(`Expected at most ${RECORDS_MAX} records, was ${count}`);
    bytes[start] = 0xdc;
    bytes[start + 1] = count >>> 8;
    bytes[start + 2] = count & 0xff;
    return end;
  },

  control(record) {
    const out = new MsgpackWriter(256);
    const layout = CONTROL_LAYOUT[record.type];
    out.array(1);
    out.array(1 + layout.length);
    out.integer(RECORD_TYPES[record.type]);
    const values = record as unknown as Readonly<Record<string, unknown>>;
    for (const name of layout) out.value(controlValue(record.type, name, values[name]));
    return out.bytes();
  },

  decode(message) {
    return decodeMsgpack(message);
  },
};

function controlValue(type: ControlRecord['type'], name: string, value: unknown): unknown {
  if (name === 'errors') return positions(value as readonly ChannelError[], CHANNEL_ERROR_LAYOUT);
  if (name === 'channels' && type === 'list')
    return positions(value as readonly ListedChannel[], LISTED_CHANNEL_LAYOUT);
  if (name === 'channels' && type === 'subscribed') {
    return (value as readonly SubscribedChannel[]).map((channel) =>
      SUBSCRIBED_CHANNEL_LAYOUT.map((key) => {
        if (key !== 'position') return channel[key];
        return channel.position === null ? null : [channel.position.epoch, channel.position.seq];
      }),
    );
  }
  return value;
}

function positions<T, K extends keyof T>(items: readonly T[], layout: readonly K[]): unknown[] {
  return items.map((item) => layout.map((key) => item[key]));
}

/** How many fields a mask has. */
export function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The number of the lowest bit that is set; mask is not 0. */
export function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Bytes of the largest fragment: an image whose values are all 64-bit, or a trade with the longest texts. */
export const FRAGMENT_BYTES_MAX = 1024;

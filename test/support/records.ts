/**
 * The records of `/v1/stream` as section 3 of docs/protocol.md describes them, read with a JSON parser and a msgpack
 * library that know nothing of the service. Both codecs come out alike: prices, sizes and volumes as plain numbers.
 */
import { Unpackr } from 'msgpackr';

export const FIELDS = [
  'bidPrice',
  'bidSize',
  'askPrice',
  'askSize',
  'lastPrice',
  'lastSize',
  'volume',
  'tradeCount',
  'vwapPrice',
  'highPrice',
  'lowPrice',
  'openPrice',
  'previousClosePrice',
  'flags',
] as const;
export type Field = (typeof FIELDS)[number];
export type Values = { [field in Field]?: number | null };

export interface Subscribed {
  readonly channel: string;
  readonly sid: number | null;
  readonly symbol: string | null;
  readonly priceScale: number;
  readonly sizeScale: number;
  readonly volumeScale: number;
  readonly fields: readonly string[];
  readonly hz: number | null;
  readonly status: string | null;
  readonly position: { readonly epoch: number; readonly seq: number } | null;
}
export interface ChannelError {
  readonly channel: string;
  readonly code: string;
  readonly message: string;
}
export type Id = string | number | null;

export type StreamRecord =
  | { type: 'image'; sid: number; epoch: number; seq: number; timeUs: number; values: Values }
  | { type: 'update'; sid: number; seq: number; timeUs: number; values: Values }
  | ({ type: 'trade'; sid: number } & Trade)
  | { type: 'position'; sid: number; epoch: number; seq: number }
  | { type: 'gap'; sid: number; from: number; to: number }
  | { type: 'status'; sid: number; status: string; reason: string | null; version: number }
  | { type: 'stale'; sids: readonly number[] | null; sinceUs: number; reason: string }
  | { type: 'fresh'; sids: readonly number[] | null }
  | { type: 'heartbeat'; timeUs: number; feedTimeUs: number | null }
  | ({
      type: 'instrument';
      sid: number;
      symbol: string;
      name: string;
      group: string;
      status: string;
    } & Scales)
  | { type: 'welcome'; connection: string; subject: string | null; heartbeatMs: number; limits: Limits }
  | { type: 'authenticated'; id: Id; subject: string }
  | {
      type: 'subscribed';
      id: Id;
      channels: readonly Subscribed[];
      errors: readonly ChannelError[];
      more: boolean;
    }
  | {
      type: 'unsubscribed';
      id: Id;
      channels: readonly string[];
      errors: readonly ChannelError[];
      more: boolean;
    }
  | { type: 'list'; id: Id; channels: readonly { channel: string; hz: number | null }[]; more: boolean }
  | { type: 'pong'; id: Id; timeUs: number }
  | { type: 'error'; id: Id; code: string; message: string }
  | { type: 'goodbye'; reason: string; retryAfterMs: number };
export type RecordOf<T extends StreamRecord['type']> = Extract<StreamRecord, { type: T }>;

export type Limits = Readonly<Record<string, number>>;
export interface Scales {
  readonly priceScale: number;
  readonly sizeScale: number;
  readonly volumeScale: number;
}
export interface Trade {
  readonly seq: number;
  readonly timeUs: number;
  readonly price: number;
  readonly size: number | null;
  readonly id: string | null;
  readonly conditions: string | null;
}

export const SCALE_OF: Readonly<Record<Field, keyof Scales | null>> = {
  bidPrice: 'priceScale',
  bidSize: 'sizeScale',
  askPrice: 'priceScale',
  askSize: 'sizeScale',
  lastPrice: 'priceScale',
  lastSize: 'sizeScale',
  volume: 'volumeScale',
  tradeCount: null,
  vwapPrice: 'priceScale',
  highPrice: 'priceScale',
  lowPrice: 'priceScale',
  openPrice: 'priceScale',
  previousClosePrice: 'priceScale',
  flags: null,
};
const DATA = new Set(['image', 'update', 'trade', 'position', 'gap']);
const FRAME_BYTES_MAX = 65_536;
const EXPONENT = /[:,[]-?\d+(\.\d+)?[eE]/;

type Item = unknown[];
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', mapsAsObjects: true });

/** Reads the messages of one connection; `dt` of an update counts from the record of its symbol before it. */
export class RecordReader {
  private readonly times = new Map<number, number>();

  /** @param scales of a symbol that was announced before; undefined is a fault of the service */
  constructor(private readonly scales: (sid: number) => Scales | undefined) {}

  /** @throws Error naming what is not as documented */
  read(message: Buffer, binary: boolean): StreamRecord[] {
    if (message.length > FRAME_BYTES_MAX)
      throw new Error(`Expected at most ${FRAME_BYTES_MAX} bytes, was ${message.length}`);
    const records = binary ? this.ofMsgpack(message) : this.ofJson(message.toString('utf8'));
    if (records.length === 0) throw new Error('Expected at least one record');
    const control = records.find(({ type }) => !DATA.has(type));
    if (control !== undefined && records.length > 1)
      throw new Error(`Expected ${control.type} alone, was one of ${records.length} records`);
    return records;
  }

  private ofJson(text: string): StreamRecord[] {
    if (EXPONENT.test(text)) throw new Error(`Expected no exponent, was ${text.slice(0, 200)}`);
    const records: unknown = JSON.parse(text);
    if (!Array.isArray(records)) throw new Error(`Expected an array, was ${text.slice(0, 80)}`);
    return records.map((record) => this.ofObject(record));
  }

  private ofObject(record: { [key: string]: unknown }): StreamRecord {
    if (record['type'] !== 'image' && record['type'] !== 'update') return record as never;
    const { type, sid, symbol: _symbol, epoch, seq, timeUs, ...values } = record;
    for (const name of Object.keys(values))
      if (!FIELDS.includes(name as Field)) throw new Error(`Expected a field, was ${name}`);
    return { type, sid, epoch, seq, timeUs, values } as never;
  }

  private ofMsgpack(message: Buffer): StreamRecord[] {
    const records: unknown = unpackr.unpack(message);
    if (!Array.isArray(records)) throw new Error('Expected an array of records');
    return records.map((record: Item) => this.ofItems(record));
  }

  private ofItems(items: Item): StreamRecord {
    const [type, ...rest] = items as [number, ...never[]];
    switch (type) {
      case 1:
        return this.image(rest);
      case 2:
        return this.update(rest);
      case 3:
        return this.trade(rest);
      default:
        return control(type, rest);
    }
  }

  private image([sid, epoch, seq, timeUs, ...raw]: never[]): StreamRecord {
    this.times.set(sid!, timeUs!);
    if (raw.length < FIELDS.length) throw new Error(`Expected an image of all fields, was ${raw.length}`);
    const values: Values = {};
    FIELDS.forEach((field, i) => {
      values[field] = this.scaled(sid!, field, raw[i]!);
    });
    return { type: 'image', sid: sid!, epoch: epoch!, seq: seq!, timeUs: timeUs!, values };
  }

  private update([sid, seq, mask, dt, ...raw]: never[]): StreamRecord {
    const before = this.times.get(sid!);
    if (before === undefined) throw new Error(`Expected an image of ${sid} before its update`);
    this.times.set(sid!, before + dt!);
    const values: Values = {};
    let at = 0;
    FIELDS.forEach((field, bit) => {
      if ((mask! & (1 << bit)) !== 0) values[field] = this.scaled(sid!, field, raw[at++]!);
    });
    return { type: 'update', sid: sid!, seq: seq!, timeUs: before + dt!, values };
  }

  private trade([sid, seq, timeUs, price, size, id, conditions]: never[]): StreamRecord {
    return {
      ...{ type: 'trade', sid: sid!, seq: seq!, timeUs: timeUs! },
      price: this.plain(sid!, price!, 'priceScale') as number,
      size: this.plain(sid!, size!, 'sizeScale'),
      id: id!,
      conditions: conditions!,
    };
  }

  private scaled(sid: number, field: Field, value: number | null): number | null {
    const scale = SCALE_OF[field];
    return scale === null ? value : this.plain(sid, value, scale);
  }

  private plain(sid: number, value: number | null, scale: keyof Scales): number | null {
    const scales = this.scales(sid);
    if (scales === undefined) throw new Error(`Expected ${sid} to be announced before its first record`);
    if (value === null) return null;
    if (!Number.isSafeInteger(value)) throw new Error(`Expected an integer below 2^53, was ${String(value)}`);
    return value / 10 ** scales[scale];
  }
}

/** Control records, their items by name in the order of the table. */
const CONTROL: Readonly<Record<number, readonly [type: string, ...keys: string[]]>> = {
  4: ['position', 'sid', 'epoch', 'seq'],
  5: ['gap', 'sid', 'from', 'to'],
  8: ['status', 'sid', 'status', 'reason', 'version'],
  9: ['stale', 'sids', 'sinceUs', 'reason'],
  10: ['fresh', 'sids'],
  11: ['heartbeat', 'timeUs', 'feedTimeUs'],
  12: ['instrument', 'sid', 'symbol', 'name', 'group', 'priceScale', 'sizeScale', 'volumeScale', 'status'],
  16: ['welcome', 'connection', 'subject', 'heartbeatMs', 'limits'],
  17: ['authenticated', 'id', 'subject'],
  18: ['subscribed', 'id', 'channels', 'errors', 'more'],
  19: ['unsubscribed', 'id', 'channels', 'errors', 'more'],
  20: ['list', 'id', 'channels', 'more'],
  21: ['pong', 'id', 'timeUs'],
  22: ['error', 'id', 'code', 'message'],
  23: ['goodbye', 'reason', 'retryAfterMs'],
};
const CHANNEL = [
  ...['channel', 'sid', 'symbol', 'priceScale', 'sizeScale', 'volumeScale', 'fields', 'hz', 'status'],
  'position',
] as const;

function control(number: number, items: readonly unknown[]): StreamRecord {
  const row = CONTROL[number];
  if (row === undefined) throw new Error(`Expected a record type of the protocol page, was ${number}`);
  const [type, ...keys] = row;
  const record: { [key: string]: unknown } = { type, ...named(keys, items) };
  if (type === 'subscribed') record['channels'] = (record['channels'] as Item[]).map(subscribed);
  if (type === 'subscribed' || type === 'unsubscribed')
    record['errors'] = (record['errors'] as Item[]).map((e) => named(['channel', 'code', 'message'], e));
  if (type === 'list')
    record['channels'] = (record['channels'] as Item[]).map((one) => named(['channel', 'hz'], one));
  return record as never;
}

function subscribed(items: Item): Record<string, unknown> {
  const channel = named(CHANNEL, items);
  const position = channel['position'] as Item | null;
  return { ...channel, position: position === null ? null : named(['epoch', 'seq'], position) };
}

function named(keys: readonly string[], items: readonly unknown[]): Record<string, unknown> {
  if (items.length < keys.length) throw new Error(`Expected ${keys.join(', ')}, was ${items.length} items`);
  return Object.fromEntries(keys.map((key, i) => [key, items[i]]));
}

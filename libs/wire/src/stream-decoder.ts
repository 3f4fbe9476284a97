/**
 * The client's side of both codecs: messages in, the same records out. For msgpack it remembers what makes an update
 * complete (scales and symbols from `subscribed` and `instrument`, the last time per sid), so that a client written
 * for one codec runs on the other.
 */
import { IMAGE_FIELD_COUNT, IMAGE_FIELDS, powerOfTen } from '#market-data';
import type { FragmentInstrument } from './dialect.js';
import { MsgpackReader } from './msgpack-reader.js';
import { scaleOf } from './native-json.js';
import {
  CHANNEL_ERROR_LAYOUT,
  CONTROL_LAYOUT,
  LISTED_CHANNEL_LAYOUT,
  lowestBit,
  SUBSCRIBED_CHANNEL_LAYOUT,
} from './native-msgpack.js';
import { RECORD_TYPES, type StreamRecord, type SubscribedRecord } from './records.js';

export interface StreamDecoder {
  /**
   * @param message one WebSocket message: text for JSON, bytes for msgpack
   * @returns the records that this version knows, in order
   * @throws Error when the message is not of the protocol
   */
  decode(message: string | Uint8Array): StreamRecord[];
}

const KNOWN_TYPES: ReadonlySet<string> = new Set(Object.keys(RECORD_TYPES));

export class JsonStreamDecoder implements StreamDecoder {
  decode(message: string | Uint8Array): StreamRecord[] {
    const text = typeof message === 'string' ? message : new TextDecoder().decode(message);
    const records: unknown = JSON.parse(text);
    if (!Array.isArray(records)) throw new Error('Expected an array of records');
    return records.filter((record) => KNOWN_TYPES.has(record?.type)) as StreamRecord[];
  }
}

/** Values of an image before its fields: type, sid, epoch, seq, timeUs. */
const IMAGE_HEAD = 5;

type ControlType = keyof typeof CONTROL_LAYOUT;
const CONTROL_TYPES = new Map<number, ControlType>(
  (Object.keys(CONTROL_LAYOUT) as ControlType[]).map((type) => [RECORD_TYPES[type], type]),
);
const UNKNOWN_INSTRUMENT: FragmentInstrument = {
  sid: 0,
  symbol: '',
  priceScale: 0,
  sizeScale: 0,
  volumeScale: 0,
};

export class MsgpackStreamDecoder implements StreamDecoder {
  private readonly reader = new MsgpackReader();
  private readonly instruments = new Map<number, FragmentInstrument>();
  private readonly timesUs = new Map<number, number>();

  decode(message: string | Uint8Array): StreamRecord[] {
    if (typeof message === 'string') throw new Error('Expected a binary message');
    const reader = this.reader.reset(message);
    const count = reader.array();
    const records: StreamRecord[] = [];
    for (let i = 0; i < count; i++) {
      const size = reader.array();
      const start = reader.at;
      const record = this.record(reader.integer(), size);
      // Whatever of the record was not read is from a newer version of the protocol.
      reader.at = start;
      for (let item = 0; item < size; item++) reader.skip();
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  private record(type: number, size: number): StreamRecord | undefined {
    switch (type) {
      case RECORD_TYPES.image:
        return this.image(size - IMAGE_HEAD);
      case RECORD_TYPES.update:
        return this.update();
      case RECORD_TYPES.trade:
        return this.trade();
      case RECORD_TYPES.position: {
        const { reader } = this;
        return { type: 'position', sid: reader.integer(), epoch: reader.integer(), seq: reader.integer() };
      }
      case RECORD_TYPES.gap: {
        const { reader } = this;
        return { type: 'gap', sid: reader.integer(), from: reader.integer(), to: reader.integer() };
      }
      default: {
        const control = CONTROL_TYPES.get(type);
        return control === undefined ? undefined : this.control(control, size - 1);
      }
    }
  }

  /** @param known how many field values the record carries; a service older than this client sends fewer */
  private image(known: number): StreamRecord {
    const { reader } = this;
    const sid = reader.integer();
    const instrument = this.instrument(sid);
    const epoch = reader.integer();
    const seq = reader.integer();
    const timeUs = reader.integer();
    this.timesUs.set(sid, timeUs);
    const values: Record<string, number | null> = {};
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++)
      values[IMAGE_FIELDS[field]!] = field < known ? this.value(field, instrument) : null;
    return { type: 'image', sid, symbol: instrument.symbol, epoch, seq, timeUs, ...values } as StreamRecord;
  }

  private update(): StreamRecord {
    const { reader } = this;
    const sid = reader.integer();
    const instrument = this.instrument(sid);
    const seq = reader.integer();
    const mask = reader.integer();
    const timeUs = (this.timesUs.get(sid) ?? 0) + reader.integer();
    this.timesUs.set(sid, timeUs);
    const values: Record<string, number | null> = {};
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const field = lowestBit(rest);
      const name = IMAGE_FIELDS[field];
      if (name === undefined) break;
      values[name] = this.value(field, instrument);
    }
    return { type: 'update', sid, symbol: instrument.symbol, seq, timeUs, ...values } as StreamRecord;
  }

  private trade(): StreamRecord {
    const { reader } = this;
    const sid = reader.integer();
    const instrument = this.instrument(sid);
    return {
      type: 'trade',
      sid,
      symbol: instrument.symbol,
      seq: reader.integer(),
      timeUs: reader.integer(),
      price: reader.integer() / powerOfTen(instrument.priceScale),
      size: descale(reader.integerOrNull(), instrument.sizeScale),
      id: reader.stringOrNull(),
      conditions: reader.stringOrNull(),
    };
  }

  private value(field: number, instrument: FragmentInstrument): number | null {
    return descale(this.reader.integerOrNull(), scaleOf(field, instrument));
  }

  private instrument(sid: number): FragmentInstrument {
    return this.instruments.get(sid) ?? UNKNOWN_INSTRUMENT;
  }

  private control(type: ControlType, values: number): StreamRecord {
    const record: Record<string, unknown> = { type };
    const layout = CONTROL_LAYOUT[type];
    for (let i = 0; i < Math.min(values, layout.length); i++) {
      const name = layout[i]!;
      record[name] = named(type, name, this.reader.value());
    }
    if (type === 'instrument') this.remember(record as unknown as FragmentInstrument);
    if (type === 'subscribed') {
      for (const channel of (record as unknown as SubscribedRecord).channels) {
        if (channel.sid !== null) this.remember(channel as FragmentInstrument);
      }
    }
    return record as unknown as StreamRecord;
  }

  private remember({ sid, symbol, priceScale, sizeScale, volumeScale }: FragmentInstrument): void {
    this.instruments.set(sid, { sid, symbol, priceScale, sizeScale, volumeScale });
  }
}

/** Correctly rounded: the same double that JSON.parse makes of the decimal. */
function descale(scaled: number | null, scale: number): number | null {
  return scaled === null ? null : scaled / powerOfTen(scale);
}

/** Lists of channels and errors are positional on the wire; they get their names back. */
function named(type: ControlType, name: string, value: unknown): unknown {
  if (name === 'errors') return (value as unknown[][]).map((row) => byName(row, CHANNEL_ERROR_LAYOUT));
  if (name !== 'channels') return value;
  if (type === 'list') return (value as unknown[][]).map((row) => byName(row, LISTED_CHANNEL_LAYOUT));
  if (type !== 'subscribed') return value;
  return (value as unknown[][]).map((row) => {
    const channel = byName(row, SUBSCRIBED_CHANNEL_LAYOUT);
    const position = channel['position'] as readonly [number, number] | null;
    if (position !== null) channel['position'] = { epoch: position[0], seq: position[1] };
    return channel;
  });
}

function byName(row: readonly unknown[], layout: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(layout.map((name, i) => [name, row[i] ?? null]));
}

/** Builds whole messages of a dialect in tests, the way a gateway does: fragments side by side, then the seal. */
import { readFileSync } from 'node:fs';
import type { Dialect, FragmentInstrument } from './dialect.js';
import { MsgpackWriter } from './msgpack-writer.js';
import type { ControlRecord, SubscribedChannel } from './records.js';

/** A record as the service holds it: scaled integers, null where unknown, the instrument by its symbol. */
export type HeldRecord =
  | {
      readonly type: 'image';
      readonly instrument: string;
      readonly epoch: number;
      readonly seq: number;
      readonly timeUs: number;
      readonly values: readonly (number | null)[];
    }
  | {
      readonly type: 'update';
      readonly instrument: string;
      readonly seq: number;
      readonly mask: number;
      readonly previousTimeUs: number;
      readonly timeUs: number;
      readonly values: readonly (number | null)[];
    }
  | {
      readonly type: 'trade';
      readonly instrument: string;
      readonly seq: number;
      readonly timeUs: number;
      readonly price: number;
      readonly size: number | null;
      readonly id: string | null;
      readonly conditions: string | null;
    }
  | { readonly type: 'position'; readonly sid: number; readonly epoch: number; readonly seq: number }
  | { readonly type: 'gap'; readonly sid: number; readonly from: number; readonly to: number };

export interface GoldenMessage {
  readonly name: string;
  readonly json: string;
  readonly msgpack: string;
  readonly items: unknown;
}

export interface Golden {
  readonly instruments: Readonly<Record<string, FragmentInstrument>>;
  readonly data: readonly (GoldenMessage & { readonly records: readonly HeldRecord[] })[];
  readonly control: readonly GoldenMessage[];
  readonly commands: readonly { readonly json: string; readonly msgpack: string }[];
}

export const golden: Golden = JSON.parse(
  readFileSync(new URL('golden/native-stream.json', import.meta.url), 'utf8'),
);

export const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** One message that carries these records. */
export function messageOf(
  dialect: Dialect,
  records: readonly HeldRecord[],
  instruments: Readonly<Record<string, FragmentInstrument>>,
): Uint8Array {
  const out = new MsgpackWriter(16);
  out.reserve(dialect.prefixSize);
  out.at = dialect.prefixSize;
  for (const record of records) append(dialect, out, record, instruments);
  out.reserve(1);
  return out.buffer.slice(0, dialect.seal(out.buffer, 0, out.at, records.length));
}

function append(
  dialect: Dialect,
  out: MsgpackWriter,
  record: HeldRecord,
  instruments: Readonly<Record<string, FragmentInstrument>>,
): void {
  switch (record.type) {
    case 'position':
      dialect.position(out, record.sid, record.epoch, record.seq);
      break;
    case 'gap':
      dialect.gap(out, record.sid, record.from, record.to);
      break;
    case 'trade': {
      const { seq, timeUs, price, size, id, conditions } = record;
      const instrument = instruments[record.instrument]!;
      dialect.trade(out, instrument, seq, timeUs, price, size ?? Number.NaN, id, conditions);
      break;
    }
    default:
      appendState(dialect, out, record, instruments[record.instrument]!);
  }
}

function appendState(
  dialect: Dialect,
  out: MsgpackWriter,
  record: HeldRecord & { type: 'image' | 'update' },
  instrument: FragmentInstrument,
): void {
  const { seq, timeUs } = record;
  // The table holds many images: the one at hand begins at an offset.
  const values = Float64Array.from([Number.NaN, ...record.values.map((value) => value ?? Number.NaN)]);
  if (record.type === 'image') dialect.image(out, instrument, record.epoch, seq, timeUs, values, 1);
  else dialect.update(out, instrument, seq, record.mask, timeUs, record.previousTimeUs, values, 1);
}

/** The answer that teaches a decoder these instruments. */
export function subscribedTo(instruments: readonly FragmentInstrument[]): ControlRecord {
  return {
    type: 'subscribed',
    id: null,
    channels: instruments.map(
      (instrument): SubscribedChannel => ({
        channel: `ticker:${instrument.symbol}`,
        ...instrument,
        fields: [],
        hz: 20,
        status: 'open',
        position: null,
      }),
    ),
    errors: [],
    more: false,
  };
}

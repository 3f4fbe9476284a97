/**
 * A dialect is one client protocol: how images, updates and trades become bytes. A lane encodes each changed symbol
 * once per dialect; a session's frame is those fragments side by side between `prefixSize` bytes and the seal.
 */
import type { Instrument } from '#market-data';
import type { MsgpackWriter } from './msgpack-writer.js';
import type { ControlRecord } from './records.js';

/** The part of an Instrument that bytes depend on. */
export type FragmentInstrument = Pick<
  Instrument,
  'sid' | 'symbol' | 'priceScale' | 'sizeScale' | 'volumeScale'
>;

export interface Dialect {
  readonly name: string;
  readonly subprotocol: string;
  /** Whether frames are binary (opcode 2) or text (opcode 1). */
  readonly binary: boolean;
  /** Bytes that `seal` writes in front of the first fragment. */
  readonly prefixSize: number;

  /** Appends an image. `values[offset + field]`, NaN = null. */
  image(
    out: MsgpackWriter,
    instrument: FragmentInstrument,
    epoch: number,
    seq: number,
    timeUs: number,
    values: Float64Array,
    offset: number,
  ): void;
  /** Appends an update of the fields in the mask. previousTimeUs is that of the state before it. */
  update(
    out: MsgpackWriter,
    instrument: FragmentInstrument,
    seq: number,
    mask: number,
    timeUs: number,
    previousTimeUs: number,
    values: Float64Array,
    offset: number,
  ): void;
  /** Appends a trade. size NaN = unknown. */
  trade(
    out: MsgpackWriter,
    instrument: FragmentInstrument,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void;
  position(out: MsgpackWriter, sid: number, epoch: number, seq: number): void;
  gap(out: MsgpackWriter, sid: number, from: number, to: number): void;

  /**
   * Makes `count` fragments, which stand from `start + prefixSize` to `end`, one message.
   * @returns where the message ends
   */
  seal(bytes: Uint8Array, start: number, end: number, count: number): number;

  /** A whole message that carries one control record. */
  control(record: ControlRecord): Uint8Array;
  /**
   * A client's message as a JSON-like value.
   * @throws an Error whose message says what was found
   */
  decode(message: Uint8Array): unknown;
}

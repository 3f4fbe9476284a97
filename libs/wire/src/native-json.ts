/**
 * The native protocol in JSON: a message is an array of objects with `type`. Prices and sizes are plain decimals,
 * the point put into the digits of the scaled integer: never an exponent, never a digit more than was fed.
 */
import { FIELD_SCALES, formatScaled, IMAGE_FIELDS } from '#market-data';
import type { Dialect, FragmentInstrument } from './dialect.js';
import { lowestBit } from './native-msgpack.js';
import { type ControlRecord, SUBPROTOCOL_JSON } from './records.js';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder('utf-8', { fatal: true });

export const nativeJson: Dialect = {
  name: 'json',
  subprotocol: SUBPROTOCOL_JSON,
  binary: false,
  prefixSize: 1,

  image(out, instrument, epoch, seq, timeUs, values, offset) {
    let text = `${head('image', instrument)},"epoch":${epoch},"seq":${seq},"timeUs":${timeUs}`;
    for (let field = 0; field < IMAGE_FIELDS.length; field++) {
      text += member(field, instrument, values[offset + field]!);
    }
    out.text(`${text}},`);
  },

  update(out, instrument, seq, mask, timeUs, _previousTimeUs, values, offset) {
    let text = `${head('update', instrument)},"seq":${seq},"timeUs":${timeUs}`;
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const field = lowestBit(rest);
      text += member(field, instrument, values[offset + field]!);
    }
    out.text(`${text}},`);
  },

  trade(out, instrument, seq, timeUs, price, size, id, conditions) {
    out.text(
      `${head('trade', instrument)},"seq":${seq},"timeUs":${timeUs}` +
        `,"price":${formatScaled(price, instrument.priceScale)}` +
        `,"size":${Number.isNaN(size) ? 'null' : formatScaled(size, instrument.sizeScale)}` +
        `,"id":${JSON.stringify(id)},"conditions":${JSON.stringify(conditions)}},`,
    );
  },

  position(out, sid, epoch, seq) {
    out.text(`{"type":"position","sid":${sid},"epoch":${epoch},"seq":${seq}},`);
  },

  gap(out, sid, from, to) {
    out.text(`{"type":"gap","sid":${sid},"from":${from},"to":${to}},`);
  },

  // Every fragment ends with a comma; the last one's becomes the closing bracket.
  seal(bytes, start, end, count) {
    bytes[start] = OPEN;
    if (count === 0) {
      bytes[end] = CLOSE;
      return end + 1;
    }
    bytes[end - 1] = CLOSE;
    return end;
  },

  control(record: ControlRecord) {
    return utf8.encode(`[${JSON.stringify(record)}]`);
  },

  decode(message) {
    return JSON.parse(utf8Strict.decode(message));
  },
};

function head(type: string, instrument: FragmentInstrument): string {
  // Symbols match SYMBOL_PATTERN: nothing in them needs escaping.
  return `{"type":"${type}","sid":${instrument.sid},"symbol":"${instrument.symbol}"`;
}

function member(field: number, instrument: FragmentInstrument, value: number): string {
  const name = IMAGE_FIELDS[field]!;
  if (Number.isNaN(value)) return `,"${name}":null`;
  return `,"${name}":${formatScaled(value, scaleOf(field, instrument))}`;
}

/** Decimals of an image field of this instrument. */
export function scaleOf(field: number, instrument: FragmentInstrument): number {
  switch (FIELD_SCALES[field]) {
    case 'price':
      return instrument.priceScale;
    case 'size':
      return instrument.sizeScale;
    case 'volume':
      return instrument.volumeScale;
    default:
      return 0;
  }
}

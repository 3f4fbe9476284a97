/**
 * Bytes of quote updates on the wire, by how many sides moved. The share of a frame's own bytes (WebSocket header,
 * brackets of the array) is counted to each record in it.
 */
import { IMAGE_FIELDS } from '#market-data';
import { MsgpackReader } from '#wire';

const UPDATE = 2;
const BID = 0b0011;
const ASK = 0b1100;
const reader = new MsgpackReader();

/** {sum, count, max} per kind. */
export function newByteCounts() {
  const one = () => ({ sum: 0, count: 0, max: 0 });
  return { msgpackOneSided: one(), msgpackTwoSided: one(), jsonOneSided: one(), jsonTwoSided: one() };
}

export function addBytes(to, from) {
  for (const [kind, { sum, count, max }] of Object.entries(from)) {
    to[kind].sum += sum;
    to[kind].count += count;
    to[kind].max = Math.max(to[kind].max, max);
  }
}

/** @returns per kind that came: mean and largest bytes */
export function bytesFound(counts) {
  const came = Object.entries(counts).filter(([, { count }]) => count > 0);
  return Object.fromEntries(
    came.map(([kind, { sum, count, max }]) => [kind, { mean: round(sum / count), max: round(max), count }]),
  );
}

const round = (value) => Number(value.toFixed(1));

/** @param mask fields that changed: quotes have the first four alone */
function add(counts, codec, mask, bytes) {
  if (mask === 0 || mask > (BID | ASK)) return;
  const sides = (mask & BID) !== 0 && (mask & ASK) !== 0 ? 'TwoSided' : 'OneSided';
  const kind = counts[codec + sides];
  kind.sum += bytes;
  kind.count++;
  kind.max = Math.max(kind.max, bytes);
}

const frameHeader = (payload) => (payload < 126 ? 2 : payload < 65_536 ? 4 : 10);

export function countMsgpack(counts, message) {
  reader.reset(message);
  const records = reader.array();
  const shared = (frameHeader(message.length) + reader.at) / records;
  for (let i = 0; i < records; i++) {
    const start = reader.at;
    reader.array();
    let mask = 0;
    if (reader.integer() === UPDATE) {
      reader.integer();
      reader.integer();
      mask = reader.integer();
    }
    reader.at = start;
    reader.skip();
    add(counts, 'msgpack', mask, reader.at - start + shared);
  }
}

/** @param size bytes of the whole message */
export function countJson(counts, records, size) {
  // Between the records a comma each; the last one's stands for one of the brackets.
  const shared = (frameHeader(size) + 1) / records.length;
  for (const record of records) {
    if (record.type !== 'update') continue;
    let mask = 0;
    IMAGE_FIELDS.forEach((name, field) => {
      if (name in record) mask |= 1 << field;
    });
    // Plain decimals without trailing zeros: the same text again.
    add(counts, 'json', mask, JSON.stringify(record).length + 1 + shared);
  }
}

import { Unpackr } from 'msgpackr';
import { parseCommand } from './command.js';
import { decodeMsgpack } from './msgpack-reader.js';
import { nativeJson } from './native-json.js';
import { bytesOf, golden, hexOf, messageOf, subscribedTo, textOf } from './native-messages.fixture.js';
import { nativeMsgpack } from './native-msgpack.js';
import { type ControlRecord, RECORD_TYPES } from './records.js';
import { JsonStreamDecoder, MsgpackStreamDecoder } from './stream-decoder.js';

// Without int64AsType msgpackr makes bigints of 64-bit integers; any other library has a switch like it.
const foreign = new Unpackr({ useRecords: false, int64AsType: 'number' });
const { instruments, data, control, commands } = golden;

describe('native protocol, byte for byte', () => {
  it.each(data)('$name', ({ records, json, msgpack }) => {
    expect(hexOf(messageOf(nativeMsgpack, records, instruments))).toBe(msgpack);
    expect(textOf(messageOf(nativeJson, records, instruments))).toBe(json);
  });

  it.each(control)('$name', ({ json, msgpack }) => {
    const [record] = JSON.parse(json) as ControlRecord[];
    expect(hexOf(nativeMsgpack.control(record!))).toBe(msgpack);
    expect(textOf(nativeJson.control(record!))).toBe(json);
  });

  it('has a vector of every record type', () => {
    const pinned = new Set(
      [...data, ...control].flatMap(({ json }) =>
        (JSON.parse(json) as { readonly type: string }[]).map((record) => record.type),
      ),
    );
    expect([...pinned].sort()).toEqual(Object.keys(RECORD_TYPES).sort());
  });
});

describe('what readers make of the vectors', () => {
  it.each([...data, ...control])('$name: msgpackr and the own reader agree', ({ msgpack, items }) => {
    expect(foreign.unpack(bytesOf(msgpack))).toEqual(items);
    expect(decodeMsgpack(bytesOf(msgpack))).toEqual(items);
  });

  it.each(data)('$name: both decoders give the same records', ({ records, json, msgpack }) => {
    const decoder = new MsgpackStreamDecoder();
    decoder.decode(nativeMsgpack.control(subscribedTo(Object.values(instruments))));
    for (const record of records) {
      if (record.type !== 'update') continue;
      const before = { ...record, type: 'image', epoch: 1, timeUs: record.previousTimeUs } as const;
      decoder.decode(messageOf(nativeMsgpack, [before], instruments));
    }
    expect(decoder.decode(bytesOf(msgpack))).toEqual(JSON.parse(json));
    expect(new JsonStreamDecoder().decode(json)).toEqual(JSON.parse(json));
  });

  it.each(control)('$name: both decoders give the same record', ({ json, msgpack }) => {
    expect(new MsgpackStreamDecoder().decode(bytesOf(msgpack))).toEqual(JSON.parse(json));
    expect(new JsonStreamDecoder().decode(json)).toEqual(JSON.parse(json));
  });

  it('never shows an exponent, which some decimal parsers refuse', () => {
    for (const { name, json } of data)
      expect([name, json]).toEqual([name, expect.not.stringMatching(/\d[eE][-+]?\d+[,}\]]/)]);
  });
});

describe('commands in both codecs', () => {
  it.each(commands)('$json', ({ json, msgpack }) => {
    const fromText = parseCommand(nativeJson.decode(new TextEncoder().encode(json)));
    expect(fromText).not.toHaveProperty('fault');
    expect(parseCommand(nativeMsgpack.decode(bytesOf(msgpack)))).toEqual(fromText);
    expect(foreign.unpack(bytesOf(msgpack))).toEqual(JSON.parse(json));
  });
});

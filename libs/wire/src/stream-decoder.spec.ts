import { MsgpackWriter } from './msgpack-writer.js';
import { bytesOf, golden, subscribedTo } from './native-messages.fixture.js';
import { nativeMsgpack } from './native-msgpack.js';
import { JsonStreamDecoder, MsgpackStreamDecoder } from './stream-decoder.js';

/** One message of positional records, as any server might write it. */
function message(...records: readonly unknown[][]): Uint8Array {
  const out = new MsgpackWriter();
  out.value(records);
  return out.bytes();
}

const AAPL = { sid: 1, symbol: 'AAPL', priceScale: 2, sizeScale: 0, volumeScale: 0 };

function subscribedDecoder(): MsgpackStreamDecoder {
  const decoder = new MsgpackStreamDecoder();
  decoder.decode(nativeMsgpack.control(subscribedTo([AAPL])));
  return decoder;
}

describe('a service that has grown', () => {
  it('is read past record types that are not known yet', () => {
    const pong = [21, 'a', 5];
    expect(new MsgpackStreamDecoder().decode(message([6, { any: ['thing'] }, 1.5], pong, [99]))).toEqual([
      { type: 'pong', id: 'a', timeUs: 5 },
    ]);
    expect(
      new JsonStreamDecoder().decode('[{"type":"bar"},{"type":"pong","id":"a","timeUs":5},7,null]'),
    ).toEqual([{ type: 'pong', id: 'a', timeUs: 5 }]);
  });

  it('is read past further values of known records', () => {
    const decoder = subscribedDecoder();
    expect(
      decoder.decode(message([4, 1, 2, 3, 'more', [1]], [21, 'a', 5, { more: true }], [5, 1, 2, 3, null])),
    ).toEqual([
      { type: 'position', sid: 1, epoch: 2, seq: 3 },
      { type: 'pong', id: 'a', timeUs: 5 },
      { type: 'gap', sid: 1, from: 2, to: 3 },
    ]);
  });

  it('is read past fields beyond the mask that is known', () => {
    const decoder = subscribedDecoder();
    const values = Array.from({ length: 15 }, (_, i) => i);
    const [image] = decoder.decode(message([1, 1, 9, 1, 1000, ...values]));
    expect(image).toMatchObject({ type: 'image', timeUs: 1000, bidPrice: 0, flags: 13 });
    const [update, next] = decoder.decode(
      message([2, 1, 2, 1 | (1 << 14), 5, 150, 77], [2, 1, 3, 1, 5, 160]),
    );
    expect(update).toEqual({ type: 'update', sid: 1, symbol: 'AAPL', seq: 2, timeUs: 1005, bidPrice: 1.5 });
    expect(next).toMatchObject({ seq: 3, timeUs: 1010, bidPrice: 1.6 });
  });
});

it('takes fields that an older service does not send as unknown', () => {
  const [image, pong] = subscribedDecoder().decode(message([1, 1, 9, 1, 1000, 150, 3], [21, null, 4]));
  expect(image).toMatchObject({ bidPrice: 1.5, bidSize: 3, askPrice: null, flags: null });
  expect(pong).toEqual({ type: 'pong', id: null, timeUs: 4 });
});

it('learns an instrument that a wildcard brings from its announcement', () => {
  const decoder = new MsgpackStreamDecoder();
  decoder.decode(message([12, 7, 'NEW', 'New Inc.', 'us-equity', 4, 0, 0, 'open']));
  const [trade] = decoder.decode(message([3, 7, 1, 1000, 123400, 5, null, null]));
  expect(trade).toMatchObject({ symbol: 'NEW', price: 12.34, size: 5 });
});

describe('messages that are not of the protocol', () => {
  it.each([
    ['text on a msgpack stream', 'x'],
    ['a map', bytesOf('80')],
    ['a record that is no list', bytesOf('9101')],
    ['a record without a type', bytesOf('9190')],
    ['a type that is no integer', bytesOf('9191a161')],
    ['an array that is longer than the message', bytesOf('dcffff')],
    ['nothing', new Uint8Array(0)],
  ])('throws at %s', (_name, bad) => {
    expect(() => subscribedDecoder().decode(bad)).toThrow();
  });

  it.each(['', '{', '{"type":"pong"}', '"x"', 'null'])('throws at the JSON %j', (bad) => {
    expect(() => new JsonStreamDecoder().decode(bad)).toThrow();
  });

  it('throws at every cut of a good message', () => {
    for (const { msgpack } of golden.control) {
      const whole = bytesOf(msgpack);
      for (let size = 0; size < whole.length; size++) {
        expect(() => new MsgpackStreamDecoder().decode(whole.subarray(0, size))).toThrow();
      }
    }
  });
});

/** Messages of a feed handler, each a batch of 100 ticks, from bytes to values, in both codecs of the feed socket. */
import { deepEqual } from 'node:assert/strict';
import { MsgpackWriter } from '#wire';
import { measure } from '../../bench/micro/cases.js';
import { asFed, inTurn, Market } from '../../bench/micro/market.js';
import { feedCodec } from './feed-codec.js';
import { FEED_JSON, FEED_MSGPACK } from './feed-messages.js';

const TICKS = 100;
const market = new Market(TICKS);
const messages = Array.from({ length: 16 }, (_, i) => {
  const ticks = market.turn().map(({ tick }) => asFed(tick, `S${tick.sid}`));
  return { op: 'ticks', seq: 1000 + i, ticks };
});

function msgpack(message: unknown): Uint8Array {
  const writer = new MsgpackWriter();
  writer.value(message);
  return writer.bytes();
}

for (const [protocol, encode] of [
  [FEED_MSGPACK, msgpack],
  [FEED_JSON, (message: unknown) => Buffer.from(JSON.stringify(message))],
] as const) {
  const codec = feedCodec(protocol);
  const next = inTurn(messages.map(encode));
  measure(`decode a tick in ${codec.binary ? 'msgpack' : 'JSON'}`, {
    items: TICKS,
    run: () => codec.decode(next()),
    // Decoded maps have no prototype.
    verify: (message) => deepEqual(JSON.parse(JSON.stringify(message)), messages[0]),
  });
}

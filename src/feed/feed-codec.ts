/** The two codecs of the feed socket: bytes of one message in, a JSON-like value out, and replies back. */
import { decodeMsgpack, MsgpackWriter } from '#wire';
import { FEED_MSGPACK, type FeedErrorCode, type FeedReply } from './feed-messages.js';
import { parseTicks } from './tick-json.js';

export interface FeedCodec {
  /** Whether messages are binary frames. */
  readonly binary: boolean;
  /** What a message is told that cannot be decoded. */
  readonly fault: FeedErrorCode;
  /** @throws Error when the message is not of this codec */
  decode(message: Uint8Array): unknown;
  encode(reply: FeedReply): string | Uint8Array;
}

const utf8 = new TextDecoder();
const writer = new MsgpackWriter(4096);

const jsonCodec: FeedCodec = {
  binary: false,
  fault: 'bad_json',
  decode: (message) => parseTicks(utf8.decode(message)),
  encode: (reply) => JSON.stringify(reply),
};

const msgpackCodec: FeedCodec = {
  binary: true,
  fault: 'bad_msgpack',
  decode: (message) => decodeMsgpack(message),
  encode(reply) {
    writer.at = 0;
    writer.value(reply);
    return writer.bytes();
  },
};

/** @param protocol the chosen subprotocol; empty means JSON */
export function feedCodec(protocol: string): FeedCodec {
  return protocol === FEED_MSGPACK ? msgpackCodec : jsonCodec;
}

/** One `ticks` message in msgpack, made once, in which only the number and the times change from sending to sending. */
import { MsgpackWriter } from '#wire';

/** A whole number that needs eight bytes: its place is found by writing it. */
const PLACE = 2 ** 52;
const writer = new MsgpackWriter(1 << 21);

export class TickBatch {
  /**
   * @param ticks as a feed handler has them, without times
   * @param followed names of the symbols whose ticks are kept to compare with
   */
  constructor(ticks, followed) {
    this.followed = ticks.filter(({ symbol }) => followed.has(symbol));
    writer.at = 0;
    writer.raw(Buffer.from('\x83\xa2op\xa5ticks\xa3seq', 'latin1'));
    writer.integer(PLACE);
    this.seqAt = writer.at - 8;
    writer.raw(Buffer.from('\xa5ticks\xdd', 'latin1'));
    const count = Buffer.alloc(4);
    count.writeUInt32BE(ticks.length);
    writer.raw(count);
    this.timesAt = ticks.map((tick) => {
      writer.value({ ...tick, exchangeTimeUs: PLACE });
      return writer.at - 8;
    });
    this.bytes = Buffer.from(writer.bytes());
  }

  /** The message with this number, all its ticks at this time; valid until the next call. */
  stamped(seq, timeUs) {
    this.write(this.seqAt, seq);
    for (const at of this.timesAt) this.write(at, timeUs);
    return this.bytes;
  }

  write(at, value) {
    this.bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
    this.bytes.writeUInt32BE(value % 2 ** 32, at + 4);
  }

  static encode(message) {
    writer.at = 0;
    writer.value(message);
    return writer.bytes();
  }
}

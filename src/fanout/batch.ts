/**
 * A batch is what one partition publishes in one turn: plain msgpack, the same bytes on the tape and on the live
 * channel. Readable by any msgpack library; written by hand because an owner writes 200,000 updates a second.
 *
 *   batch      [1, epoch, number, timeUs, [symbol…]]
 *   symbol     [sid, seq, mask, dt, one value per bit of mask…, owner part, [trade…]]
 *   trade      [seq, dt, price, size, id, conditions]
 *   heartbeat  [2, epoch, number, timeUs]
 *
 * Values are absolute, scaled integers in the order of IMAGE_FIELDS, nil = unknown. dt is µs after the batch's
 * timeUs (its oldest time, so dt is short; a late trade may be below 0). The owner part is a bin, or nil when empty:
 * what the next owner needs to go on, which gateways step over. Fields are only ever added at the end, so a reader
 * steps over values of bits that it does not know, and over items after the last one that it knows.
 */
import { ALL_FIELDS, IMAGE_FIELD_COUNT } from '#market-data';
import { MsgpackError, MsgpackReader, MsgpackWriter } from '#wire';
import { bitCount, readOwnerPart, readValues, writeOwnerPart } from './live-fields.js';

export const BATCH = 1;
export const HEARTBEAT = 2;

/** Items of a symbol beside its values: sid, seq, mask, dt, owner part, trades. */
const SYMBOL_ITEMS = 6;
const TRADE_ITEMS = 6;

export class BatchEncoder {
  private readonly writer = new MsgpackWriter(16 * 1024);
  private timeUs = 0;
  private symbolsLeft = 0;
  private tradesLeft = 0;

  /**
   * Begins the next batch; the last one may be unfinished.
   * @param timeUs the oldest time in the batch, µs since the Unix epoch
   * @param symbols how many calls of `symbol` follow
   */
  begin(epoch: number, number: number, timeUs: number, symbols: number): void {
    const { writer } = this;
    writer.at = 0;
    writer.array(5);
    writer.integer(BATCH);
    writer.integer(epoch);
    writer.integer(number);
    writer.integer(timeUs);
    writer.array(symbols);
    this.timeUs = timeUs;
    this.symbolsLeft = symbols;
    this.tradesLeft = 0;
  }

  /**
   * The next changed symbol.
   * @param mask bits of the fields that changed, 0 when only trades came
   * @param timeUs exchange time of the newest tick in the image, absolute
   * @param values `values[offset + field]`, scaled integers, NaN = unknown; only those in the mask are read
   * @param trades how many calls of `trade` follow
   * @param owner what gateways step over: its first `ownerLength` bytes; may be empty
   */
  symbol(
    sid: number,
    seq: number,
    mask: number,
    timeUs: number,
    values: Float64Array,
    offset: number,
    trades: number,
    owner: Uint8Array,
    ownerLength = owner.length,
  ): void {
    if (this.symbolsLeft === 0 || this.tradesLeft !== 0) this.refuse('symbol');
    this.symbolsLeft--;
    this.tradesLeft = trades;
    const { writer } = this;
    writer.array(SYMBOL_ITEMS + bitCount(mask));
    writer.integer(sid);
    writer.integer(seq);
    writer.integer(mask);
    writer.integer(timeUs - this.timeUs);
    for (let bits = mask, field = offset; bits !== 0; bits >>>= 1, field++) {
      if ((bits & 1) !== 0) writer.integerOrNil(values[field]!);
    }
    writeOwnerPart(writer, owner, ownerLength);
    writer.array(trades);
  }

  /** The next trade of the symbol. `size` is NaN when unknown. */
  trade(
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    if (this.tradesLeft === 0) this.refuse('trade');
    this.tradesLeft--;
    const { writer } = this;
    writer.array(TRADE_ITEMS);
    writer.integer(seq);
    writer.integer(timeUs - this.timeUs);
    writer.integer(price);
    writer.integerOrNil(size);
    writer.stringOrNil(id);
    writer.stringOrNil(conditions);
  }

  /** The batch as a copy of its own. */
  end(): Uint8Array {
    if (this.symbolsLeft !== 0 || this.tradesLeft !== 0) this.refuse('end');
    return this.writer.bytes();
  }

  private refuse(call: string): never {
    throw new Error(
      `Expected ${this.tradesLeft} more trades and ${this.symbolsLeft} more symbols, was ${call}()`,
    );
  }
}

/** Says where an idle partition stands: `number` is its newest batch. */
export function encodeHeartbeat(epoch: number, number: number, timeUs: number): Uint8Array {
  const writer = new MsgpackWriter(32);
  writer.array(4);
  writer.integer(HEARTBEAT);
  writer.integer(epoch);
  writer.integer(number);
  writer.integer(timeUs);
  return writer.bytes();
}

/** What a live message says before its body; `read` fills it anew, so that looking at a message makes nothing. */
export class LiveHead {
  kind: typeof BATCH | typeof HEARTBEAT = HEARTBEAT;
  epoch = 0;
  number = 0;
  /** Batch: the oldest time in it. Heartbeat: when the owner sent it. */
  timeUs = 0;
  private readonly reader = new MsgpackReader();

  /** @throws MsgpackError when it is neither a batch nor a heartbeat */
  read(bytes: Uint8Array): this {
    readHead(this.reader.reset(bytes), this);
    return this;
  }
}

function readHead(reader: MsgpackReader, head: LiveHead): number {
  const items = reader.array();
  const kind = reader.integer();
  if (kind !== BATCH && kind !== HEARTBEAT)
    throw new MsgpackError(`Expected a batch or a heartbeat, was kind ${kind}`);
  const itemsMin = kind === BATCH ? 5 : 4;
  if (items < itemsMin) throw new MsgpackError(`Expected at least ${itemsMin} items, was ${items}`);
  const epoch = reader.integer();
  const number = reader.integer();
  if (epoch < 1 || number < 0)
    throw new MsgpackError(`Expected an epoch and a number, was ${epoch}, ${number}`);
  head.kind = kind;
  head.epoch = epoch;
  head.number = number;
  head.timeUs = reader.integer();
  return items;
}

export interface BatchVisitor {
  beginBatch(epoch: number, number: number, timeUs: number): void;
  /** `values` is one scratch array of IMAGE_FIELD_COUNT, valid during the call; those in the mask are set. */
  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void;
  /** Left out by readers that do not need it. `bytes` is a view of the batch; called between `update` and `trade`. */
  ownerPart?(sid: number, bytes: Uint8Array): void;
  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void;
  endBatch(): void;
}

/** Visits a batch in order. Reused; nothing is made per symbol, and strings only where a trade has them. */
export class BatchDecoder {
  private readonly reader = new MsgpackReader();
  private readonly head = new LiveHead();
  private readonly values = new Float64Array(IMAGE_FIELD_COUNT);

  /** @throws MsgpackError when the bytes are not a batch; calls before the fault have been made then */
  decode(bytes: Uint8Array, visitor: BatchVisitor): void {
    const reader = this.reader.reset(bytes);
    const { head } = this;
    const items = readHead(reader, head);
    if (head.kind !== BATCH) throw new MsgpackError('Expected a batch, was a heartbeat');
    visitor.beginBatch(head.epoch, head.number, head.timeUs);
    const symbols = reader.array();
    for (let i = 0; i < symbols; i++) this.symbol(reader, visitor);
    for (let i = 5; i < items; i++) reader.skip();
    if (!reader.done) throw new MsgpackError(`Expected the end of the batch at ${reader.at}`);
    visitor.endBatch();
  }

  private symbol(reader: MsgpackReader, visitor: BatchVisitor): void {
    const items = reader.array();
    const sid = reader.integer();
    const seq = reader.integer();
    const mask = reader.integer();
    const timeUs = reader.integer() + this.head.timeUs;
    const values = mask >>> 0 === mask ? bitCount(mask) : -1;
    if (values < 0 || items < SYMBOL_ITEMS + values)
      throw new MsgpackError(`Expected the values of mask ${mask}, was a symbol of ${items} items`);
    readValues(reader, mask, this.values);
    visitor.update(sid, seq, mask & ALL_FIELDS, timeUs, this.values);
    readOwnerPart(reader, sid, visitor);
    const trades = reader.array();
    for (let i = 0; i < trades; i++) this.trade(reader, visitor, sid);
    for (let i = SYMBOL_ITEMS + values; i < items; i++) reader.skip();
  }

  private trade(reader: MsgpackReader, visitor: BatchVisitor, sid: number): void {
    const items = reader.array();
    if (items < TRADE_ITEMS) throw new MsgpackError(`Expected a trade, was ${items} items`);
    const seq = reader.integer();
    const timeUs = reader.integer() + this.head.timeUs;
    const price = reader.integer();
    const size = reader.integerOrNaN();
    const id = reader.stringOrNull();
    visitor.trade(sid, seq, timeUs, price, size, id, reader.stringOrNull());
    for (let i = TRADE_ITEMS; i < items; i++) reader.skip();
  }
}

/** Visits one batch; a BatchDecoder of one's own saves what this makes. @throws MsgpackError */
export function decodeBatch(bytes: Uint8Array, visitor: BatchVisitor): void {
  new BatchDecoder().decode(bytes, visitor);
}

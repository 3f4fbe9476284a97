/**
 * A checkpoint is all images of one partition at one batch number: what a joining gateway or owner starts from. Plain
 * msgpack, grown at the end like a batch:
 *
 *   checkpoint  [3, epoch, number, [symbol…]]
 *   symbol      [sid, seq, tradeSeq, timeUs, [value…], owner part]
 *
 * Values are all fields in the order of IMAGE_FIELDS, nil = unknown.
 */
import { IMAGE_FIELD_COUNT } from '#market-data';
import { MsgpackError, MsgpackReader, MsgpackWriter } from '#wire';
import { readOwnerPart, writeOwnerPart } from './live-fields.js';

export const CHECKPOINT = 3;

const CHECKPOINT_ITEMS = 4;
const SYMBOL_ITEMS = 6;

export class CheckpointEncoder {
  private readonly writer = new MsgpackWriter(64 * 1024);
  private symbolsLeft = 0;

  /** Begins the next checkpoint. @param symbols how many calls of `symbol` follow */
  begin(epoch: number, number: number, symbols: number): void {
    const { writer } = this;
    writer.at = 0;
    writer.array(CHECKPOINT_ITEMS);
    writer.integer(CHECKPOINT);
    writer.integer(epoch);
    writer.integer(number);
    writer.array(symbols);
    this.symbolsLeft = symbols;
  }

  /**
   * The next symbol.
   * @param seq newest published state, 0 before the first
   * @param tradeSeq newest published trade, 0 before the first
   * @param timeUs exchange time of the newest tick in the image
   * @param values `values[offset + field]`, all fields, NaN = unknown
   * @param owner what gateways step over: its first `ownerLength` bytes; may be empty
   */
  symbol(
    sid: number,
    seq: number,
    tradeSeq: number,
    timeUs: number,
    values: Float64Array,
    offset: number,
    owner: Uint8Array,
    ownerLength = owner.length,
  ): void {
    if (this.symbolsLeft === 0) throw new Error('Expected end(), all symbols are written');
    this.symbolsLeft--;
    const { writer } = this;
    writer.array(SYMBOL_ITEMS);
    writer.integer(sid);
    writer.integer(seq);
    writer.integer(tradeSeq);
    writer.integer(timeUs);
    writer.array(IMAGE_FIELD_COUNT);
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++) writer.integerOrNil(values[offset + field]!);
    writeOwnerPart(writer, owner, ownerLength);
  }

  /** The checkpoint as a copy of its own. */
  end(): Uint8Array {
    if (this.symbolsLeft !== 0) throw new Error(`Expected ${this.symbolsLeft} more symbols, was end()`);
    return this.writer.bytes();
  }
}

export interface CheckpointVisitor {
  begin(epoch: number, number: number): void;
  /** `values` is one scratch array of IMAGE_FIELD_COUNT, valid during the call. */
  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void;
  /** Left out by readers that do not need it. `bytes` is a view of the checkpoint; called right after `image`. */
  ownerPart?(sid: number, bytes: Uint8Array): void;
  end(): void;
}

/** Visits a checkpoint in order. @throws MsgpackError when the bytes are not one; calls before the fault were made */
export function decodeCheckpoint(bytes: Uint8Array, visitor: CheckpointVisitor): void {
  const reader = new MsgpackReader(bytes);
  const items = reader.array();
  const kind = reader.integer();
  if (kind !== CHECKPOINT || items < CHECKPOINT_ITEMS)
    throw new MsgpackError(`Expected a checkpoint, was kind ${kind} of ${items} items`);
  visitor.begin(reader.integer(), reader.integer());
  const symbols = reader.array();
  const values = new Float64Array(IMAGE_FIELD_COUNT);
  for (let i = 0; i < symbols; i++) readSymbol(reader, visitor, values);
  for (let i = CHECKPOINT_ITEMS; i < items; i++) reader.skip();
  if (!reader.done) throw new MsgpackError(`Expected the end of the checkpoint at ${reader.at}`);
  visitor.end();
}

function readSymbol(reader: MsgpackReader, visitor: CheckpointVisitor, values: Float64Array): void {
  const items = reader.array();
  if (items < SYMBOL_ITEMS) throw new MsgpackError(`Expected a symbol, was ${items} items`);
  const sid = reader.integer();
  const seq = reader.integer();
  const tradeSeq = reader.integer();
  const timeUs = reader.integer();
  const fields = reader.array();
  values.fill(Number.NaN);
  for (let field = 0; field < fields; field++) {
    if (field < IMAGE_FIELD_COUNT) values[field] = reader.integerOrNaN();
    else reader.skip();
  }
  visitor.image(sid, seq, tradeSeq, timeUs, values);
  readOwnerPart(reader, sid, visitor);
  for (let i = SYMBOL_ITEMS; i < items; i++) reader.skip();
}

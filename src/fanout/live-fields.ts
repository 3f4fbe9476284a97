/** What batches and checkpoints write alike: values by mask, and the part that only owners read. */
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { MsgpackReader, MsgpackWriter } from '#wire';

/** How many bits of a 32-bit mask are set. */
export function bitCount(mask: number): number {
  mask -= (mask >>> 1) & 0x55555555;
  mask = (mask & 0x33333333) + ((mask >>> 2) & 0x33333333);
  return Math.imul((mask + (mask >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Reads one value per bit into `values[bit]`, NaN for nil; steps over the values of fields not known here. */
export function readValues(reader: MsgpackReader, mask: number, values: Float64Array): void {
  for (let bits = mask, field = 0; bits !== 0; bits >>>= 1, field++) {
    if ((bits & 1) === 0) continue;
    if (field < IMAGE_FIELD_COUNT) values[field] = reader.integerOrNaN();
    else reader.skip();
  }
}

/** The first `length` bytes of `owner`. They are few, and there are many of them: a view of them would cost more. */
export function writeOwnerPart(writer: MsgpackWriter, owner: Uint8Array, length: number): void {
  if (length === 0) {
    writer.nil();
    return;
  }
  writer.binaryHeader(length);
  const { buffer } = writer;
  let { at } = writer;
  for (let i = 0; i < length; i++) buffer[at++] = owner[i]!;
  writer.at = at;
}

export interface OwnerPartVisitor {
  ownerPart?(sid: number, bytes: Uint8Array): void;
}

/** Steps over the owner part, or shows it to a visitor that wants it. */
export function readOwnerPart(reader: MsgpackReader, sid: number, visitor: OwnerPartVisitor): void {
  if (reader.nil()) return;
  if (visitor.ownerPart === undefined) reader.skip();
  else visitor.ownerPart(sid, reader.binary());
}

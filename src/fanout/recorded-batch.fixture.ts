/** A batch that was decoded with all that is in it, at hand to be encoded again. */
import { equal } from 'node:assert/strict';
import { IMAGE_FIELD_COUNT } from '#market-data';
import { type BatchEncoder, type BatchVisitor, decodeBatch } from './batch.js';

interface ChangedSymbol {
  readonly head: readonly [sid: number, seq: number, mask: number, timeUs: number];
  owner: Uint8Array;
  readonly trades: [number, number, number, number, string | null, string | null][];
}

const NONE = new Uint8Array(0);

export class RecordedBatch implements BatchVisitor {
  readonly symbols: ChangedSymbol[] = [];
  private head: readonly [epoch: number, number: number, timeUs: number] = [0, 0, 0];
  /** Values of all symbols, as an owner's table holds them. */
  private readonly values: Float64Array;

  /** @param symbols how many are in the batch */
  constructor(bytes: Uint8Array, symbols: number) {
    this.values = new Float64Array(symbols * IMAGE_FIELD_COUNT);
    decodeBatch(bytes, this);
  }

  encode(encoder: BatchEncoder): Uint8Array {
    const { head, symbols, values } = this;
    encoder.begin(head[0], head[1], head[2], symbols.length);
    let offset = 0;
    for (const { head: symbolHead, trades, owner } of symbols) {
      const [sid, seq, mask, timeUs] = symbolHead;
      encoder.symbol(sid, seq, mask, timeUs, values, offset, trades.length, owner);
      offset += IMAGE_FIELD_COUNT;
      for (const [tradeSeq, tradeUs, price, size, id, conditions] of trades)
        encoder.trade(tradeSeq, tradeUs, price, size, id, conditions);
    }
    return encoder.end();
  }

  beginBatch(...head: [number, number, number]): void {
    this.head = head;
  }
  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.values.set(values, this.symbols.length * IMAGE_FIELD_COUNT);
    this.symbols.push({ head: [sid, seq, mask, timeUs], owner: NONE, trades: [] });
  }
  ownerPart(_sid: number, bytes: Uint8Array): void {
    this.symbols.at(-1)!.owner = bytes.slice();
  }
  trade(_sid: number, ...trade: ChangedSymbol['trades'][number]): void {
    this.symbols.at(-1)!.trades.push(trade);
  }
  endBatch(): void {
    equal(this.symbols.length * IMAGE_FIELD_COUNT, this.values.length);
  }
}

/** The batch of a turn in which every symbol had a tick: of 500 symbols over 16 partitions, and of 10,000. */
import { deepEqual } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { inTurn, Market } from '../../bench/micro/market.js';
import { BatchDecoder, BatchEncoder, type BatchVisitor, decodeBatch } from './batch.js';
import { OwnedImages } from './owned-images.fixture.js';

interface ChangedSymbol {
  readonly head: readonly [sid: number, seq: number, mask: number, timeUs: number];
  readonly values: Float64Array;
  owner: Uint8Array;
  readonly trades: [number, number, number, number, string | null, string | null][];
}

/** What a batch says, at hand to be encoded again. */
class Recorded implements BatchVisitor {
  head: readonly [epoch: number, number: number, timeUs: number] = [0, 0, 0];
  readonly symbols: ChangedSymbol[] = [];

  beginBatch(...head: [number, number, number]): void {
    this.head = head;
  }
  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.symbols.push({ head: [sid, seq, mask, timeUs], values: values.slice(), owner: NONE, trades: [] });
  }
  ownerPart(_sid: number, bytes: Uint8Array): void {
    this.symbols.at(-1)!.owner = bytes.slice();
  }
  trade(_sid: number, ...trade: ChangedSymbol['trades'][number]): void {
    this.symbols.at(-1)!.trades.push(trade);
  }
  endBatch(): void {
    deepEqual(this.symbols.length > 0, true);
  }
}
const NONE = new Uint8Array(0);

/** Reads as a gateway does: owner parts are stepped over. */
class Counting implements BatchVisitor {
  sum = 0;
  beginBatch(): void {
    this.sum = 0;
  }
  update(sid: number, _seq: number, mask: number): void {
    this.sum += sid + mask;
  }
  trade(): void {
    this.sum++;
  }
  endBatch(): void {
    this.sum *= 2;
  }
}

function encode(encoder: BatchEncoder, { head, symbols }: Recorded): Uint8Array {
  encoder.begin(head[0], head[1], head[2], symbols.length);
  for (const symbol of symbols) {
    const [sid, seq, mask, timeUs] = symbol.head;
    encoder.symbol(sid, seq, mask, timeUs, symbol.values, 0, symbol.trades.length, symbol.owner);
    for (const [tradeSeq, tradeUs, price, size, id, conditions] of symbol.trades)
      encoder.trade(tradeSeq, tradeUs, price, size, id, conditions);
  }
  return encoder.end();
}

for (const symbols of [31, 625]) {
  const market = new Market(symbols);
  const images = new OwnedImages(symbols);
  const turns = Array.from({ length: 8 }, () => images.turn(market.turn().map(({ tick }) => tick)));
  const recorded = turns.map((bytes) => {
    const batch = new Recorded();
    decodeBatch(bytes, batch);
    return batch;
  });

  const encoder = new BatchEncoder();
  const nextRecorded = inTurn(recorded);
  measure(`encode ${symbols} symbols`, {
    items: symbols,
    run: () => encode(encoder, nextRecorded()),
    verify: (bytes) => deepEqual(Buffer.from(bytes), Buffer.from(turns[0]!)),
  });

  const decoder = new BatchDecoder();
  const counting = new Counting();
  const nextBytes = inTurn(turns);
  measure(`decode ${symbols} symbols`, {
    items: symbols,
    run: () => decoder.decode(nextBytes(), counting),
    verify() {
      const { symbols: all } = recorded[0]!;
      const sums = all.map(({ head: [sid, , mask], trades }) => sid + mask + trades.length);
      deepEqual(counting.sum, 2 * sums.reduce((sum, one) => sum + one, 0));
    },
  });
}

/** The batch of a turn in which every symbol had a tick: of 500 symbols over 16 partitions, and of 10,000. */
import { deepEqual, equal } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { inTurn, Market } from '../../bench/micro/market.js';
import { BatchDecoder, BatchEncoder, type BatchVisitor } from './batch.js';
import { OwnedImages } from './owned-images.fixture.js';
import { RecordedBatch } from './recorded-batch.fixture.js';

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

for (const symbols of [31, 625]) {
  const market = new Market(symbols);
  const images = new OwnedImages(symbols);
  const turns = Array.from({ length: 8 }, () => images.turn(market.turn().map(({ tick }) => tick)));
  const recorded = turns.map((bytes) => new RecordedBatch(bytes, symbols));

  const encoder = new BatchEncoder();
  const nextRecorded = inTurn(recorded);
  measure(`encode a symbol of ${symbols}`, {
    items: symbols,
    run: () => nextRecorded().encode(encoder),
    verify: (bytes) => deepEqual(bytes, turns[0]),
  });

  const decoder = new BatchDecoder();
  const counting = new Counting();
  const nextBytes = inTurn(turns);
  measure(`decode a symbol of ${symbols}`, {
    items: symbols,
    run: () => decoder.decode(nextBytes(), counting),
    verify() {
      const sums = recorded[0]!.symbols.map(({ head: [sid, , mask], trades }) => sid + mask + trades.length);
      equal(counting.sum, 2 * sums.reduce((sum, one) => sum + one, 0));
    },
  });
}

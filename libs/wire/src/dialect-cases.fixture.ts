/** Bench cases that are the same for each dialect: its records, one per symbol and call, in one message. */
import { deepEqual } from 'node:assert/strict';
import { IMAGE_FIELDS, TRADE, type TradeTick } from '#market-data';
import { measure } from '../../../bench/micro/cases.js';
import { type Change, inTurn, Market, PRICE_SCALE } from '../../../bench/micro/market.js';
import type { Dialect, FragmentInstrument } from './dialect.js';
import { MsgpackWriter } from './msgpack-writer.js';
import { subscribedTo } from './native-messages.fixture.js';
import { JsonStreamDecoder, MsgpackStreamDecoder, type StreamDecoder } from './stream-decoder.js';

const SYMBOLS = 500;
const EPOCH = 1_700_000_000_000_123;
const TRADE_ID = 'T1234567';
const instruments = Array.from({ length: SYMBOLS + 1 }, (_, sid): FragmentInstrument => {
  return { sid, symbol: `S${sid}`, priceScale: PRICE_SCALE, sizeScale: 0, volumeScale: 0 };
});
const market = new Market(SYMBOLS);
const turns = Array.from({ length: 4 }, () => market.turn());
const trades = turns.map(tradesOf);

export function measureDialect(dialect: Dialect): void {
  const out = new MsgpackWriter(1024 * 1024);

  /** All records of the message, as a client reads them, are these. Times apart: those of updates need a state. */
  const verify = (expected: readonly object[]) => () => {
    const message = out.buffer.slice(0, dialect.seal(out.buffer, 0, out.at, SYMBOLS));
    const decoder: StreamDecoder = dialect.binary ? new MsgpackStreamDecoder() : new JsonStreamDecoder();
    decoder.decode(dialect.control(subscribedTo(instruments.slice(1))));
    const records = decoder.decode(message).map((record) => ({ ...record, timeUs: 0 }));
    deepEqual(records, expected);
  };

  const nextUpdates = inTurn(turns);
  measure('update', {
    items: SYMBOLS,
    run() {
      out.at = dialect.prefixSize;
      for (const { sid, seq, mask, timeUs, previousTimeUs, values, offset } of nextUpdates())
        dialect.update(out, instruments[sid]!, seq, mask, timeUs, previousTimeUs, values, offset);
    },
    verify: verify(turns[0]!.map((change) => ({ type: 'update', ...named(change, change.mask) }))),
  });

  const nextImages = inTurn(turns);
  measure('image', {
    items: SYMBOLS,
    run() {
      out.at = dialect.prefixSize;
      for (const { sid, seq, timeUs, values, offset } of nextImages())
        dialect.image(out, instruments[sid]!, EPOCH, seq, timeUs, values, offset);
    },
    verify: verify(turns[0]!.map((change) => ({ type: 'image', epoch: EPOCH, ...named(change, -1) }))),
  });

  const nextTrades = inTurn(trades);
  measure('trade', {
    items: SYMBOLS,
    run() {
      out.at = dialect.prefixSize;
      for (const { sid, price, size, exchangeTimeUs } of nextTrades())
        dialect.trade(out, instruments[sid]!, 77, exchangeTimeUs!, price, size!, TRADE_ID, null);
    },
    verify: verify(
      trades[0]!.map(({ sid, price, size }) => ({
        ...{ type: 'trade', sid, symbol: `S${sid}`, seq: 77, timeUs: 0, price: price / 100, size },
        ...{ id: TRADE_ID, conditions: null },
      })),
    ),
  });
}

function named({ sid, seq, values, offset }: Change, mask: number): object {
  const fields = IMAGE_FIELDS.flatMap((name, field) => {
    const decimals = name.endsWith('Price') ? PRICE_SCALE : 0;
    return (mask & (1 << field)) === 0 ? [] : [[name, values[offset + field]! / 10 ** decimals]];
  });
  return { sid, symbol: `S${sid}`, seq, timeUs: 0, ...Object.fromEntries(fields) };
}

/** As many as there are symbols. */
function tradesOf(changes: readonly Change[]): TradeTick[] {
  const some = changes.map(({ tick }) => tick).filter((tick) => tick.kind === TRADE);
  return changes.map((_, i) => some[i % some.length]!);
}

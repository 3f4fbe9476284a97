/** A stored tick as one line of NDJSON, in the form in which feed handlers send it: what was recorded can be replayed. */
import { formatScaled, type Instrument, QUOTE, type Tick } from '#market-data';

/** Numbers are written digit by digit from the scaled integers: the line says exactly what was stored. */
export function tickLine(
  tick: Tick,
  instrument: Pick<Instrument, 'symbol' | 'priceScale' | 'sizeScale'>,
): string {
  const price = (scaled: number | null) =>
    scaled === null ? 'null' : formatScaled(scaled, instrument.priceScale);
  const size = (key: string, scaled: number | null) =>
    scaled === null ? '' : `,"${key}":${formatScaled(scaled, instrument.sizeScale)}`;
  const symbol = JSON.stringify(instrument.symbol);
  const content =
    tick.kind === QUOTE
      ? `{"type":"quote","symbol":${symbol},"bidPrice":${price(tick.bidPrice)}${size('bidSize', tick.bidSize)}` +
        `,"askPrice":${price(tick.askPrice)}${size('askSize', tick.askSize)}`
      : `{"type":"trade","symbol":${symbol},"price":${price(tick.price)}${size('size', tick.size)}` +
        text('tradeId', tick.tradeId) +
        text('conditions', tick.conditions);
  const line = text('line', tick.line) + (tick.sequence === null ? '' : `,"sequence":${tick.sequence}`);
  const exchangeTime = tick.exchangeTimeUs === null ? '' : `,"exchangeTimeUs":${tick.exchangeTimeUs}`;
  return `${content}${line}${exchangeTime},"receiveTimeUs":${tick.receiveTimeUs}}\n`;
}

function text(key: string, value: string | null): string {
  return value === null ? '' : `,"${key}":${JSON.stringify(value)}`;
}

/**
 * Ticks of the test symbol: a price that goes up and down between 99.50 and 100.50 by a cent a second, so that anyone
 * can see by eye that nothing is missing.
 */
import { type Instrument, powerOfTen } from '#market-data';

export const TEST_SYMBOL = 'TEST';

/** Steps from the lowest price to the highest. */
const STEPS = 100;
const LOWEST = 99.5;
const SPREAD_STEPS = 2;
const QUOTE_SHARES = 500;

/**
 * @param second how many seconds it has ticked, from 0
 * @returns a quote around the price of that second, and a trade of 1 at it
 */
export function testTicks(
  second: number,
  instrument: Pick<Instrument, 'symbol' | 'priceScale'>,
  exchangeTimeUs: number,
): readonly object[] {
  const { symbol } = instrument;
  const power = powerOfTen(instrument.priceScale);
  const stepUnits = Math.max(1, power / 100);
  const climbed = STEPS - Math.abs(STEPS - (second % (2 * STEPS)));
  const units = Math.round(LOWEST * power) + climbed * stepUnits;
  const half = (SPREAD_STEPS / 2) * stepUnits;
  return [
    {
      type: 'quote',
      symbol,
      bidPrice: (units - half) / power,
      bidSize: QUOTE_SHARES,
      askPrice: (units + half) / power,
      askSize: QUOTE_SHARES,
      exchangeTimeUs,
    },
    {
      type: 'trade',
      symbol,
      price: units / power,
      size: 1,
      tradeId: `T${second + 1}`,
      exchangeTimeUs,
    },
  ];
}

/** W1 where every fourth client reads at a tenth of the rate, beside a run where all are fast. */
import { w1 } from './w1.mjs';

/** W1 is about 17 KB per second and client. */
const SLOW_BYTES_PER_SECOND = 1_700;

export const slowQuarter = {
  ...w1,
  key: 'slow-quarter',
  title: 'slow quarter: 25 % of the clients read at a tenth of the rate',
  clients: [1000],
  isUneven: true,
  // Indices of fast clients: the slow ones are read by the load client alone.
  sample: [1, 2, 3, 5, 6],
  contenders: () => [
    { key: 'tickcast', system: 'tickcast', label: 'tickcast, a quarter slow', options: { slow: true } },
    { key: 'all-fast', system: 'tickcast', label: 'tickcast, all fast' },
  ],
  watch: (index, { slow = false } = {}) => ({
    ...w1.watch(index),
    bytesPerSecond: slow && index % 4 === 0 ? SLOW_BYTES_PER_SECOND : 0,
  }),
};

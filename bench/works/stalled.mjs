/** Clients of W1 that stop reading: how much old news lies behind them before the gateway conflates for them. */
import { w1 } from './w1.mjs';

export const stalled = {
  ...w1,
  key: 'stalled',
  title: 'stalled: clients that stop reading for eight seconds',
  clients: [20],
  measure: 'stalled',
  contenders: () => [
    { key: 'tickcast', system: 'tickcast', label: 'default kernel settings' },
    { key: 'tuned', system: 'tickcast', label: 'tcp_notsent_lowat=16384', options: { tuned: true } },
  ],
};

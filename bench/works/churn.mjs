/** W1 while other sessions subscribe 200 times a second, and unsubscribe as often; beside a run without them. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { end, startBeside } from '../processes.mjs';
import { talker } from '../talker.mjs';
import { w1 } from './w1.mjs';

const CLIENTS = join(dirname(dirname(fileURLToPath(import.meta.url))), 'churn-clients.mjs');
export const SUBSCRIBES_PER_SECOND = 200;
/** Share of the subscribes that must be answered while it goes on. */
const ANSWERED_MIN = 0.9;

export const churn = {
  ...w1,
  key: 'churn',
  title: `churn: W1 with ${SUBSCRIBES_PER_SECOND} subscribes a second`,
  clients: [1000],
  contenders: () => [
    { key: 'tickcast', system: 'tickcast', label: 'tickcast with churn', options: { churn: true } },
    { key: 'without', system: 'tickcast', label: 'tickcast without' },
  ],
  async beside({ ports, core }, options) {
    if (!options.churn) return undefined;
    const args = [CLIENTS, String(ports[0]), String(SUBSCRIBES_PER_SECOND)];
    const clients = await startBeside(core, process.execPath, args, { ready: /ready/, stdin: 'pipe' });
    return {
      async close() {
        const { subscribes, answered, errors } = await talker(clients).ask('stop');
        await end(clients);
        if (errors > 0 || answered < subscribes * ANSWERED_MIN)
          throw new Error(`Of ${subscribes} subscribes ${answered} were answered, with ${errors} errors`);
      },
    };
  },
};

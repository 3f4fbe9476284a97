/** A storm of subscribes: how long until every client has every image, and what it does to the gateway. */
import { gatewayFigures, resetFigures } from './gateway-figures.mjs';
import { cpuNow, openRun, pause } from './measure.mjs';
import { end } from './processes.mjs';

/** @returns {askedMs, allImagesMs, gatewayCpuSeconds, gateway, check}; null when it cannot be run here */
export async function measureStorm({ work, system, options, clients, warmUpMs }) {
  const run = await openRun({ work, system, options, clients });
  if (run === null) return null;
  const { opened, load, counting } = run;
  await opened.go();
  await pause(warmUpMs);
  await resetFigures(opened);
  const before = cpuNow(opened);
  const { complete, askedMs, allImagesMs } = await counting.ask('begin');
  const gatewayCpuSeconds = cpuNow(opened).servers - before.servers;
  if (complete !== clients)
    throw new Error(`Only ${complete} of ${clients} clients had all their images in time`);
  const gateway = await gatewayFigures(opened);
  await end(load);
  const check = await opened.check();
  await opened.close();
  return { askedMs, allImagesMs, gatewayCpuSeconds, gateway, check };
}

/** What processes of the service say of themselves on /metrics, about the time since they were asked last. */

/** Resolution of the delay histogram behind the default metrics: an idle loop shows as much. */
const LOOP_RESOLUTION_MS = 10;

async function scrape(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await answer.text();
  return (name) => {
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`Expected ${name} in the metrics, it is not there`);
    return Number(line.slice(name.length + 1));
  };
}

/** Forgets what was: figures of now count from here. */
export async function resetFigures({ ports, ownerPort }) {
  for (const port of [...ports, ownerPort]) await scrape(port);
}

/** How long the owner's turns took, from the first read to the commits on their way, ms. */
export async function turnFigures({ ownerPort }) {
  const read = await scrape(ownerPort);
  const turnMs = (quantile) => read(`tickcast_owner_turn_seconds{quantile="${quantile}"}`) * 1000;
  return { p50Ms: turnMs('0.5'), p99Ms: turnMs('0.99') };
}

/** The worst of all gateways: longest slice of a flush, and delay of the event loop, all in ms. */
export async function gatewayFigures({ ports }) {
  const figures = { sliceMsMax: 0, loopP99Ms: 0, loopMaxMs: 0 };
  for (const port of ports) {
    const read = await scrape(port);
    const loopMs = (name) => Math.max(0, read(name) * 1000 - LOOP_RESOLUTION_MS);
    figures.sliceMsMax = Math.max(figures.sliceMsMax, read('tickcast_gateway_slice_ms_max'));
    figures.loopP99Ms = Math.max(figures.loopP99Ms, loopMs('nodejs_eventloop_lag_p99_seconds'));
    figures.loopMaxMs = Math.max(figures.loopMaxMs, loopMs('nodejs_eventloop_lag_max_seconds'));
  }
  return figures;
}

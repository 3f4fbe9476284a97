/** What a gateway says of itself on /metrics, about the time since it was asked last. */

/** Resolution of the delay histogram behind the default metrics: an idle loop shows as much. */
const LOOP_RESOLUTION_MS = 10;

async function scrape(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await answer.text();
  return (name) => {
    const found = new RegExp(`^${name}(?:\\{[^}]*\\})? ([-\\d.e+]+)$`, 'm').exec(text);
    if (found === null) throw new Error(`Expected ${name} in the metrics of the gateway, it is not there`);
    return Number(found[1]);
  };
}

/** Forgets what was: figures of now count from here. */
export async function resetGateways(ports) {
  for (const port of ports) await scrape(port);
}

/** The worst of all gateways: longest slice of a flush, and delay of the event loop, all in ms. */
export async function gatewayFigures(ports) {
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

/** What the kernel alone costs: a C program that sends frames of the same size, one send() per client and interval. */
import { upgradeRequest } from '../frames.mjs';
import { INTERVAL_MS } from '../market.mjs';
import { compile } from '../native.mjs';
import { end, start } from '../processes.mjs';

export const name = 'floor: C, one send() per client';
/** Its frames look like those of the service, so that updates are counted alike; its stamps do not. */
export const speaksService = false;

export function client() {
  return upgradeRequest('/');
}

/** The load client sees frames: each holds this many updates. */
export function updatesOf(counters, work) {
  return counters.frames * work.floor.updates;
}

/** @param bytesPerUpdate of the service in the run before: the floor sends as many */
export async function open({ serverCore, clients, work, bytesPerUpdate }) {
  const program = compile('floor');
  if (program === null) return null;
  const { every, updates } = work.floor;
  const payload = Math.round(bytesPerUpdate * updates);
  const args = [clients, INTERVAL_MS, every, updates, payload].map(String);
  const server = await start(serverCore, program, args, { ready: /listening (\d+)/ });
  const { match } = server;
  return {
    ports: [match[1]],
    servers: [server],
    beside: {},
    go: async () => undefined,
    close: () => end(server),
  };
}

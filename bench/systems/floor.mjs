/** What the kernel alone costs: a C program that sends frames of the same size, one send() per client and interval. */
import { upgradeRequest } from '../frames.mjs';
import { compile } from '../native.mjs';
import { end, start } from '../processes.mjs';
import { INTERVAL_MS, SYMBOLS_PER_CLIENT } from '../w1.mjs';

export const name = 'floor: C, one send() per client';

export function client() {
  return upgradeRequest('/');
}

/** @param bytesPerUpdate of the service in the run before: the floor sends as many */
export async function open({ serverCore, clients, bytesPerUpdate }) {
  const program = compile('floor');
  if (program === null) return null;
  const args = [clients, INTERVAL_MS, SYMBOLS_PER_CLIENT, Math.round(bytesPerUpdate), 3].map(String);
  const server = await start(serverCore, program, args, { ready: /listening (\d+)/ });
  return { port: server.match[1], server, beside: {}, go: async () => undefined, close: () => end(server) };
}

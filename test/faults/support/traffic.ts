/** Who sends and who listens in every rig. */
import { Seeded } from '../../support/seeded.js';
import type { Codec } from '../../support/stream-peer.js';
import type { Handlers } from './market.js';
import type { Member } from './member.js';
import { SteadyClient } from './steady-client.js';
import { SteadyHandler } from './steady-handler.js';

/** @param feeds two feed processes; half of the handlers begin at each */
export function makeHandlers(feeds: readonly string[], seed: number): Handlers {
  const handler = (source: string, codec: Codec, patient = false) =>
    new SteadyHandler(source, codec, feeds, new Seeded(seed + source.length), patient);
  return {
    alpha: handler('alpha', 'json'),
    // Waits until it is told busy, where the others go elsewhere.
    beta: handler('beta', 'msgpack', true),
    lineA: handler('lineA', 'msgpack'),
    lineB: handler('lineB', 'json'),
  };
}

/** Two behind the proxy, and one at each gateway that stays there and hears what it says when it is back. */
export function makeClients(
  proxy: string,
  gateways: readonly Member[],
  symbols: readonly string[],
  seed: number,
): SteadyClient[] {
  const client = (name: string, url: string, codec: Codec, place: number, patient: boolean) =>
    new SteadyClient(name, url, codec, symbols, new Seeded(seed + place * 7_919), patient);
  return [
    client('proxied one', proxy, 'msgpack', 1, false),
    client('proxied two', proxy, 'json', 2, false),
    ...gateways.map(({ name, url }, i) =>
      client(`at ${name}`, url, i === 0 ? 'msgpack' : 'json', 3 + i, true),
    ),
  ];
}

/** The service's own connections and parts, as a process of the service would make them, for one Redis on loopback. */
import { systemClock } from '../../dist/src/clock.js';
import { Names } from '../../dist/src/fanout/names.js';
import { RedisConnections } from '../../dist/src/fanout/redis-connections.js';
import { benchLog } from './lines.mjs';

export const names = new Names('tc:');

export function connectionsTo(port) {
  const address = { host: '127.0.0.1', port };
  const access = { username: null, password: null, tls: null };
  return new RedisConnections({
    topology: { kind: 'standalone', address, access, database: 0 },
    log: benchLog,
    clock: systemClock,
  });
}

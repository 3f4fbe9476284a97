/** Which form of the store a process has: Redis, or the memory of an embedded one. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import { MemoryNodeRegister } from './memory-node-register.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { MemoryStore } from './memory-store.js';
import { MemoryTape } from './memory-tape.js';
import { MemoryTickLog } from './memory-tick-log.js';
import { Names } from './names.js';
import type { NodeRegister } from './node-register.js';
import type { PartitionStore } from './partition-store.js';
import type { RedisConnections } from './redis-connections.js';
import { RedisNodeRegister } from './redis-node-register.js';
import { RedisPartitionStore } from './redis-partition-store.js';
import { RedisTape } from './redis-tape.js';
import { RedisTickLog } from './redis-tick-log.js';
import type { Tape } from './tape.js';
import type { TickLog } from './tick-log.js';

export type StoreConfig = Pick<
  Config,
  'redisPrefix' | 'partitions' | 'leaseMs' | 'heartbeatMs' | 'logEntriesMax' | 'marksMax' | 'ingestAck'
>;

/** Each is made, with connections of its own, by the role that needs it. */
export interface Stores {
  forFeed(): TickLog;
  forOwner(): { readonly partitions: PartitionStore; readonly register: NodeRegister };
  forGateway(): Tape;
}

/** @param connections null when embedded */
export function storesOf(config: StoreConfig, connections: RedisConnections | null, clock: Clock): Stores {
  return connections === null ? memoryStores(config, clock) : redisStores(config, connections);
}

function memoryStores(config: StoreConfig, clock: Clock): Stores {
  const store = new MemoryStore(clock, randomBytes(20).toString('hex'));
  return {
    forFeed: () => new MemoryTickLog(store, { entriesMax: config.logEntriesMax, marksMax: config.marksMax }),
    forOwner: () => ({
      partitions: new MemoryPartitionStore(store, config.leaseMs),
      register: new MemoryNodeRegister(store),
    }),
    forGateway: () => new MemoryTape(store),
  };
}

function redisStores(config: StoreConfig, connections: RedisConnections): Stores {
  const names = new Names(config.redisPrefix);
  return {
    forFeed: () =>
      new RedisTickLog(
        connections.command('log'),
        names,
        { entriesMax: config.logEntriesMax, marksMax: config.marksMax },
        config.ingestAck,
      ),
    forOwner: () => {
      const owner = connections.command('owner');
      return {
        partitions: new RedisPartitionStore(owner, names, config.leaseMs),
        register: new RedisNodeRegister(owner, () => connections.subscriber('control'), names),
      };
    },
    forGateway: () =>
      new RedisTape(
        connections.command('tape'),
        () => connections.subscriber('live'),
        names,
        config.partitions,
        config,
      ),
  };
}

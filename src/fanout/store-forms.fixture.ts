/** The forms of the store, for the specs that all must pass. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { type RedisCluster, startRedisCluster } from '../../test/support/redis-cluster.js';
import { type RedisServer, startRedis } from '../../test/support/redis-server.js';
import { type Clock, systemClock } from '../clock.js';
import { MemoryNodeRegister } from './memory-node-register.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { MemoryStore } from './memory-store.js';
import { MemoryTape } from './memory-tape.js';
import { MemoryTickLog } from './memory-tick-log.js';
import { Names } from './names.js';
import type { NodeRegister } from './node-register.js';
import { LOG_START, type LogEntry, type PartitionStore } from './partition-store.js';
import type { RedisCommands } from './redis-commands.js';
import { RedisConnections } from './redis-connections.js';
import { RedisNodeRegister } from './redis-node-register.js';
import { RedisPartitionStore } from './redis-partition-store.js';
import { array, buffer, streamEntries } from './redis-reply.js';
import { RedisTape } from './redis-tape.js';
import { RedisTickLog } from './redis-tick-log.js';
import { type RedisTopology, readAddress, standaloneAt } from './redis-topology.js';
import type { Tape } from './tape.js';
import type { TickLog, TickLogLimits } from './tick-log.js';

export const quietLog = pino({ level: 'silent' });

/** A clock that stands until it is moved. */
export class HandClock implements Clock {
  constructor(private us = 1_700_000_000_000_000) {}

  advance(ms: number): void {
    this.us += ms * 1000;
  }

  nowUs(): number {
    return this.us;
  }

  monotonicMs(): number {
    return this.us / 1000;
  }
}

export interface StoreForm {
  readonly partitions: PartitionStore;
  readonly tickLog: TickLog;
  readonly tape: Tape;
  readonly register: NodeRegister;
  /** As if the owner had not renewed it. */
  expireLease(partition: number): Promise<void>;
  /** Another run of the store, with what it held or empty. Resolves when it serves. */
  restart(options: { empty: boolean }): Promise<void>;
  /** Forgets `meta` and keeps the tape, as no healthy store does. */
  loseMeta(partition: number): Promise<void>;
  /** The newest batch was not replicated: tape and number are what they were before it. */
  loseNewest(partition: number): Promise<void>;
  close(): Promise<void>;
}

export interface FormOptions {
  readonly partitions?: number;
  readonly leaseMs?: number;
  readonly limits?: TickLogLimits;
}

/** Long: no spec of a form waits for silence. */
const HEARTBEAT_MS = 10_000;
const LIMITS: TickLogLimits = { entriesMax: 100, marksMax: 1_000 };

export async function memoryForm(options: FormOptions = {}): Promise<StoreForm> {
  const store = new MemoryStore(new HandClock(), randomBytes(20).toString('hex'));
  return {
    partitions: new MemoryPartitionStore(store, options.leaseMs ?? 3_000),
    tickLog: new MemoryTickLog(store, options.limits ?? LIMITS),
    tape: new MemoryTape(store),
    register: new MemoryNodeRegister(store),
    async expireLease(partition) {
      store.partition(partition).lease = undefined;
    },
    async restart({ empty }) {
      store.run = randomBytes(20).toString('hex');
      if (!empty) return;
      for (let partition = 0; partition < (options.partitions ?? 2); partition++) forget(store, partition);
    },
    async loseMeta(partition) {
      store.partition(partition).meta = undefined;
    },
    async loseNewest(partition) {
      const { tape, meta } = store.partition(partition);
      tape.pop();
      store.partition(partition).tapeTop = tape.at(-1) ?? { epoch: 0, number: 0 };
      if (meta !== undefined) meta.number--;
    },
    async close() {
      await undefined;
    },
  };
}

function forget(store: MemoryStore, partition: number): void {
  const kept = store.partition(partition);
  Object.assign(kept, { lease: undefined, meta: undefined, image: undefined });
  Object.assign(kept, { tape: [], tapeTop: { epoch: 0, number: 0 }, log: [], logTop: 0 });
}

/** Connections as a process has them, to a server that the spec started. */
export function redisForm(server: RedisServer, options: FormOptions = {}): Promise<StoreForm> {
  return connectedForm(standaloneAt(server.url), (how) => server.restart(how), options);
}

/** The same to a cluster. */
export function clusterForm(cluster: RedisCluster, options: FormOptions = {}): Promise<StoreForm> {
  return connectedForm(
    topologyOfCluster(cluster),
    async (how) => {
      await Promise.all(cluster.nodes.map((node) => node.restart(how)));
      await cluster.settled();
    },
    options,
  );
}

export function topologyOfCluster(cluster: RedisCluster): RedisTopology {
  return {
    kind: 'cluster',
    nodes: cluster.addresses.map((address) => readAddress(address, 0)),
    access: { username: null, password: cluster.env['REDIS_PASSWORD'] ?? null, tls: null },
  };
}

async function connectedForm(
  topology: RedisTopology,
  restart: (options: { empty: boolean }) => Promise<void>,
  options: FormOptions,
): Promise<StoreForm> {
  const names = new Names(`spec-${randomBytes(4).toString('hex')}:`);
  const connections = new RedisConnections({ topology, log: quietLog, clock: systemClock });
  const owner = connections.command('owner');
  const log = connections.command('log');
  const reader = connections.command('tape');
  const all = [owner, log, reader];
  const ready = () => Promise.all(all.map((commands) => connections.whenReady(commands)));
  await ready();
  const { partitions = 2, leaseMs = 3_000, limits = LIMITS } = options;
  const subscribe = (name: string) => () => connections.subscriber(name);
  return {
    partitions: new RedisPartitionStore(owner, names, leaseMs),
    tickLog: new RedisTickLog(log, names, limits, 'stored'),
    tape: new RedisTape(reader, subscribe('live'), names, partitions, { heartbeatMs: HEARTBEAT_MS, leaseMs }),
    register: new RedisNodeRegister(owner, subscribe('control'), names),
    async expireLease(partition) {
      const { lease } = names.partition(partition);
      await owner.call(lease, 'del', [lease]);
    },
    async restart(how) {
      const lost = Promise.all(all.map(untilLost));
      await restart(how);
      await lost;
      await ready();
    },
    async loseMeta(partition) {
      const { meta } = names.partition(partition);
      await owner.call(meta, 'del', [meta]);
    },
    async loseNewest(partition) {
      const { tape, meta } = names.partition(partition);
      const kept = streamEntries(array(await owner.call(tape, 'xrange', [tape, '-', '+']))).slice(0, -1);
      await owner.call(tape, 'del', [tape]);
      await owner.call(meta, 'hincrby', [meta, 'number', -1]);
      for (const { id, fields } of kept) await owner.call(tape, 'xadd', [tape, id, ...fields.map(buffer)]);
    },
    close: () => connections.close(),
  };
}

function untilLost(commands: RedisCommands): Promise<void> {
  return new Promise((resolve) => {
    const end = commands.watch({
      lost: () => {
        end();
        resolve();
      },
      back: () => undefined,
    });
  });
}

type OpenForm = (options?: FormOptions) => Promise<StoreForm>;

/** Runs the same describe block on both forms; the Redis server is one for the file. */
export function describeBothForms(name: string, body: (open: OpenForm) => void): void {
  describe(`${name}, in memory`, () => {
    const forms: StoreForm[] = [];
    afterEach(() => closeAll(forms));
    body(async (options) => keep(forms, await memoryForm(options)));
  });
  describe(`${name}, on Redis`, () => {
    let server: RedisServer;
    const forms: StoreForm[] = [];
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server.stop());
    afterEach(() => closeAll(forms));
    body(async (options) => keep(forms, await redisForm(server, options)));
  });
}

/** And on a cluster of three masters. */
export function describeAllForms(name: string, body: (open: OpenForm) => void): void {
  describeBothForms(name, body);
  describe(`${name}, on Redis Cluster`, () => {
    let cluster: RedisCluster;
    const forms: StoreForm[] = [];
    beforeAll(async () => {
      cluster = await startRedisCluster({ replicas: 0 });
    }, 90_000);
    afterAll(() => cluster.stop());
    afterEach(() => closeAll(forms));
    body(async (options) => keep(forms, await clusterForm(cluster, options)));
  });
}

/** Entries of a read that found the run it expected. */
export async function readEntries(
  form: StoreForm,
  partition: number,
  run: string,
  after: string | null = LOG_START,
): Promise<readonly LogEntry[]> {
  const read = await form.partitions.readLog(partition, run, after);
  if (read.kind !== 'entries') throw new Error(`Expected entries, was ${read.kind}`);
  return read.entries;
}

function keep(forms: StoreForm[], form: StoreForm): StoreForm {
  forms.push(form);
  return form;
}

async function closeAll(forms: StoreForm[]): Promise<void> {
  await Promise.all(forms.splice(0).map((form) => form.close()));
}

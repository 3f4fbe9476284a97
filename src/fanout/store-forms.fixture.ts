/** Both forms of the store, for the specs that both must pass. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
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
import { RedisConnections } from './redis-connections.js';
import { RedisNodeRegister } from './redis-node-register.js';
import { RedisPartitionStore } from './redis-partition-store.js';
import { buffer, streamEntries } from './redis-reply.js';
import { RedisTape } from './redis-tape.js';
import { RedisTickLog } from './redis-tick-log.js';
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
export async function redisForm(server: RedisServer, options: FormOptions = {}): Promise<StoreForm> {
  const names = new Names(`spec-${randomBytes(4).toString('hex')}:`);
  const connections = new RedisConnections({ url: server.url, log: quietLog, clock: systemClock });
  const owner = connections.command('owner');
  const log = connections.command('log');
  const reader = connections.command('tape');
  const live = connections.subscriber('live');
  const control = connections.subscriber('control');
  const all = [owner, log, reader, live, control];
  const ready = () => Promise.all(all.map((redis) => connections.whenReady(redis)));
  await ready();
  const { partitions = 2, leaseMs = 3_000, limits = LIMITS } = options;
  return {
    partitions: new RedisPartitionStore(owner, names, leaseMs),
    tickLog: new RedisTickLog(log, names, limits, 'stored'),
    tape: new RedisTape(reader, live, names, partitions),
    register: new RedisNodeRegister(owner, control, names),
    async expireLease(partition) {
      await owner.del(names.partition(partition).lease);
    },
    async restart({ empty }) {
      const closed = Promise.all(all.map((redis) => new Promise((resolve) => redis.once('close', resolve))));
      await server.restart({ empty });
      await closed;
      await ready();
    },
    async loseMeta(partition) {
      await owner.del(names.partition(partition).meta);
    },
    async loseNewest(partition) {
      const { tape, meta } = names.partition(partition);
      const kept = streamEntries(await owner.xrangeBuffer(tape, '-', '+')).slice(0, -1);
      await owner.multi().del(tape).hincrby(meta, 'number', -1).exec();
      for (const { id, fields } of kept) await owner.xadd(tape, id, ...fields.map(buffer));
    },
    close: () => connections.close(),
  };
}

/** Runs the same describe block on both forms; the Redis server is one for the file. */
export function describeBothForms(
  name: string,
  body: (open: (options?: FormOptions) => Promise<StoreForm>) => void,
): void {
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

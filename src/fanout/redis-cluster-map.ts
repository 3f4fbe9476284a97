/**
 * The slots of a cluster and who serves them, as its nodes say: all of them are asked once a second, and soon when
 * something does not answer or sends elsewhere. The newest word counts, by the configuration epoch: a node that was cut
 * off must not lead back to where the slots were.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.js';
import { array, text } from './redis-reply.js';
import type { ServerMap, ServerName } from './redis-server-map.js';
import { SLOTS, slotOf } from './redis-slot.js';
import { type RedisAddress, readAddress, writeAddress } from './redis-topology.js';

const ASK_MS = 1_000;
/** Between two rounds, however much there is to doubt. */
const ASK_MS_MIN = 50;
/** Nodes that are asked: those that have slots first. */
const ASKED_MAX = 16;
/** Names are keys and channels of partitions and of the registry: some thousands at most. */
const NAMES_MAX = 10_000;

interface Word {
  readonly isOk: boolean;
  readonly epoch: number;
  readonly slots: readonly (ServerName | undefined)[];
  readonly replicas: readonly ServerName[];
}

export class ClusterMap implements ServerMap {
  readonly isSharded = true;
  servers: readonly ServerName[] = [];
  private slots: readonly (ServerName | undefined)[] = [];
  private readonly slotsByName = new Map<string, number>();
  private readonly asked = new Map<ServerName, Redis>();
  private readonly watchers = new Set<() => void>();
  private askedMs = Number.NEGATIVE_INFINITY;
  private asking = false;
  private soon: NodeJS.Timeout | undefined;
  private readonly every: NodeJS.Timeout;

  /** @param open a connection for commands to a node */
  constructor(
    private readonly seeds: readonly RedisAddress[],
    private readonly open: (server: ServerName) => Redis,
    private readonly endConnection: (redis: Redis) => void,
    private readonly clock: Clock,
  ) {
    this.askThese([]);
    this.every = setInterval(() => void this.ask(), ASK_MS);
  }

  serverOf(name: string): ServerName | undefined {
    return this.slots[this.slotOf(name)];
  }

  moved(message: string, asked: ServerName): boolean {
    const [, slot, address = ''] = message.split(' ');
    const { host, port } = readAddress(address, 0);
    // A node that does not know how it is reached names its port only.
    const server = writeAddress({ host: host === '' ? readAddress(asked, 0).host : host, port });
    this.doubt();
    if (port === 0 || server === asked) return false;
    const slots = [...this.slots];
    slots[Number(slot)] = server;
    this.adopt(slots);
    return true;
  }

  doubt(): void {
    if (this.soon !== undefined) return;
    const sinceMs = this.clock.monotonicMs() - this.askedMs;
    this.soon = setTimeout(
      () => {
        this.soon = undefined;
        void this.ask();
      },
      Math.max(0, ASK_MS_MIN - sinceMs),
    );
  }

  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => void this.watchers.delete(changed);
  }

  close(): void {
    clearInterval(this.every);
    clearTimeout(this.soon);
    this.watchers.clear();
    for (const redis of this.asked.values()) this.endConnection(redis);
    this.asked.clear();
  }

  private slotOf(name: string): number {
    let slot = this.slotsByName.get(name);
    if (slot !== undefined) return slot;
    slot = slotOf(name);
    if (this.slotsByName.size < NAMES_MAX) this.slotsByName.set(name, slot);
    return slot;
  }

  /** Asks every node that answers. Never rejects. */
  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    this.askedMs = this.clock.monotonicMs();
    try {
      const words = await Promise.all([...this.asked].map(([server, redis]) => askNode(redis, server)));
      let newest: Word | undefined;
      for (const word of words) if (word !== undefined && isNewer(word, newest)) newest = word;
      if (newest === undefined || this.asked.size === 0) return;
      this.adopt(newest.slots);
      this.askThese([...this.servers, ...newest.replicas]);
    } finally {
      this.asking = false;
    }
  }

  private adopt(slots: readonly (ServerName | undefined)[]): void {
    let isSame = slots.length === this.slots.length;
    for (let slot = 0; isSame && slot < SLOTS; slot++) isSame = slots[slot] === this.slots[slot];
    if (isSame) return;
    this.slots = slots;
    this.servers = [...new Set(slots.filter((server) => server !== undefined))];
    for (const changed of [...this.watchers]) changed();
  }

  /** The seeds are always among them: they may be names that lead to new nodes when all known ones are gone. */
  private askThese(servers: readonly ServerName[]): void {
    const wanted = new Set([...this.seeds.map(writeAddress), ...servers].slice(0, ASKED_MAX));
    for (const [server, redis] of this.asked) {
      if (wanted.has(server)) continue;
      this.asked.delete(server);
      this.endConnection(redis);
    }
    for (const server of wanted) {
      if (this.asked.has(server)) continue;
      const redis = this.open(server);
      redis.on('ready', () => this.doubt());
      this.asked.set(server, redis);
    }
  }
}

function isNewer(word: Word, than: Word | undefined): boolean {
  if (than === undefined || word.isOk !== than.isOk) return than === undefined || word.isOk;
  return word.epoch > than.epoch;
}

/** @returns undefined when it does not answer, or is no cluster's node */
async function askNode(redis: Redis, asked: ServerName): Promise<Word | undefined> {
  try {
    const [info, ranges] = await Promise.all([redis.cluster('INFO'), redis.call('CLUSTER', 'SLOTS')]);
    return readWord(String(info), array(ranges), asked);
  } catch (error) {
    // A node that is away says so by its connection; one that refuses, in the log like it.
    if (error instanceof Error && error.name === 'ReplyError') redis.emit('error', error);
    return undefined;
  }
}

/** Each range is [from, through, [host, port, …] of the master, … of its replicas]. */
function readWord(info: string, ranges: readonly unknown[], asked: ServerName): Word {
  const slots = new Array<ServerName | undefined>(SLOTS);
  const replicas = new Set<ServerName>();
  for (const range of ranges) {
    const [from, through, ...nodes] = array(range);
    const [master, ...others] = nodes.map((node) => nameOf(array(node), asked));
    for (let slot = Number(from); slot <= Number(through); slot++) slots[slot] = master;
    for (const other of others) replicas.add(other);
  }
  return {
    isOk: /^cluster_state:ok/m.test(info),
    epoch: Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0),
    slots,
    replicas: [...replicas],
  };
}

/** A host that the node does not know, or does not tell, is the one that it was asked at. */
function nameOf([host, port]: readonly unknown[], asked: ServerName): ServerName {
  const named = host === null || host === undefined ? '' : text(host);
  const isKnown = named !== '' && named !== '?';
  return writeAddress({ host: isKnown ? named : readAddress(asked, 0).host, port: Number(port) });
}

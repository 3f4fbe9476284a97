/**
 * Which server the sentinels call master, asked of all of them all the time: the newest word counts, by the
 * configuration epoch. A connection goes where a sentinel said when it was made; it stays there when the sentinels
 * choose another master while the former one still answers, cut off from them or not told yet.
 */
import { isIP } from 'node:net';
import type { Redis } from 'ioredis';
import { array, text } from './redis-reply.js';
import { type RedisAddress, writeAddress } from './redis-topology.js';

const ASK_MS = 500;

interface Word {
  readonly epoch: number;
  readonly master: RedisAddress;
}

export class SentinelWatch {
  private master: RedisAddress | undefined;
  private asking = false;
  private readonly timer: NodeJS.Timeout;
  /** Found elsewhere the last time: a connection may be just on its way from one to the other. */
  private misplaced = new Set<Redis>();

  /**
   * @param sentinels a connection for commands to each
   * @param connections those that should be at the master
   * @param cut ends one that is not; it asks the sentinels anew then
   */
  constructor(
    private readonly sentinels: readonly Redis[],
    private readonly name: string,
    private readonly connections: () => Iterable<Redis>,
    private readonly cut: (redis: Redis, why: string) => void,
  ) {
    this.timer = setInterval(() => void this.look(), ASK_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const words = await Promise.all(this.sentinels.map((sentinel) => askSentinel(sentinel, this.name)));
    this.asking = false;
    const newest = words.reduce((one, other) => ((other?.epoch ?? -1) > (one?.epoch ?? -1) ? other : one));
    if (newest === undefined) return;
    const isNew = this.master !== undefined && writeAddress(this.master) !== writeAddress(newest.master);
    this.master = newest.master;
    this.place(newest.master, isNew);
  }

  private place(master: RedisAddress, isNew: boolean): void {
    const before = this.misplaced;
    this.misplaced = new Set();
    for (const redis of this.connections()) {
      if (!isElsewhere(redis, master)) continue;
      if (isNew || before.has(redis)) this.cut(redis, `the sentinels call ${writeAddress(master)} master`);
      else this.misplaced.add(redis);
    }
  }
}

/** Never of one that is still resolving: the client would end for good. */
function isElsewhere(redis: Redis, master: RedisAddress): boolean {
  if (redis.status !== 'ready' && redis.status !== 'connect') return false;
  const { remoteAddress, remotePort } = redis.stream as { remoteAddress?: string; remotePort?: number };
  if (remoteAddress === undefined || remotePort === undefined) return false;
  if (remotePort !== master.port) return true;
  // A name may have led to any address.
  return isIP(master.host) !== 0 && remoteAddress.replace(/^::ffff:/, '') !== master.host;
}

/**
 * The epoch is asked first: while a sentinel leads a failover its SENTINEL MASTER has the new epoch already and the
 * former address still, but the address by name is the promoted one from then on.
 * @returns undefined when it does not answer, or does not know the name
 */
async function askSentinel(sentinel: Redis, name: string): Promise<Word | undefined> {
  try {
    const [said, address] = await Promise.all([
      sentinel.call('SENTINEL', 'MASTER', name),
      sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
    ]);
    const fields = array(said).map(text);
    const [host, port] = array(address).map(text);
    if (host === undefined || port === undefined) return undefined;
    const epoch = Number(fields[fields.indexOf('config-epoch') + 1]);
    return { epoch, master: { host, port: Number(port) } };
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') sentinel.emit('error', error);
    return undefined;
  }
}

/** Listens to everything that Redis publishes, as any program could: what is sent, how often, and in what order. */
import { Redis } from 'ioredis';
import { Unpackr } from 'msgpackr';
import type { RedisServer } from '../../support/redis-server.js';

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', mapsAsObjects: true });
const LIVE = /^tc:\{(\d+)\}:live$/;

export interface LiveSymbol {
  readonly sid: number;
  readonly seq: number;
  readonly mask: number;
  /** Scaled integers of the fields in the mask, lowest bit first. */
  readonly values: readonly (number | null)[];
  readonly trades: readonly (readonly [seq: number, dt: number, price: number, ...rest: unknown[]])[];
}
export interface LiveBatch {
  readonly partition: number;
  readonly number: number;
  readonly symbols: readonly LiveSymbol[];
}

const open = new Set<LiveTap>();

export class LiveTap {
  readonly batches: LiveBatch[] = [];
  /** Messages on any channel of the service: batches, heartbeats, announcements. */
  messages = 0;

  private constructor(
    private readonly subscriber: Redis,
    private readonly commands: Redis,
  ) {}

  static async on(redis: RedisServer): Promise<LiveTap> {
    const tap = new LiveTap(new Redis(redis.url), new Redis(redis.url));
    open.add(tap);
    tap.subscriber.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, message: Buffer) =>
      tap.take(channel.toString(), message),
    );
    await tap.subscriber.psubscribe('tc:*');
    return tap;
  }

  private take(channel: string, message: Buffer): void {
    this.messages++;
    const partition = LIVE.exec(channel)?.[1];
    if (partition === undefined) return;
    const [kind, _epoch, number, _timeUs, symbols] = unpackr.unpack(message);
    if (kind !== 1) return;
    this.batches.push({ partition: Number(partition), number, symbols: symbols.map(liveSymbol) });
  }

  /** Calls of PUBLISH that the server has counted, those from scripts too. */
  async publishes(): Promise<number> {
    const stats = await this.commands.info('commandstats');
    return Number(/cmdstat_publish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }

  /** ms since the Unix epoch by the server's clock. */
  async timeMs(): Promise<number> {
    const [seconds, microseconds] = await this.commands.time();
    return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  }

  /** Resolves when everything that was published before has arrived. */
  async settle(): Promise<void> {
    await this.subscriber.ping();
  }

  close(): void {
    open.delete(this);
    this.subscriber.disconnect();
    this.commands.disconnect();
  }
}

afterAll(() => {
  for (const tap of open) tap.close();
});

function liveSymbol(items: [number, number, number, number, ...never[]]): LiveSymbol {
  const [sid, seq, mask, _dt, ...rest] = items;
  const count = mask.toString(2).replaceAll('0', '').length;
  return { sid, seq, mask, values: rest.slice(0, count), trades: rest[count + 1]! };
}

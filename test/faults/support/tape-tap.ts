/**
 * Reads what is published, beside all processes: each partition's tape over and over, and the live channel where it can
 * be heard. What was once seen is kept, also when the store loses it.
 */
import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { IMAGE_FIELDS } from '#market-data';
import { BATCH, decodeBatch, LiveHead } from '../../../src/fanout/batch.js';
import { SCALE_OF, type Scales, type Values } from '../../support/records.js';
import type { Sighting, TapeBatch, TapeSymbol, TapeTrade } from './history.js';

const POLL_MS = 250;
const PAGE = 500;

export type Store = Redis | Cluster;

export interface Head {
  readonly epoch: number;
  readonly seq: number;
  readonly trade: { readonly epoch: number; readonly seq: number } | null;
}

export class TapeTap {
  readonly sightings: Sighting[] = [];
  /** Newest of each sid, by the batches seen in order. */
  readonly heads = new Map<number, Head>();
  readonly tradeIds = new Set<string>();
  private readonly seen = new Map<string, TapeBatch>();
  private readonly read: string[];
  private store: Store | null = null;
  private running: Promise<unknown> | null = null;
  private over = false;

  /**
   * @param connect to what holds the tapes now; called again after every failure
   * @param scales of every symbol of the run
   */
  constructor(
    private readonly partitions: number,
    private readonly connect: () => Promise<Store>,
    private readonly scales: Scales,
  ) {
    this.read = new Array(partitions).fill('0-0');
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
    this.store?.disconnect();
  }

  /** Hears the live channel, too. @param subscriber of its own; ended by whoever made it */
  async listen(subscriber: Redis): Promise<void> {
    subscriber.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, bytes: Buffer) => {
      const partition = Number(/\{(\d+)\}/.exec(channel.toString())?.[1]);
      if (new LiveHead().read(bytes).kind === BATCH) this.take(partition, bytes, 'the live channel');
    });
    await subscriber.psubscribe('tc:{*}:live');
  }

  private async run(): Promise<void> {
    while (!this.over) {
      await this.look();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Reads on, where the store answers. @returns whether it did */
  async look(): Promise<boolean> {
    try {
      this.store ??= await this.connect();
      for (let partition = 0; partition < this.partitions; partition++)
        this.read[partition] = await this.readFrom(partition, this.read[partition]!, 'the tape');
      return true;
    } catch {
      // It is down, or not the master any more: looked for anew at the next turn.
      this.store?.disconnect();
      this.store = null;
      return false;
    }
  }

  private async readFrom(partition: number, after: string, where: string): Promise<string> {
    for (;;) {
      const key = `tc:{${partition}}:tape`;
      const entries = await this.store!.xrangeBuffer(key, `(${after}`, '+', 'COUNT', PAGE);
      for (const [id, fields] of entries) {
        this.take(partition, fields[3]!, where);
        after = id.toString();
      }
      if (entries.length < PAGE) return after;
    }
  }

  /** Says something on a live channel, as any program could. */
  async publish(channel: string, message: Buffer): Promise<void> {
    this.store ??= await this.connect();
    await this.store.publish(channel, message);
  }

  /** What the tapes hold now, all of it, by whoever is their master now. @throws when the store does not answer */
  async stored(): Promise<TapeBatch[]> {
    this.store?.disconnect();
    this.store = await this.connect();
    const all: TapeBatch[] = [];
    for (let partition = 0; partition < this.partitions; partition++) {
      const entries = await this.store.xrangeBuffer(`tc:{${partition}}:tape`, '-', '+');
      for (const [, fields] of entries) all.push(this.decode(partition, fields[3]!));
    }
    return all;
  }

  /** Every batch that was ever seen, by partition, epoch and number. */
  published(): TapeBatch[] {
    return [...this.seen.values()].sort(
      (a, b) => a.partition - b.partition || a.epoch - b.epoch || a.number - b.number,
    );
  }

  private take(partition: number, bytes: Buffer, where: string): void {
    const batch = this.decode(partition, bytes);
    const { epoch, number, hash } = batch;
    this.sightings.push({ partition, epoch, number, hash, where });
    const name = `${partition}/${epoch}/${number}`;
    if (this.seen.has(name)) return;
    this.seen.set(name, batch);
    for (const symbol of batch.symbols) this.advance(epoch, symbol);
  }

  private advance(epoch: number, { sid, seq, trades }: TapeSymbol): void {
    for (const { id } of trades) this.tradeIds.add(id ?? '');
    const before = this.heads.get(sid);
    const last = trades.at(-1);
    if (before !== undefined && (before.epoch > epoch || (before.epoch === epoch && before.seq > seq)))
      return;
    this.heads.set(sid, {
      ...{ epoch, seq },
      trade: last === undefined ? (before?.trade ?? null) : { epoch, seq: last.seq },
    });
  }

  private decode(partition: number, bytes: Buffer): TapeBatch {
    const symbols: TapeSymbol[] = [];
    let trades: TapeTrade[] = [];
    const { priceScale, sizeScale } = this.scales;
    let head = { epoch: 0, number: 0 };
    decodeBatch(bytes, {
      beginBatch: (epoch, number) => {
        head = { epoch, number };
      },
      update: (sid, seq, mask, _timeUs, values) => {
        trades = [];
        symbols.push({ sid, seq, values: this.plain(mask, values), trades });
      },
      trade: (_sid, seq, _timeUs, price, size, id) => {
        const plainSize = Number.isNaN(size) ? null : size / 10 ** sizeScale;
        trades.push({ seq, id, price: price / 10 ** priceScale, size: plainSize });
      },
      endBatch: () => undefined,
    });
    const hash = createHash('sha1').update(bytes).digest('hex');
    return { partition, ...head, hash, symbols };
  }

  private plain(mask: number, values: Float64Array): Values {
    const plain: Values = {};
    IMAGE_FIELDS.forEach((field, bit) => {
      if ((mask & (1 << bit)) === 0) return;
      const scale = SCALE_OF[field];
      const value = values[bit]!;
      plain[field] = Number.isNaN(value) ? null : scale === null ? value : value / 10 ** this.scales[scale];
    });
    return plain;
  }
}

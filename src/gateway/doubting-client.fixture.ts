/** A client that believes nothing: it checks every record against the owner's history, and keeps the first fault. */
import { IMAGE_FIELDS, type ImageField } from '#market-data';
import type { StreamRecord } from '#wire';
import { SocketFixture } from './gateway.fixture.js';
import type { RandomOwner } from './random-owner.fixture.js';
import type { Session } from './session.js';

interface Held {
  epoch: number;
  seq: number;
  values: Map<ImageField, number | null>;
  /** Switched off or subscribed again since: an image must come before any update, and may be the same once more. */
  ended: boolean;
}

export class DoubtingClient {
  readonly socket: SocketFixture;
  session!: Session;
  readonly held = new Map<number, Held>();
  readonly tickers = new Set<number>();
  readonly trades = new Map<number, { epoch: number; seq: number }>();
  /** Where trade subscriptions were left, to resume from. */
  readonly left = new Map<number, { epoch: number; seq: number }>();
  readonly disabled = new Set<number>();
  readonly wildcards = new Set<string>();
  fault: string | null = null;
  images = 0;
  updates = 0;
  tradesSeen = 0;
  gaps = 0;
  positions = 0;

  constructor(
    private readonly owner: RandomOwner,
    binary: boolean,
  ) {
    this.socket = new SocketFixture(binary, (records, plugged) => this.take(records, plugged));
  }

  private fail(fault: string): void {
    this.fault ??= fault;
  }

  private take(records: readonly StreamRecord[], plugged: boolean): void {
    for (const record of records) {
      const isData = ['image', 'update', 'trade', 'gap', 'position'].includes(record.type);
      if (plugged && isData) this.fail(`${record.type} was written to a blocked socket`);
      this.takeOne(record);
    }
  }

  private takeOne(record: StreamRecord): void {
    switch (record.type) {
      case 'subscribed':
        for (const { channel, sid, status, position } of record.channels) {
          if (sid === null) continue;
          if (status === 'disabled') this.disabled.add(sid);
          else this.disabled.delete(sid);
          if (channel.startsWith('ticker')) {
            this.tickers.add(sid);
            // The image comes again: it may repeat what is held, never go back behind it.
            const held = this.held.get(sid);
            if (held !== undefined) held.ended = true;
          }
          if (channel.startsWith('trade')) this.trades.set(sid, position ?? { epoch: 0, seq: 0 });
        }
        return;
      case 'instrument':
        if (this.wildcards.has('ticker')) this.tickers.add(record.sid);
        if (this.wildcards.has('trade')) this.trades.set(record.sid, { epoch: 0, seq: 0 });
        return;
      case 'status':
        if (record.status === 'disabled') {
          this.disabled.add(record.sid);
          const held = this.held.get(record.sid);
          if (held !== undefined) held.ended = true;
        } else this.disabled.delete(record.sid);
        return;
      case 'image':
        return this.image(record);
      case 'update':
        return this.update(record);
      case 'trade':
        return this.trade(record);
      case 'gap':
        return this.gap(record);
      case 'position':
        this.positions++;
        if (!this.trades.has(record.sid)) this.fail(`position of ${record.sid}, not subscribed`);
        this.trades.set(record.sid, { epoch: record.epoch, seq: record.seq });
        return;
      case 'error':
        this.fail(`error ${record.code}: ${record.message}`);
    }
  }

  private image(record: Extract<StreamRecord, { type: 'image' }>): void {
    const { sid, epoch, seq } = record;
    this.images++;
    if (!this.tickers.has(sid)) return this.fail(`image of ${sid}, not subscribed`);
    if (this.disabled.has(sid)) return this.fail(`image of ${sid}, switched off`);
    const held = this.held.get(sid);
    const older =
      held !== undefined && held.epoch === epoch && (held.ended ? seq < held.seq : seq <= held.seq);
    if (older) return this.fail(`image of ${sid} goes from ${held.epoch}:${held.seq} to ${epoch}:${seq}`);
    if (held !== undefined && epoch < held.epoch)
      return this.fail(`image of ${sid} goes back to epoch ${epoch}`);
    const values = new Map<ImageField, number | null>();
    for (const field of IMAGE_FIELDS) values.set(field, record[field]);
    this.held.set(sid, { epoch, seq, values, ended: false });
    this.compare(sid);
  }

  private update(record: Extract<StreamRecord, { type: 'update' }>): void {
    const { sid, seq } = record;
    this.updates++;
    if (this.disabled.has(sid)) return this.fail(`update of ${sid}, switched off`);
    const held = this.held.get(sid);
    if (held === undefined || held.ended) return this.fail(`update of ${sid} without an image`);
    if (seq <= held.seq) return this.fail(`update of ${sid} goes from ${held.seq} to ${seq}`);
    held.seq = seq;
    for (const field of IMAGE_FIELDS) {
      const value = record[field];
      if (value !== undefined) held.values.set(field, value);
    }
    this.compare(sid);
  }

  private compare(sid: number): void {
    const held = this.held.get(sid)!;
    const truth = this.owner.history.get(`${held.epoch}:${sid}:${held.seq}`);
    if (truth === undefined)
      return this.fail(`${sid} is at ${held.epoch}:${held.seq}, which was never published`);
    IMAGE_FIELDS.forEach((field, i) => {
      const scaled = truth[i]!;
      const expected = Number.isNaN(scaled) ? null : i === 6 ? scaled : scaled / 100;
      if (held.values.get(field) !== expected) {
        this.fail(
          `${sid} ${field} at ${held.epoch}:${held.seq} is ${held.values.get(field)}, published was ${expected}`,
        );
      }
    });
  }

  private trade(record: Extract<StreamRecord, { type: 'trade' }>): void {
    this.tradesSeen++;
    const at = this.trades.get(record.sid);
    if (at === undefined) return this.fail(`trade of ${record.sid}, not subscribed`);
    if (this.disabled.has(record.sid)) return this.fail(`trade of ${record.sid}, switched off`);
    if (record.seq !== at.seq + 1)
      return this.fail(`trade of ${record.sid} goes from ${at.seq} to ${record.seq}`);
    const published = this.owner.tradePrices.get(`${at.epoch}:${record.sid}:${record.seq}`);
    if (published === undefined || published / 100 !== record.price)
      this.fail(`trade ${at.epoch}:${record.sid}:${record.seq} differs`);
    at.seq++;
  }

  private gap(record: Extract<StreamRecord, { type: 'gap' }>): void {
    this.gaps++;
    const at = this.trades.get(record.sid);
    if (at === undefined) return this.fail(`gap of ${record.sid}, not subscribed`);
    if (record.from !== at.seq + 1 || record.to < record.from)
      this.fail(`gap ${record.from}–${record.to} after ${at.seq}`);
    at.seq = record.to;
  }
}

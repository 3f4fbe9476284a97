/** A client of a made-up history: what the service would send to it. */
import type { StreamRecord } from '../../support/records.js';
import type { Noted, OwnerImage, TapeSymbol } from './history.js';

export interface MadeClient {
  readonly name: string;
  readonly records: Noted[];
  readonly faults: string[];
}

type Images = ReadonlyMap<number, OwnerImage & { readonly tradeSeq: number }>;

export class SimulatedClient {
  readonly log: MadeClient;
  connected = true;
  private connection = 1;
  private readonly positions = new Map<number, { epoch: number; seq: number }>();
  /** Trades that came while it was away. */
  private readonly missed = new Map<number, TapeSymbol['trades'][number][]>();
  private readonly switched = new Set<number>();

  constructor(
    name: string,
    private readonly sids: readonly number[],
    private readonly images: Images,
  ) {
    this.log = { name, records: [], faults: [] };
    for (const sid of sids) this.positions.set(sid, { epoch: 5, seq: 0 });
    this.subscribe();
  }

  private note(record: StreamRecord): void {
    this.log.records.push({ atMs: this.log.records.length, connection: this.connection, record });
  }

  private subscribe(): void {
    const channels = this.sids.map((sid) => ({
      ...{ channel: `trade:S${sid}`, sid, symbol: `S${sid}`, priceScale: 2, sizeScale: 0, volumeScale: 0 },
      ...{ fields: [], hz: null, status: 'open', position: { ...this.positions.get(sid)! } },
    }));
    this.note({ type: 'subscribed', id: 1, channels, errors: [], more: false });
    for (const sid of this.sids) this.image(sid);
  }

  private image(sid: number): void {
    const { epoch, seq, values } = this.images.get(sid)!;
    this.note({ type: 'image', sid, epoch, seq, timeUs: 1, values: { ...values } });
  }

  batch(symbols: readonly TapeSymbol[]): void {
    for (const symbol of symbols) {
      if (this.connected) this.tell(symbol);
      else this.missed.set(symbol.sid, [...(this.missed.get(symbol.sid) ?? []), ...symbol.trades]);
    }
  }

  private tell({ sid, seq, values, trades }: TapeSymbol): void {
    this.note({ type: 'update', sid, seq, timeUs: 1, values: { ...values } });
    for (const trade of trades) this.trade(sid, trade);
  }

  private trade(sid: number, trade: TapeSymbol['trades'][number]): void {
    this.note({ type: 'trade', sid, timeUs: 1, conditions: null, ...trade });
    this.positions.get(sid)!.seq = trade.seq;
  }

  disconnect(): void {
    this.connected = false;
  }

  /** On another gateway: from where it was, or with a gap over the older half. */
  resume(withGap: boolean): void {
    this.connected = true;
    this.connection++;
    this.subscribe();
    for (const sid of this.sids) {
      const trades = this.missed.get(sid) ?? [];
      const skipped = withGap ? trades.splice(0, Math.ceil(trades.length / 2)) : [];
      if (this.switched.has(sid))
        this.position(sid, (trades[0]?.seq ?? this.images.get(sid)!.tradeSeq + 1) - 1);
      else if (skipped.length > 0) this.gap(sid, skipped[0]!.seq, skipped.at(-1)!.seq);
      for (const trade of trades) this.trade(sid, trade);
    }
    this.missed.clear();
    this.switched.clear();
  }

  private gap(sid: number, from: number, to: number): void {
    this.note({ type: 'gap', sid, from, to });
    this.positions.get(sid)!.seq = to;
  }

  private position(sid: number, seq: number): void {
    const { epoch } = this.images.get(sid)!;
    this.note({ type: 'position', sid, epoch, seq });
    this.positions.set(sid, { epoch, seq });
  }

  newEpoch(sids: readonly number[]): void {
    for (const sid of sids) {
      if (!this.connected) {
        this.switched.add(sid);
        this.missed.delete(sid);
        continue;
      }
      this.position(sid, this.images.get(sid)!.tradeSeq);
      this.image(sid);
    }
  }

  silence(): void {
    if (!this.connected) return;
    this.note({ type: 'stale', sids: [1, 2], sinceUs: 1, reason: 'partition_silent' });
    this.note({ type: 'stale', sids: null, sinceUs: 1, reason: 'redis_lost' });
    this.note({ type: 'fresh', sids: null });
  }

  finish(): void {
    if (!this.connected) this.resume(false);
  }
}

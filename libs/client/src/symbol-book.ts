/**
 * Every symbol's state, computed from records. Updates carry absolute values of what changed; one whose image has
 * not come on this connection means nothing, and is counted.
 */
import type { InstrumentStatus } from '#market-data';
import type {
  DataRecord,
  FreshRecord,
  GapRecord,
  ImageRecord,
  PositionRecord,
  ResumePoint,
  StaleRecord,
  StatusRecord,
  SubscribedChannel,
  TradeRecord,
  UpdateRecord,
} from '#wire';
import type { Staleness, SymbolState, TradeGap } from './symbol-state.js';

export interface BookCounters {
  images: number;
  updates: number;
  trades: number;
  /** States that were left out on purpose, for this client or its lane: the jumps of `seq`. */
  statesSkipped: number;
  /** Updates of a symbol without image, or not newer than it. */
  updatesIgnored: number;
  /** Trades that were here already. */
  tradesRepeated: number;
  /** Records of symbols that are not followed (any more). */
  recordsUnasked: number;
  /** Holes in trades that no gap record announced: a service should never leave one. */
  holesUnannounced: number;
}

export interface BookListener {
  image(state: SymbolState): void;
  update(state: SymbolState, update: UpdateRecord): void;
  trade(trade: TradeRecord, state: SymbolState): void;
  gap(gap: TradeGap, state: SymbolState): void;
  status(state: SymbolState): void;
  stale(state: SymbolState): void;
  fresh(state: SymbolState): void;
}

const STAYS_IMAGE = { type: 'image' } as const;

type Mutable<T> = { -readonly [name in keyof T]: T[name] };
type Held = Mutable<SymbolState>;
type InstrumentOfBook = Pick<SymbolState, 'sid' | 'symbol' | 'priceScale' | 'sizeScale' | 'volumeScale'>;

export class SymbolBook {
  readonly counters: BookCounters = {
    images: 0,
    updates: 0,
    trades: 0,
    statesSkipped: 0,
    updatesIgnored: 0,
    tradesRepeated: 0,
    recordsUnasked: 0,
    holesUnannounced: 0,
  };
  private readonly bySymbol = new Map<string, Held>();
  private readonly bySid = new Map<number, Held>();

  constructor(
    private readonly listener: BookListener,
    private readonly nowMs: () => number,
  ) {}

  get(symbol: string): SymbolState | undefined {
    return this.bySymbol.get(symbol);
  }

  states(): IterableIterator<SymbolState> {
    return this.bySymbol.values();
  }

  /** Images of the lost connection stay to look at; only new ones are brought up to date. */
  beginConnection(): void {
    this.bySid.clear();
    for (const state of this.bySymbol.values()) {
      state.inStep = false;
      this.setFresh(state);
    }
  }

  /** The service granted a channel of this symbol. */
  granted(channel: SubscribedChannel & { readonly sid: number; readonly symbol: string }): void {
    const state = this.learn({
      sid: channel.sid,
      symbol: channel.symbol,
      priceScale: channel.priceScale ?? 0,
      sizeScale: channel.sizeScale ?? 0,
      volumeScale: channel.volumeScale ?? 0,
    });
    const { status } = channel;
    if (status !== null) this.setStatus(state, status, status === state.status ? state.statusReason : null);
    if (channel.position !== null) this.setPosition(state, [channel.position.epoch, channel.position.seq]);
  }

  /** A new symbol under a wildcard. */
  announced(instrument: InstrumentOfBook & { readonly status: InstrumentStatus }): void {
    this.setStatus(this.learn(instrument), instrument.status, null);
  }

  private learn({ sid, symbol, priceScale, sizeScale, volumeScale }: InstrumentOfBook): Held {
    let state = this.bySymbol.get(symbol);
    if (state === undefined) {
      state = {
        symbol,
        sid,
        priceScale,
        sizeScale,
        volumeScale,
        image: null,
        receivedAtMs: 0,
        inStep: false,
        status: null,
        statusReason: null,
        stale: null,
        tradePosition: null,
      };
      this.bySymbol.set(symbol, state);
    } else {
      Object.assign(state, { sid, priceScale, sizeScale, volumeScale });
    }
    this.bySid.set(sid, state);
    return state;
  }

  /** Forgets what is not asked for any more. */
  keep(covers: (kind: 'ticker' | 'trade' | 'status', symbol: string) => boolean): void {
    for (const state of this.bySymbol.values()) {
      const ticker = covers('ticker', state.symbol);
      const trade = covers('trade', state.symbol);
      if (!ticker) {
        state.image = null;
        state.inStep = false;
      }
      if (!trade) state.tradePosition = null;
      if (ticker || trade || covers('status', state.symbol)) continue;
      this.bySymbol.delete(state.symbol);
      this.bySid.delete(state.sid);
    }
  }

  apply(record: DataRecord): void {
    const state = this.bySid.get(record.sid);
    if (state === undefined) {
      this.counters.recordsUnasked++;
      if (record.type === 'update') this.counters.updatesIgnored++;
      return;
    }
    switch (record.type) {
      case 'update':
        return this.applyUpdate(state, record);
      case 'image':
        return this.applyImage(state, record);
      case 'trade':
        return this.applyTrade(state, record);
      case 'position':
        return this.applyPosition(state, record);
      case 'gap':
        return this.applyGap(state, record);
    }
  }

  private applyImage(state: Held, record: ImageRecord): void {
    this.counters.images++;
    state.image = record;
    state.inStep = true;
    state.receivedAtMs = this.nowMs();
    this.listener.image(state);
  }

  private applyUpdate(state: Held, record: UpdateRecord): void {
    const { image } = state;
    if (image === null || !state.inStep || record.seq <= image.seq) {
      this.counters.updatesIgnored++;
      return;
    }
    this.counters.updates++;
    this.counters.statesSkipped += record.seq - image.seq - 1;
    Object.assign(image, record, STAYS_IMAGE);
    state.receivedAtMs = this.nowMs();
    this.listener.update(state, record);
  }

  private applyTrade(state: Held, record: TradeRecord): void {
    const position = state.tradePosition;
    // Without a position the numbering's epoch is unknown: the trade is shown, and nothing can be resumed from it.
    if (position !== null) {
      const [epoch, seq] = position;
      if (record.seq <= seq) {
        this.counters.tradesRepeated++;
        return;
      }
      state.tradePosition = [epoch, record.seq];
      if (record.seq > seq + 1) this.hole(state, epoch, seq + 1, record.seq - 1);
    }
    this.counters.trades++;
    this.listener.trade(record, state);
  }

  private hole(state: Held, epoch: number, from: number, to: number): void {
    this.counters.holesUnannounced++;
    this.listener.gap({ kind: 'lost', symbol: state.symbol, epoch, from, to }, state);
  }

  private applyPosition(state: Held, record: PositionRecord): void {
    this.setPosition(state, [record.epoch, record.seq]);
  }

  private setPosition(state: Held, position: ResumePoint): void {
    const previous = state.tradePosition;
    if (previous === null) {
      state.tradePosition = position;
    } else if (previous[0] !== position[0]) {
      state.tradePosition = position;
      this.listener.gap({ kind: 'new_epoch', symbol: state.symbol, previous, position }, state);
    } else if (position[1] > previous[1]) {
      // A wildcard cannot be resumed: what passed while the client was away is missed here.
      state.tradePosition = position;
      const [epoch, to] = position;
      this.listener.gap({ kind: 'lost', symbol: state.symbol, epoch, from: previous[1] + 1, to }, state);
    }
  }

  private applyGap(state: Held, record: GapRecord): void {
    const [epoch, seq] = state.tradePosition ?? [0, 0];
    if (state.tradePosition !== null && record.to > seq) state.tradePosition = [epoch, record.to];
    this.listener.gap({ kind: 'lost', symbol: state.symbol, epoch, from: record.from, to: record.to }, state);
  }

  status(record: StatusRecord): void {
    const state = this.bySid.get(record.sid);
    if (state === undefined) this.counters.recordsUnasked++;
    else this.setStatus(state, record.status, record.reason);
  }

  private setStatus(state: Held, status: InstrumentStatus, reason: string | null): void {
    if (state.status === status && state.statusReason === reason) return;
    state.status = status;
    state.statusReason = reason;
    this.listener.status(state);
  }

  stale(record: StaleRecord): void {
    const staleness: Staleness = { sinceUs: record.sinceUs, reason: record.reason };
    for (const state of this.named(record.sids)) {
      state.stale = staleness;
      this.listener.stale(state);
    }
  }

  fresh(record: FreshRecord): void {
    for (const state of this.named(record.sids)) this.setFresh(state);
  }

  private setFresh(state: Held): void {
    if (state.stale === null) return;
    state.stale = null;
    this.listener.fresh(state);
  }

  private named(sids: readonly number[] | null): Iterable<Held> {
    if (sids === null) return this.bySid.values();
    return sids.flatMap((sid) => this.bySid.get(sid) ?? []);
  }
}

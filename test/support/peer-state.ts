/**
 * What a client knows, computed from nothing but the records it was sent, and every breach of the protocol page on the
 * way: a record of a symbol that it did not ask for, a seq that goes back, an update without image, a hole in trades
 * that no `gap` names, anything of a symbol that is switched off.
 */
import type { RecordOf, Scales, StreamRecord, Trade, Values } from './records.js';

export interface Image {
  readonly epoch: number;
  seq: number;
  timeUs: number;
  readonly values: Values;
}

/** One symbol as this client has it. */
export interface SymbolState {
  readonly sid: number;
  readonly symbol: string;
  readonly scales: Scales;
  status: string;
  statusReason: string | null;
  image: Image | null;
  /** Where its trades stand; null = nothing is known yet. */
  position: { epoch: number; seq: number } | null;
  readonly trades: Trade[];
  readonly gaps: { readonly from: number; readonly to: number }[];
  /** Images and updates that came, of this symbol. */
  images: number;
  updates: number;
}

export class PeerState {
  readonly bySid = new Map<number, SymbolState>();
  readonly bySymbol = new Map<string, SymbolState>();
  readonly channels = new Set<string>();
  /** Breaches of the protocol. */
  readonly faults: string[] = [];
  private readonly resumes = new Map<string, { readonly epoch: number; readonly seq: number }>();
  readonly notices: RecordOf<'stale' | 'fresh'>[] = [];
  updates = 0;
  images = 0;
  trades = 0;

  /** Told of every state that a symbol went through. */
  onState: ((state: SymbolState, image: Image) => void) | null = null;

  /** @returns the state; throws when the service never announced the symbol */
  of(symbol: string): SymbolState {
    const state = this.bySymbol.get(symbol);
    if (state === undefined) throw new Error(`Expected ${symbol} to be announced`);
    return state;
  }

  apply(record: StreamRecord): void {
    switch (record.type) {
      case 'image':
        return this.image(record);
      case 'update':
        return this.update(record);
      case 'trade':
        return this.trade(record);
      case 'gap':
        return this.gap(record);
      case 'position':
        return this.position(record);
      case 'status':
        return this.status(record);
      case 'instrument':
        this.announce(record.sid, record.symbol, record, record.status);
        return;
      case 'subscribed':
        return this.subscribed(record);
      case 'unsubscribed':
        return this.unsubscribed(record);
      case 'stale':
      case 'fresh':
        this.notices.push(record);
        return;
      default:
        return;
    }
  }

  fault(text: string): void {
    if (this.faults.length < 20) this.faults.push(text);
  }

  private subscribed({ channels }: RecordOf<'subscribed'>): void {
    for (const { channel, sid, symbol, status, position, ...scales } of channels) {
      if (sid !== null && symbol !== null) {
        const state = this.announce(sid, symbol, scales, status ?? 'open');
        if (channel.startsWith('trade:')) this.standAt(state, position);
      }
      this.channels.add(channel);
    }
  }

  /** Who follows trades already goes on where it is, and who resumes where it asked to, or in a newer epoch. */
  private standAt(state: SymbolState, position: SymbolState['position']): void {
    const { symbol } = state;
    const before = this.resumes.get(symbol) ?? (this.covers('trade', symbol) ? state.position : null);
    const isNewer = (position?.epoch ?? 0) > (before?.epoch ?? 0);
    const goesOn = before?.epoch === position?.epoch && before?.seq === position?.seq;
    if (before !== null && !goesOn && !isNewer)
      this.fault(`${symbol}: stood at ${text(before)}, subscribed at ${text(position)}`);
    this.resumes.delete(symbol);
    state.position = position === null ? null : { ...position };
  }

  /** The next subscribe asks `from` here. */
  resumeAt(symbol: string, [epoch, seq]: readonly [number, number]): void {
    this.resumes.set(symbol, { epoch, seq });
  }

  private unsubscribed({ channels }: RecordOf<'unsubscribed'>): void {
    for (const channel of channels) this.channels.delete(channel);
    for (const state of this.bySid.values()) {
      if (!this.covers('ticker', state.symbol)) state.image = null;
      if (!this.covers('trade', state.symbol)) state.position = null;
    }
  }

  private announce(sid: number, symbol: string, scales: Scales, status: string): SymbolState {
    const known = this.bySid.get(sid);
    if (known !== undefined) {
      if (known.symbol !== symbol) this.fault(`sid ${sid} is ${known.symbol} and ${symbol}`);
      known.status = status;
      return known;
    }
    const { priceScale, sizeScale, volumeScale } = scales;
    const state: SymbolState = {
      ...{ sid, symbol, scales: { priceScale, sizeScale, volumeScale }, status, statusReason: null },
      ...{ image: null, position: null, trades: [], gaps: [], images: 0, updates: 0 },
    };
    this.bySid.set(sid, state);
    this.bySymbol.set(symbol, state);
    return state;
  }

  private image({ sid, epoch, seq, timeUs, values }: RecordOf<'image'>): void {
    const state = this.expectOpen(sid, 'ticker', 'image');
    if (state === undefined) return;
    const before = state.image;
    if (before !== null && before.epoch === epoch && before.seq > seq)
      this.fault(`${state.symbol}: image ${seq} after ${before.seq}`);
    state.image = { epoch, seq, timeUs, values: { ...values } };
    state.images++;
    this.images++;
    this.onState?.(state, state.image);
  }

  private update({ sid, seq, timeUs, values }: RecordOf<'update'>): void {
    const state = this.expectOpen(sid, 'ticker', 'update');
    if (state === undefined) return;
    const { image } = state;
    if (image === null) return this.fault(`${state.symbol}: update ${seq} without an image`);
    if (seq <= image.seq) this.fault(`${state.symbol}: update ${seq} after ${image.seq}`);
    for (const [field, value] of Object.entries(values))
      if (image.values[field as keyof Values] === value)
        this.fault(`${state.symbol}: update ${seq} repeats ${field} ${String(value)}`);
    Object.assign(image.values, values);
    image.seq = seq;
    image.timeUs = timeUs;
    state.updates++;
    this.updates++;
    this.onState?.(state, image);
  }

  private trade({ sid, seq, timeUs, price, size, id, conditions }: RecordOf<'trade'>): void {
    const state = this.expectOpen(sid, 'trade', 'trade');
    if (state === undefined) return;
    const { position } = state;
    if (position === null) return this.fault(`${state.symbol}: trade ${seq} before any position`);
    if (seq !== position.seq + 1) this.fault(`${state.symbol}: trade ${seq} after ${position.seq}`);
    position.seq = seq;
    state.trades.push({ seq, timeUs, price, size, id, conditions });
    this.trades++;
  }

  private gap({ sid, from, to }: RecordOf<'gap'>): void {
    const state = this.expectOpen(sid, 'trade', 'gap');
    if (state === undefined) return;
    const { position } = state;
    if (position === null || from !== position.seq + 1 || to < from)
      this.fault(`${state.symbol}: gap ${from} to ${to} after ${position?.seq}`);
    state.position = { epoch: position?.epoch ?? 0, seq: to };
    state.gaps.push({ from, to });
  }

  private position({ sid, epoch, seq }: RecordOf<'position'>): void {
    const state = this.expectOpen(sid, 'trade', 'position');
    if (state !== undefined) state.position = { epoch, seq };
  }

  private status({ sid, status, reason }: RecordOf<'status'>): void {
    const state = this.bySid.get(sid);
    if (state === undefined) return this.fault(`status of ${sid}, which was never announced`);
    state.status = status;
    state.statusReason = reason;
  }

  private expectOpen(sid: number, kind: string, record: string): SymbolState | undefined {
    const state = this.bySid.get(sid);
    if (state === undefined) {
      this.fault(`${record} of ${sid}, which was never announced`);
      return undefined;
    }
    if (state.status === 'disabled') this.fault(`${record} of ${state.symbol}, which is disabled`);
    if (!this.covers(kind, state.symbol)) this.fault(`${record} of ${state.symbol}, which nobody asked for`);
    return state;
  }

  /** Whether any channel of a kind covers a symbol. */
  covers(kind: string, symbol: string): boolean {
    if (this.channels.has(`${kind}:${symbol}`) || this.channels.has(`${kind}:*`)) return true;
    for (const channel of this.channels)
      if (channel.endsWith('*') && `${kind}:${symbol}`.startsWith(channel.slice(0, -1))) return true;
    return false;
  }
}

function text(position: SymbolState['position']): string {
  return position === null ? 'nowhere' : `${position.epoch}/${position.seq}`;
}

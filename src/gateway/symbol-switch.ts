/**
 * What a change in the registry means for sessions: a symbol switched off is silent at once, one switched on comes
 * back with its image, a new one under a wildcard is announced, another cap on its rate moves its subscriptions.
 */
import { type Instrument, type InstrumentStatus, statusOf } from '#market-data';
import { ERROR_CODES } from '#wire';
import { coveringWildcard } from './channel-index.js';
import type { Lane } from './lane.js';
import type { Server } from './serve.js';
import { countBehind, type Session } from './session.js';
import { SymbolBudget } from './symbol-budget.js';
import type { TickerFollow } from './ticker-follow.js';
import type { TradeFollow } from './trade-follow.js';
import type { TradeLane } from './trade-lane.js';

interface Known {
  readonly status: InstrumentStatus;
  readonly coalesceIntervalMs: number | null;
}

export class SymbolSwitch {
  private readonly known = new Map<number, Known>();

  constructor(
    private readonly sessions: readonly Session[],
    private readonly lanes: readonly Lane[],
    private readonly tradeLane: TradeLane,
    private readonly tickers: TickerFollow,
    private readonly trades: TradeFollow,
    private readonly server: Server,
    private readonly symbolsPerSessionMax: number,
    /** Serves a session its share of a running flush. */
    private readonly serveFirst: (session: Session) => void,
    private readonly cause: () => void,
  ) {}

  /** The instruments as they are when the gateway starts. */
  begin(instruments: Iterable<Instrument>): void {
    for (const instrument of instruments) this.remember(instrument);
  }

  /** The registry's view has changed by these instruments; it shows them already. */
  changed(instruments: readonly Instrument[]): void {
    const fresh: Instrument[] = [];
    const switched: Instrument[] = [];
    const capped: Instrument[] = [];
    for (const instrument of instruments) {
      const before = this.known.get(instrument.sid);
      this.remember(instrument);
      if (before === undefined) {
        fresh.push(instrument);
        continue;
      }
      if (before.status !== statusOf(instrument)) switched.push(instrument);
      if (before.coalesceIntervalMs !== instrument.coalesceIntervalMs) capped.push(instrument);
      if (before.status !== 'disabled' && !instrument.enabled) this.close(instrument.sid);
      if (before.status === 'disabled' && instrument.enabled) this.reopen(instrument.sid);
    }
    for (const session of this.sessions) {
      if (session.closing) continue;
      if (switched.length > 0) this.switchFor(session, switched);
      if (capped.length > 0) this.capFor(session, capped);
      if (fresh.length > 0) this.announceTo(session, fresh);
    }
    this.cause();
  }

  private remember(instrument: Instrument): void {
    this.known.set(instrument.sid, {
      status: statusOf(instrument),
      coalesceIntervalMs: instrument.coalesceIntervalMs,
    });
  }

  private close(sid: number): void {
    for (const lane of this.lanes) lane.switchOff(sid);
  }

  /** The table was kept up to date all along; trades that passed meanwhile become a gap. */
  private reopen(sid: number): void {
    for (const lane of this.lanes) lane.switchOn(sid);
    this.tradeLane.withhold(sid);
  }

  private switchFor(session: Session, switched: readonly Instrument[]): void {
    for (const instrument of switched) {
      const { sid, symbol, version } = instrument;
      if (!session.covers(sid, symbol)) continue;
      if (!instrument.enabled) this.silence(session, sid);
      session.control({
        type: 'status',
        sid,
        status: statusOf(instrument),
        reason: instrument.statusReason ?? null,
        version,
      });
    }
  }

  /** Nothing of the symbol is due any more, however far behind: switched on again, everybody gets its image. */
  private silence(session: Session, sid: number): void {
    // A running flush holds fragments from before the change: they go now, nothing of them after `status`.
    this.serveFirst(session);
    const membership = session.membershipOf(sid);
    if (membership === undefined) return;
    membership.exceptions?.delete(sid);
    countBehind(membership);
  }

  private capFor(session: Session, capped: readonly Instrument[]): void {
    const followed = capped.filter(({ sid }) => session.membershipOf(sid) !== undefined);
    if (followed.length === 0) return;
    this.serveFirst(session);
    this.tickers.changeRates(session, followed);
  }

  private announceTo(session: Session, fresh: readonly Instrument[]): void {
    if (!session.hasWildcards) return;
    const tickers: Instrument[] = [];
    const trades: number[] = [];
    const budget = new SymbolBudget(session, this.symbolsPerSessionMax);
    for (const instrument of fresh) {
      const ticker = coveringWildcard(session.tickerWildcards, instrument.symbol) !== undefined;
      const trade = coveringWildcard(session.tradeWildcards, instrument.symbol) !== undefined;
      const status = coveringWildcard(session.statusWildcards, instrument.symbol) !== undefined;
      if (!ticker && !trade && !status) continue;
      const { sid } = instrument;
      const fits = (!ticker || budget.takeTickers([sid])) && (!trade || budget.takeTrades([sid]));
      if (!fits) this.refuse(session, instrument);
      // As long as an answer: many may come at once, and a healthy reader must not be cut for them.
      if (fits || status) session.answer(announcement(instrument));
      if (fits && ticker) tickers.push(instrument);
      if (fits && trade) trades.push(sid);
    }
    if (tickers.length > 0 || trades.length > 0) this.followNew(session, tickers, trades);
  }

  private followNew(session: Session, tickers: readonly Instrument[], trades: readonly number[]): void {
    this.serveFirst(session);
    this.trades.followNew(session, trades);
    const wanted = this.tickers.follow(session, tickers);
    this.tickers.imagesSent(wanted.slice(0, this.server.sendImages(session, wanted)));
  }

  private refuse(session: Session, { symbol }: Instrument): void {
    const message = `${ERROR_CODES.too_many_symbols} ${symbol} is new and was left out.`;
    session.control({ type: 'error', id: null, code: 'too_many_symbols', message });
  }
}

function announcement(instrument: Instrument) {
  const { sid, symbol, name, group, priceScale, sizeScale, volumeScale } = instrument;
  const status = statusOf(instrument);
  return {
    type: 'instrument',
    sid,
    symbol,
    name,
    group,
    priceScale,
    sizeScale,
    volumeScale,
    status,
  } as const;
}

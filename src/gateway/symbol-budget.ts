/** How many symbols a session may follow, counted over all channels of one command before any of them is carried out. */
import type { Channel } from '#wire';
import type { Session } from './session.js';
import { hasSid } from './sid-list.js';

export class SymbolBudget {
  private readonly tickers = new Set<number>();
  private readonly trades = new Set<number>();

  constructor(
    private readonly session: Session,
    private readonly symbolsMax: number,
  ) {}

  /** Takes the symbols of one channel whole, or none of them. Status alone costs nothing. */
  take({ kind }: Channel, sids: readonly number[]): boolean {
    if (kind === 'ticker') return this.takeTickers(sids);
    return kind === 'trade' ? this.takeTrades(sids) : true;
  }

  takeTickers(sids: readonly number[]): boolean {
    const { session } = this;
    const isNew = (sid: number) => session.membershipOf(sid) === undefined;
    return this.takeInto(this.tickers, session.tickersFollowed, sids.filter(isNew));
  }

  takeTrades(sids: readonly number[]): boolean {
    const { tradesFollowed } = this.session;
    const isNew = (sid: number) => !hasSid(tradesFollowed, sid);
    return this.takeInto(this.trades, tradesFollowed.length, sids.filter(isNew));
  }

  private takeInto(taken: Set<number>, followed: number, sids: readonly number[]): boolean {
    let count = followed + taken.size;
    for (const sid of sids) if (!taken.has(sid)) count++;
    if (count > this.symbolsMax) return false;
    for (const sid of sids) taken.add(sid);
    return true;
  }
}

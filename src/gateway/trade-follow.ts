/** What a session follows as trades: joining at the lane's place, or behind at the place where it left off. */
import type { ResumePoint } from '#wire';
import type { Session } from './session.js';
import { hasSid, withoutSids, withSids } from './sid-list.js';
import type { Position, TradeLane } from './trade-lane.js';

export class TradeFollow {
  constructor(private readonly lane: TradeLane) {}

  /**
   * Begins to follow, or goes on from a resume point.
   * @param from where the client left off; undefined = from now on, or from where it already stands
   */
  follow(session: Session, sid: number, from: ResumePoint | undefined): void {
    if (!hasSid(session.tradesFollowed, sid)) {
      this.lane.join(sid);
      session.tradesFollowed = withSids(session.tradesFollowed, [sid]);
    }
    if (from === undefined) return;
    const position = { epoch: from[0], seq: from[1] };
    const lane = this.lane.position(sid);
    if (position.epoch === lane.epoch && position.seq === lane.seq) session.tradesBehind.delete(sid);
    else session.tradesBehind.set(sid, position);
    this.lane.countBehind(session);
  }

  /** Begins to follow many symbols from now on. */
  followAll(session: Session, sids: readonly number[]): void {
    const joining = sids.filter((sid) => !hasSid(session.tradesFollowed, sid));
    for (const sid of joining) this.lane.join(sid);
    session.tradesFollowed = withSids(session.tradesFollowed, joining);
  }

  /** Where a session stands; null while nothing is known of the symbol. */
  position(session: Session, sid: number): Position | null {
    const position = session.tradesBehind.get(sid) ?? this.lane.position(sid);
    return position.epoch === 0 ? null : position;
  }

  unfollow(session: Session, sids: readonly number[]): void {
    const leaving = new Set(sids.filter((sid) => hasSid(session.tradesFollowed, sid)));
    for (const sid of leaving) {
      this.lane.leave(sid);
      session.tradesBehind.delete(sid);
    }
    session.tradesFollowed = withoutSids(session.tradesFollowed, leaving);
    this.lane.countBehind(session);
  }

  unfollowAll(session: Session): void {
    this.unfollow(session, [...session.tradesFollowed]);
  }
}

/** What a session follows as trades: joining at the lane's place, or behind at the place where it left off. */
import type { ResumePoint } from '#wire';
import type { Session } from './session.js';
import { hasSid, withoutSids, withSids } from './sid-list.js';
import type { Position, TradeLane } from './trade-lane.js';

/** Before every trade of every numbering: a `position` comes first, then what the ring holds. */
const FROM_THE_BEGINNING: ResumePoint = [0, 0];

export class TradeFollow {
  constructor(private readonly lane: TradeLane) {}

  /** Begins to follow symbols from now on; those that it follows already go on where they are. */
  follow(session: Session, sids: readonly number[]): void {
    const joining = sids.filter((sid) => !hasSid(session.tradesFollowed, sid));
    for (const sid of joining) this.lane.join(sid);
    session.tradesFollowed = withSids(session.tradesFollowed, joining);
  }

  /** Follows symbols that are new to the client: nothing of them was sent, so all that the rings hold is due. */
  followNew(session: Session, sids: readonly number[]): void {
    this.follow(session, sids);
    for (const sid of sids) this.resume(session, sid, FROM_THE_BEGINNING);
  }

  /** Goes on where the client left off on a symbol that it follows. */
  resume(session: Session, sid: number, [epoch, seq]: ResumePoint): void {
    const lane = this.lane.position(sid);
    if (epoch === lane.epoch && seq === lane.seq) session.tradesBehind.delete(sid);
    else session.tradesBehind.set(sid, { epoch, seq });
    this.lane.countBehind(session);
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

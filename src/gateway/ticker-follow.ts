/**
 * What a session follows as tickers: joining lanes, leaving them, changing the rate. Every way in or out keeps what
 * the session was last sent, so that no image ever goes back and no update is computed against another state.
 */
import type { Instrument } from '#market-data';
import { wishedHz } from './channel-index.js';
import type { Lane, Sent } from './lane.js';
import { grantRung, type Rung } from './rates.js';
import { countBehind, lastSent, type Membership, type Session, setBehind } from './session.js';
import { withoutSids, withSids } from './sid-list.js';

/** An image that is due to a session that joins. */
export interface WantedImage {
  readonly membership: Membership;
  readonly lane: Lane;
  readonly sid: number;
}

export class TickerFollow {
  private readonly rungs: readonly Rung[];

  /** @param lanes from the service's rate to the slowest */
  constructor(private readonly lanes: readonly Lane[]) {
    this.rungs = lanes.map((lane) => lane.rung);
  }

  /** The lane that a session's wish gets for an instrument. */
  laneFor(wishHz: number | null, instrument: Instrument): Lane {
    return this.lanes[grantRung(this.rungs, wishHz, instrument.coalesceIntervalMs).index]!;
  }

  /** What a wish gets before any instrument's own cap. */
  grantedHz(wishHz: number | null): number {
    return grantRung(this.rungs, wishHz, null).hz;
  }

  /**
   * Begins to follow symbols, or follows them at the rate that is wished now.
   * @returns the images that are due, in the order given; they are behind until sent with `imagesSent`
   */
  follow(session: Session, instruments: readonly Instrument[]): WantedImage[] {
    const joining = new Map<Lane, number[]>();
    const sentBefore = new Map<number, Sent | null>();
    for (const instrument of instruments) {
      const { sid } = instrument;
      const lane = this.laneFor(wishedHz(session, instrument) ?? null, instrument);
      const membership = session.membershipOf(sid);
      if (membership !== undefined) {
        const sent = lastSent(membership, sid);
        sentBefore.set(sid, sent === null ? null : { ...sent, resend: true });
      }
      if (membership?.lane === lane) continue;
      if (membership !== undefined) this.leave(session, membership, [sid]);
      const sids = joining.get(lane);
      if (sids === undefined) joining.set(lane, [sid]);
      else sids.push(sid);
    }
    for (const [lane, sids] of joining) this.join(session, lane, sids);
    return this.settle(session, instruments, sentBefore);
  }

  /** Puts all that is due behind; what may go at once is returned. */
  private settle(
    session: Session,
    instruments: readonly Instrument[],
    sentBefore: ReadonlyMap<number, Sent | null>,
  ): WantedImage[] {
    const wanted: WantedImage[] = [];
    for (const { sid, enabled } of instruments) {
      const membership = session.membershipOf(sid)!;
      const { lane } = membership;
      const sent = sentBefore.get(sid) ?? null;
      setBehind(membership, sid, sent);
      const due = enabled && !session.blocked && lane.standing(sid, sent) === 'image';
      if (due) wanted.push({ membership, lane, sid });
    }
    return wanted;
  }

  /** These images of the lanes' states were sent: the session is in step on their symbols. */
  imagesSent(images: readonly WantedImage[]): void {
    for (const { membership, lane, sid } of images) {
      // While older misses are open, only an entry of its own says that this symbol is not among them.
      if (membership.since > 0) membership.exceptions?.set(sid, lane.sent(sid, false));
      else membership.exceptions?.delete(sid);
      countBehind(membership);
    }
  }

  /** Goes over to the rate that is wished now, behind at what was sent. */
  changeRate(session: Session, instrument: Instrument): void {
    const membership = session.membershipOf(instrument.sid);
    const wish = wishedHz(session, instrument);
    if (membership === undefined || wish === undefined) return;
    const lane = this.laneFor(wish, instrument);
    if (lane === membership.lane) return;
    const sent = lastSent(membership, instrument.sid);
    this.leave(session, membership, [instrument.sid]);
    const joined = this.join(session, lane, [instrument.sid]);
    setBehind(joined, instrument.sid, sent);
  }

  /** Follows these symbols no longer. */
  unfollow(session: Session, sids: readonly number[]): void {
    for (const membership of [...session.memberships]) this.leave(session, membership, sids);
  }

  /** The session is gone. */
  unfollowAll(session: Session): void {
    for (const membership of [...session.memberships])
      this.leave(session, membership, [...membership.cohort.sids]);
  }

  private join(session: Session, lane: Lane, sids: readonly number[]): Membership {
    let membership = session.memberships.find((other) => other.lane === lane);
    for (const sid of sids) lane.join(sid);
    if (membership === undefined) {
      const cohort = lane.cohorts.enter(withSids(new Int32Array(0), sids));
      membership = { lane, cohort, since: 0, exceptions: null, countedBehind: false };
      session.memberships = [...session.memberships, membership];
    } else {
      const before = membership.cohort;
      membership.cohort = lane.cohorts.enter(withSids(before.sids, sids));
      lane.cohorts.leave(before);
    }
    return membership;
  }

  private leave(session: Session, membership: Membership, sids: readonly number[]): void {
    const { lane, cohort } = membership;
    const left = new Set(sids);
    const rest = withoutSids(cohort.sids, left);
    if (rest === cohort.sids) return;
    for (const sid of cohort.sids) {
      if (!left.has(sid)) continue;
      lane.leave(sid);
      membership.exceptions?.delete(sid);
    }
    if (rest.length > 0) {
      membership.cohort = lane.cohorts.enter(rest);
    } else {
      membership.since = 0;
      membership.exceptions = null;
      session.memberships = session.memberships.filter((other) => other !== membership);
    }
    lane.cohorts.leave(cohort);
    countBehind(membership);
  }
}

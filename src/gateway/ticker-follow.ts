/**
 * What a session follows as tickers: joining lanes, leaving them, changing the rate. Every way in or out keeps what
 * the session was last sent, so that no image ever goes back and no update is computed against another state.
 */
import type { Instrument } from '#market-data';
import { wishedHz } from './channel-index.js';
import type { Lane, Sent } from './lane.js';
import { grantRung, type Rung } from './rates.js';
import { countBehind, lastSent, type Membership, type Session, setBehind, setInStep } from './session.js';
import { NO_SIDS, withoutSids, withSids } from './sid-list.js';

/** An image that is due to a session that joins. */
export interface WantedImage {
  readonly membership: Membership;
  readonly lane: Lane;
  readonly sid: number;
}

/** Symbols of one session on their way from lane to lane. */
class Moves {
  readonly leaving = new Map<Membership, number[]>();
  readonly joining = new Map<Lane, number[]>();

  add(sid: number, from: Membership | undefined, to: Lane): void {
    if (from !== undefined) append(this.leaving, from, sid);
    append(this.joining, to, sid);
  }
}

function append<K>(lists: Map<K, number[]>, key: K, sid: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [sid]);
  else list.push(sid);
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
    const moves = new Moves();
    const sentBefore = new Map<number, Sent>();
    for (const instrument of instruments) {
      const { sid } = instrument;
      const lane = this.laneFor(wishedHz(session, instrument) ?? null, instrument);
      const membership = session.membershipOf(sid);
      const sent = membership === undefined ? null : lastSent(membership, sid);
      if (sent !== null) sentBefore.set(sid, { ...sent, resend: true });
      if (membership?.lane !== lane) moves.add(sid, membership, lane);
    }
    this.move(session, moves);
    return this.settle(session, instruments, sentBefore);
  }

  /** Puts all that is due behind; what may go at once is returned. */
  private settle(
    session: Session,
    instruments: readonly Instrument[],
    sentBefore: ReadonlyMap<number, Sent>,
  ): WantedImage[] {
    const wanted: WantedImage[] = [];
    for (const { sid } of instruments) {
      const membership = session.membershipOf(sid)!;
      const { lane } = membership;
      const sent = sentBefore.get(sid) ?? null;
      const standing = lane.standing(sid, sent);
      setBehind(membership, sid, sent);
      if (standing === 'in_step') setInStep(membership, sid);
      else if (standing === 'image' && !session.blocked) wanted.push({ membership, lane, sid });
    }
    return wanted;
  }

  /** These images of the lanes' states were sent: the session is in step on their symbols. */
  imagesSent(images: readonly WantedImage[]): void {
    for (const { membership, sid } of images) setInStep(membership, sid);
  }

  /** Goes over to the rates that are wished now, behind at what was sent. */
  changeRates(session: Session, instruments: readonly Instrument[]): void {
    const moves = new Moves();
    const sentBefore = new Map<number, Sent | null>();
    for (const instrument of instruments) {
      const { sid } = instrument;
      const membership = session.membershipOf(sid);
      const wish = wishedHz(session, instrument);
      if (membership === undefined || wish === undefined) continue;
      const lane = this.laneFor(wish, instrument);
      if (lane === membership.lane) continue;
      sentBefore.set(sid, lastSent(membership, sid));
      moves.add(sid, membership, lane);
    }
    this.move(session, moves);
    for (const [sid, sent] of sentBefore) setBehind(session.membershipOf(sid)!, sid, sent);
  }

  /** All symbols of a command at once: one by one, a wildcard would copy its list of symbols for each of them. */
  private move(session: Session, { leaving, joining }: Moves): void {
    for (const [membership, sids] of leaving) this.leave(session, membership, sids);
    for (const [lane, sids] of joining) this.join(session, lane, sids);
  }

  /** Follows these symbols no longer. */
  unfollow(session: Session, sids: readonly number[]): void {
    for (const membership of session.memberships) this.leave(session, membership, sids);
  }

  /** The session is gone. */
  unfollowAll(session: Session): void {
    for (const membership of session.memberships) this.leave(session, membership, membership.cohort.sids);
  }

  private join(session: Session, lane: Lane, sids: readonly number[]): void {
    for (const sid of sids) lane.join(sid);
    const membership = session.memberships.find((other) => other.lane === lane);
    if (membership !== undefined) {
      const before = membership.cohort;
      membership.cohort = lane.cohorts.enter(withSids(before.sids, sids));
      lane.cohorts.leave(before);
      return;
    }
    const cohort = lane.cohorts.enter(withSids(NO_SIDS, sids));
    const joined = { lane, cohort, since: 0, exceptions: null, countedBehind: false };
    session.memberships = [...session.memberships, joined];
  }

  private leave(session: Session, membership: Membership, sids: Iterable<number>): void {
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

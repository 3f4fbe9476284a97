/**
 * Answers of offers, in the order of their sessions: the feed side goes back N, so a stored answer must never overtake
 * one that may still become busy, and after a busy one everything later of its session is busy too.
 *
 * A session may be on two connections at once, when its handler has come back and the old one still holds what it had
 * read. So it is kept, place by place, what failed and was not offered again: behind the lowest of these places nothing
 * is taken, whoever offers it, until all who offered have seen their answers.
 */
import type { BusyReason, OfferAnswer } from './tick-log-writer.js';

const RETRY_AFTER_MS: { readonly [why in BusyReason]: number } = {
  queue_full: 100,
  log_full: 250,
  sessions_full: 10_000,
  store_unavailable: 1_000,
  stopping: 1_000,
};

export function busy(why: BusyReason): OfferAnswer {
  return { outcome: 'busy', retryAfterMs: RETRY_AFTER_MS[why], why };
}

/** Where in its session a group stands: its name. */
export interface OfferPlace {
  readonly sequence: number;
  readonly part: number;
}

/** Of the groups of an offer, as they are offered. */
export type OfferPlaces = readonly [OfferPlace, ...OfferPlace[]];

/** Negative where `place` comes before `other`, 0 where it is the same. */
function compare(place: OfferPlace, other: OfferPlace): number {
  return place.sequence - other.sequence || place.part - other.part;
}

export class Offer {
  readonly answer: Promise<OfferAnswer>;
  private resolve: (answer: OfferAnswer) => void = () => undefined;
  private outcome: OfferAnswer | undefined;

  /**
   * @param parts groups that must be stored
   * @param decided is told, once, that it is known what became of it
   */
  constructor(
    readonly places: OfferPlaces,
    private parts: number,
    private readonly decided: (offer: Offer) => void,
  ) {
    this.answer = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  stored(): void {
    this.parts--;
    if (this.parts <= 0) this.decide({ outcome: 'stored' });
  }

  failed(why: BusyReason): void {
    this.decide(busy(why));
  }

  private decide(outcome: OfferAnswer): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    this.decided(this);
  }

  /** Undefined while parts are on their way. */
  get decision(): OfferAnswer | undefined {
    return this.outcome;
  }

  tell(answer: OfferAnswer): void {
    this.outcome = answer;
    this.resolve(answer);
  }
}

/** A place whose group is not stored, as its offer failed. */
interface FailedPlace {
  readonly place: OfferPlace;
  readonly why: BusyReason;
  readonly offer: Offer;
}

export class OfferOrder {
  private readonly pendingBySession = new Map<string, Offer[]>();
  /**
   * In the order of their places; each until it is offered again and taken, or its caller must have seen the answer.
   * At most the groups of offers that are not answered.
   */
  private readonly failedBySession = new Map<string, FailedPlace[]>();

  /** @param told is shown every answer */
  constructor(private readonly told: (answer: OfferAnswer) => void) {}

  /** @returns why an offer of these places must fail: one before them did, and has not come again */
  refusal(session: string, places: readonly OfferPlace[]): BusyReason | undefined {
    const failed = this.failedBySession.get(session);
    if (failed === undefined) return undefined;
    return failed[offeredAgain(failed, places)]?.why;
  }

  /** Answers busy, in its turn. What comes behind it fails too. */
  refuse(session: string, places: OfferPlaces, why: BusyReason): Promise<OfferAnswer> {
    const offer = this.open(session, places, 1);
    offer.failed(why);
    return offer.answer;
  }

  /** Takes an offer that nothing refuses: what failed at its places has come again. @param parts that must be stored */
  take(session: string, places: OfferPlaces, parts: number): Offer {
    const failed = this.failedBySession.get(session);
    for (const place of places) {
      while (failed?.[0] !== undefined && compare(failed[0].place, place) === 0) failed.shift();
    }
    if (failed?.length === 0) this.failedBySession.delete(session);
    return this.open(session, places, parts);
  }

  private open(session: string, places: OfferPlaces, parts: number): Offer {
    const offer = new Offer(places, parts, (decided) => this.decided(session, decided));
    const pending = this.pendingBySession.get(session);
    if (pending === undefined) this.pendingBySession.set(session, [offer]);
    else pending.push(offer);
    return offer;
  }

  private decided(session: string, offer: Offer): void {
    // At once, also while earlier offers wait for their answers: what would be appended behind the failed one would
    // raise the mark above it.
    if (offer.decision?.outcome === 'busy') this.keepFailed(session, offer, offer.decision.why);
    const failed = this.tellInOrder(session);
    // Once the callers have run, it is for them to go back. A later failure stays: nobody was told of it.
    if (failed.size > 0) setImmediate(() => this.forgetFailed(session, failed));
  }

  private keepFailed(session: string, offer: Offer, why: BusyReason): void {
    const failed = this.failedBySession.get(session) ?? [];
    this.failedBySession.set(session, failed);
    for (const place of offer.places) {
      // They come in order, but for those of a second connection.
      let at = failed.length;
      while (at > 0 && compare(failed[at - 1]!.place, place) > 0) at--;
      failed.splice(at, 0, { place, why, offer });
    }
  }

  private forgetFailed(session: string, told: ReadonlySet<Offer>): void {
    const failed = this.failedBySession.get(session)?.filter(({ offer }) => !told.has(offer));
    if (failed === undefined || failed.length === 0) this.failedBySession.delete(session);
    else this.failedBySession.set(session, failed);
  }

  /** @returns those among the told that were answered busy */
  private tellInOrder(session: string): ReadonlySet<Offer> {
    const pending = this.pendingBySession.get(session) ?? [];
    const busyOnes = new Set<Offer>();
    let failed: Offer | undefined;
    for (let offer = pending[0]; offer !== undefined; offer = pending[0]) {
      // The caller has gone back: this one stands for itself.
      if (failed !== undefined && compare(offer.places[0], failed.places[0]) <= 0) failed = undefined;
      const answer = failed?.decision ?? offer.decision;
      if (answer === undefined) break;
      if (answer.outcome === 'busy') {
        failed ??= offer;
        busyOnes.add(offer);
      }
      pending.shift();
      offer.tell(answer);
      this.told(answer);
    }
    if (pending.length === 0) this.pendingBySession.delete(session);
    return busyOnes;
  }
}

/**
 * @returns how many of the failed places come again before the first of `places` that is behind one which does not; the
 *   length of `failed` when none is
 */
function offeredAgain(failed: readonly FailedPlace[], places: readonly OfferPlace[]): number {
  let again = 0;
  for (const place of places) {
    while (again < failed.length && compare(failed[again]!.place, place) === 0) again++;
    if (again < failed.length && compare(place, failed[again]!.place) > 0) return again;
  }
  return failed.length;
}

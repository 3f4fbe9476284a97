/**
 * Answers of offers, in the order of their sessions: the feed side goes back N, so a stored answer must never overtake
 * one that may still become busy, and after a busy one everything later of its session is busy too.
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

/** Where in its session an offer stands: the name of its first group. */
export interface OfferPlace {
  readonly sequence: number;
  readonly part: number;
}

function isBehind(place: OfferPlace, other: OfferPlace): boolean {
  return place.sequence > other.sequence || (place.sequence === other.sequence && place.part > other.part);
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
    readonly place: OfferPlace,
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

interface Failure {
  readonly place: OfferPlace;
  readonly why: BusyReason;
}

export class OfferOrder {
  private readonly pendingBySession = new Map<string, Offer[]>();
  /** The failed offer of a session, until its caller must have seen the answer, or has gone back to it. */
  private readonly failures = new Map<string, Failure>();

  /** @param told is shown every answer */
  constructor(private readonly told: (answer: OfferAnswer) => void) {}

  /** @returns why an offer at this place must fail because one before it did; going back ends the failure */
  refusal(session: string, place: OfferPlace): BusyReason | undefined {
    const failure = this.failures.get(session);
    if (failure === undefined) return undefined;
    if (isBehind(place, failure.place)) return failure.why;
    this.failures.delete(session);
    return undefined;
  }

  /** Answers busy, in its turn. What comes behind it fails too. */
  refuse(session: string, place: OfferPlace, why: BusyReason): Promise<OfferAnswer> {
    const offer = this.open(session, place, 1);
    offer.failed(why);
    return offer.answer;
  }

  /** @param parts groups that must be stored */
  open(session: string, place: OfferPlace, parts: number): Offer {
    const offer = new Offer(place, parts, (decided) => this.decided(session, decided));
    const pending = this.pendingBySession.get(session);
    if (pending === undefined) this.pendingBySession.set(session, [offer]);
    else pending.push(offer);
    return offer;
  }

  private decided(session: string, { place, decision }: Offer): void {
    // At once, also while earlier offers wait for their answers: what would be appended behind the failed one would
    // raise the mark above it.
    if (decision?.outcome === 'busy' && !this.failures.has(session))
      this.failures.set(session, { place, why: decision.why });
    if (this.tellInOrder(session)) {
      // Once the callers have run, it is for them to go back.
      setImmediate(() => this.failures.delete(session));
    }
  }

  /** @returns whether a busy answer was among those told */
  private tellInOrder(session: string): boolean {
    const pending = this.pendingBySession.get(session) ?? [];
    let failed: Offer | undefined;
    let wasBusy = false;
    for (let offer = pending[0]; offer !== undefined; offer = pending[0]) {
      // The caller has gone back: this one stands for itself.
      if (failed !== undefined && !isBehind(offer.place, failed.place)) failed = undefined;
      const answer = failed?.decision ?? offer.decision;
      if (answer === undefined) break;
      if (answer.outcome === 'busy') {
        failed ??= offer;
        wasBusy = true;
      }
      pending.shift();
      offer.tell(answer);
      this.told(answer);
    }
    if (pending.length === 0) this.pendingBySession.delete(session);
    return wasBusy;
  }
}

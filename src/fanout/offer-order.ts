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

export class Offer {
  readonly answer: Promise<OfferAnswer>;
  private resolve: (answer: OfferAnswer) => void = () => undefined;
  private outcome: OfferAnswer | undefined;

  /**
   * @param parts groups that must be stored
   * @param decided is told, once, what became of it
   */
  constructor(
    private parts: number,
    private readonly decided: (outcome: OfferAnswer) => void,
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
    this.decided(outcome);
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

export class OfferOrder {
  private readonly pendingBySession = new Map<string, Offer[]>();
  /** Sessions of which an offer failed, until its caller must have seen the answer. */
  private readonly failing = new Map<string, BusyReason>();

  /** @param told is shown every answer */
  constructor(private readonly told: (answer: OfferAnswer) => void) {}

  /** @returns why a further offer of this session must fail too */
  refusal(session: string): BusyReason | undefined {
    return this.failing.get(session);
  }

  /** Answers busy, in its turn. From here on the session fails. */
  refuse(session: string, why: BusyReason): Promise<OfferAnswer> {
    const offer = this.open(session, 1);
    offer.failed(why);
    return offer.answer;
  }

  /** @param parts groups that must be stored */
  open(session: string, parts: number): Offer {
    const offer = new Offer(parts, (outcome) => this.decided(session, outcome));
    const pending = this.pendingBySession.get(session);
    if (pending === undefined) this.pendingBySession.set(session, [offer]);
    else pending.push(offer);
    return offer;
  }

  private decided(session: string, outcome: OfferAnswer): void {
    // At once, also while earlier offers wait for their answers: what would be appended behind the failed one would
    // raise the mark above it.
    if (outcome.outcome === 'busy' && !this.failing.has(session)) this.failing.set(session, outcome.why);
    const pending = this.pendingBySession.get(session) ?? [];
    let failure: OfferAnswer | undefined;
    while (pending.length > 0) {
      const answer = failure ?? pending[0]!.decision;
      if (answer === undefined) break;
      if (answer.outcome === 'busy') failure = answer;
      pending.shift()?.tell(answer);
      this.told(answer);
    }
    if (pending.length === 0) this.pendingBySession.delete(session);
    // Once the callers have run, it is for them to go back.
    if (failure !== undefined) setImmediate(() => this.recover(session));
  }

  private recover(session: string): void {
    if (!this.pendingBySession.has(session)) this.failing.delete(session);
  }
}

/**
 * How the newest batches of each session were judged: which places were taken and which rejected. A batch that comes
 * again is judged alike, although symbols were registered or switched meanwhile: the log drops what it holds of the
 * batch, so an answer from today's registry would call ticks accepted that were never stored. Bounded in batches and
 * bytes; what is forgotten is judged anew.
 */
import type { FeedBatch, StoredAnswer } from './batch-door.js';

export interface JudgementLimits {
  /** Sockets have 64 batches in flight, and a part of an upload is a batch: half a million lines. */
  readonly batchesPerSessionMax: number;
  /** A handler that sends nothing but garbage costs no more. */
  readonly bytesPerSessionMax: number;
  /** All sessions; beyond, those that were longest without a batch forget first. */
  readonly bytesMax: number;
}

const MIB = 1_048_576;
const LIMITS: JudgementLimits = {
  batchesPerSessionMax: 1_024,
  bytesPerSessionMax: 4 * MIB,
  bytesMax: 32 * MIB,
};

/** About what one costs in memory, without the text of its messages. */
const BATCH_BYTES = 250;
const REJECTION_BYTES = 100;

interface Judgement {
  readonly places: number;
  readonly answer: StoredAnswer;
  readonly bytes: number;
}

interface Session {
  /** The oldest first. */
  readonly judgements: Map<string, Judgement>;
  bytes: number;
}

export class Judgements {
  /** The one that was longest without a batch first. */
  private readonly sessions = new Map<string, Session>();
  private allBytes = 0;

  constructor(private readonly limits: JudgementLimits = LIMITS) {}

  get bytes(): number {
    return this.allBytes;
  }

  /** Keeps what becomes of a batch once it is stored. */
  keep(batch: FeedBatch, answer: StoredAnswer): void {
    const key = sessionOf(batch);
    const session = this.sessions.get(key) ?? { judgements: new Map<string, Judgement>(), bytes: 0 };
    // To the end: it is the one with the newest batch.
    this.sessions.delete(key);
    this.sessions.set(key, session);
    this.drop(session, placeOf(batch));
    const bytes = bytesOf(answer);
    session.judgements.set(placeOf(batch), { places: batch.ticks.length, answer, bytes });
    session.bytes += bytes;
    this.allBytes += bytes;
    this.trim(session);
  }

  /** How the batch was judged when it came before; undefined when that is not known, or it was another batch. */
  recall(batch: FeedBatch): StoredAnswer | undefined {
    const judgement = this.sessions.get(sessionOf(batch))?.judgements.get(placeOf(batch));
    return judgement?.places === batch.ticks.length ? judgement.answer : undefined;
  }

  private trim(newest: Session): void {
    const { batchesPerSessionMax, bytesPerSessionMax, bytesMax } = this.limits;
    while (newest.judgements.size > batchesPerSessionMax || newest.bytes > bytesPerSessionMax)
      this.dropOldest(newest);
    for (const [key, session] of this.sessions) {
      while (this.allBytes > bytesMax && session.judgements.size > 0) this.dropOldest(session);
      if (session.judgements.size > 0) return;
      this.sessions.delete(key);
    }
  }

  private dropOldest(session: Session): void {
    for (const place of session.judgements.keys()) {
      this.drop(session, place);
      return;
    }
  }

  private drop(session: Session, place: string): void {
    const judgement = session.judgements.get(place);
    if (judgement === undefined) return;
    session.judgements.delete(place);
    session.bytes -= judgement.bytes;
    this.allBytes -= judgement.bytes;
  }
}

function sessionOf({ source, session }: FeedBatch): string {
  // Names have no space.
  return `${source} ${session}`;
}

function placeOf({ sequence, firstPart = 0 }: FeedBatch): string {
  return `${sequence} ${firstPart}`;
}

function bytesOf({ rejected }: StoredAnswer): number {
  let bytes = BATCH_BYTES;
  for (const { message } of rejected) bytes += REJECTION_BYTES + message.length;
  return bytes;
}

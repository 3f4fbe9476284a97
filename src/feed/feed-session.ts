/**
 * One feed handler's connection, bytes in and replies out (feed-messages.ts is its protocol). Go-back-N: batches are
 * taken in the order of their sequences only, each is answered in that order, and after a failure everything later is
 * refused until the failed one comes again. So the log never holds a later batch of a session without the earlier.
 */
import type { BusyReason } from '../fanout/tick-log-writer.js';
import type { Acknowledged } from './acknowledged.js';
import type { BatchAnswer, FeedBatch, StoredAnswer } from './batch-door.js';
import type { BatchGate } from './batch-gate.js';
import type { FeedCodec } from './feed-codec.js';
import { type FeedIdentity, NamedIdentity, OwnIdentity } from './feed-identity.js';
import {
  FEED_ERRORS,
  FEED_NAME_FORM,
  type FeedErrorCode,
  type FeedReply,
  feedName,
} from './feed-messages.js';
import type { OwnSession, OwnSessions } from './own-sessions.js';
import { describe } from './tick-fault.js';

/** Where replies go. */
export interface FeedWire {
  /** The handler has replies enough to read: batches are answered when it has read on, which `drained` tells. */
  readonly full: boolean;
  send(message: string | Uint8Array): void;
  /** After a fatal error; nothing is sent after it. */
  close(reason: FeedErrorCode): void;
  /** Stops reading from the socket, until `resume`: too much waits for its answer. */
  pause(): void;
  resume(): void;
}

export interface FeedSessionParts {
  readonly door: Pick<BatchGate, 'accept' | 'answerAgain' | 'countRepeat'>;
  readonly acknowledged: Acknowledged;
  readonly ownSessions: OwnSessions;
  /** Ticks of one batch. */
  readonly batchTicksMax: number;
  /** Batches that wait for their answer; beyond: busy. */
  readonly batchesInFlightMax: number;
}

const RETRY_MS = 50;
/** Answers that wait behind one that the store holds up, refusals among them; beyond, TCP holds the handler back. */
export const PENDING_MAX = 1_024;
const PING_ID_LENGTH_MAX = 64;

type Busy = Extract<BatchAnswer, { outcome: 'busy' }>;

/** A `ticks` that waits for its turn to be answered: when all that came before it are. */
interface Pending {
  readonly seq: number;
  /**
   * `offered` to the door; known to be `stored`; a `repeat` of one that is under way, whose answer it shares; or
   * `refused` when it came.
   */
  readonly kind: 'offered' | 'stored' | 'repeat' | 'refused';
  /** What a repeat repeats: it came earlier, and is answered before it. */
  readonly first?: Pending;
  /** How often the handler had gone back before it. */
  readonly round: number;
  answer: BatchAnswer | null;
}

export class FeedSession {
  private identity: FeedIdentity | null = null;
  private own: OwnSession | null = null;
  /** The next sequence to come; null before the first. */
  private expected: number | null = null;
  /** What failed: nothing later is taken before this comes again. */
  private resendFrom: number | null = null;
  /** The lowest sequence that is not acknowledged; of no meaning before the first `ticks`. */
  private unacknowledged = 0;
  private round = 0;
  private lastBusy: Busy = busy('queue_full');
  private readonly pending: Pending[] = [];
  private inFlight = 0;
  private paused = false;
  private state: 'open' | 'stopping' | 'closed' = 'open';
  private whenIdle: (() => void) | null = null;

  constructor(
    private readonly parts: FeedSessionParts,
    private readonly codec: FeedCodec,
    private readonly wire: FeedWire,
  ) {}

  /** One message of the socket. */
  receive(message: Uint8Array, binary: boolean): void {
    if (this.state === 'closed') return;
    if (binary !== this.codec.binary)
      return this.fail('wrong_frame', `Expected a ${this.codec.binary ? 'binary' : 'text'} frame`);
    let decoded: unknown;
    try {
      decoded = this.codec.decode(message);
    } catch (error) {
      return this.fail(this.codec.fault, error instanceof Error ? error.message : String(error));
    }
    if (typeof decoded !== 'object' || decoded === null || Array.isArray(decoded))
      return this.fail('bad_message', `Expected a map with op, was ${describe(decoded)}`);
    this.take(decoded as Readonly<Record<string, unknown>>);
  }

  private take(message: Readonly<Record<string, unknown>>): void {
    switch (message['op']) {
      case 'ticks':
        return this.ticks(message['seq'], message['ticks']);
      case 'hello':
        return this.hello(message['source'], message['session']);
      case 'ping':
        return this.reply({ op: 'pong', id: pingId(message['id']) });
      default:
        return this.fail(
          'unknown_op',
          `Expected op to be hello, ticks or ping, was ${describe(message['op'])}`,
        );
    }
  }

  private hello(source: unknown, session: unknown): void {
    if (this.identity !== null)
      return this.fail('hello_late', `Expected hello once and before the first ticks, was a later message`);
    const sourceName = feedName(source);
    if (sourceName === undefined)
      return this.fail('bad_message', `Expected source to be ${FEED_NAME_FORM}, was ${describe(source)}`);
    const sessionName = feedName(session);
    if (sessionName === undefined)
      return this.fail('bad_message', `Expected session to be ${FEED_NAME_FORM}, was ${describe(session)}`);
    const identity = new NamedIdentity(sourceName, sessionName, this.parts.acknowledged);
    this.identity = identity;
    this.reply({ op: 'ready', last: identity.last() });
  }

  private ticks(seq: unknown, ticks: unknown): void {
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0)
      return this.fail(
        'bad_message',
        `Expected seq to be an integer from 0 to 2^53 - 1, was ${describe(seq)}`,
      );
    if (!Array.isArray(ticks))
      return this.fail('bad_message', `Expected ticks to be an array, was ${describe(ticks)}`, seq);
    if (ticks.length > this.parts.batchTicksMax) {
      const expected = `Expected at most ${this.parts.batchTicksMax} ticks in a batch`;
      return this.fail('too_many_ticks', `${expected}, was ${ticks.length}`, seq);
    }
    const needed = this.resendFrom ?? this.expected ?? seq;
    if (seq > needed) return this.early(seq, needed);
    if (seq < needed) return this.late(seq, ticks, needed);
    this.next(seq, ticks);
  }

  /** Something before it is missing: it failed, and comes again, or was never sent. */
  private early(seq: number, needed: number): void {
    if (this.resendFrom !== null) return this.refuse(seq, this.lastBusy);
    this.error('out_of_order', `Expected seq ${needed}, was ${seq}`, seq);
  }

  /** A repeat of what is stored, or still under way. */
  private late(seq: number, ticks: readonly unknown[], needed: number): void {
    if (this.identity?.holds(seq)) return this.answerAgain(seq, ticks);
    const first = this.pending.findLast((pending) => pending.seq === seq && pending.kind !== 'repeat');
    if (first !== undefined)
      return this.wait({ seq, kind: 'repeat', first, round: this.round, answer: null });
    this.error('out_of_order', `Expected seq ${needed}, was ${seq}, which is not known to be stored`, seq);
  }

  private next(seq: number, ticks: readonly unknown[]): void {
    if (this.expected === null) this.unacknowledged = seq;
    if (this.resendFrom !== null) {
      this.resendFrom = null;
      this.round++;
    }
    this.expected = seq + 1;
    if (this.identity?.holds(seq)) return this.answerAgain(seq, ticks);
    if (this.state === 'stopping') return this.refuse(seq, busy('stopping'));
    if (this.inFlight >= this.parts.batchesInFlightMax) return this.refuse(seq, busy('queue_full'));
    this.offer(seq, ticks);
  }

  private offer(seq: number, ticks: readonly unknown[]): void {
    const pending: Pending = { seq, kind: 'offered', round: this.round, answer: null };
    this.wait(pending);
    this.inFlight++;
    void this.parts.door.accept(this.batch(seq, ticks)).then((answer) => {
      this.inFlight--;
      pending.answer = answer;
      this.settle();
    });
  }

  private refuse(seq: number, answer: Busy): void {
    this.lastBusy = answer;
    this.resendFrom ??= seq;
    this.wait({ seq, kind: 'refused', round: this.round, answer });
    this.settle();
  }

  private answerAgain(seq: number, ticks: readonly unknown[]): void {
    const answer = this.parts.door.answerAgain(this.batch(seq, ticks));
    this.wait({ seq, kind: 'stored', round: this.round, answer });
    this.settle();
  }

  private wait(pending: Pending): void {
    this.pending.push(pending);
    this.holdOrRead();
  }

  /** Nobody is waited for who has gone. */
  private get isHeld(): boolean {
    return this.wire.full && this.state !== 'closed';
  }

  /** Reads on only while answers go out as fast as batches come in: else TCP holds the handler back. */
  private holdOrRead(): void {
    const { length } = this.pending;
    const waits = this.isHeld || length >= (this.paused ? PENDING_MAX / 2 : PENDING_MAX);
    if (waits === this.paused) return;
    this.paused = waits;
    if (waits) this.wire.pause();
    else this.wire.resume();
  }

  /** The handler has read on. */
  drained(): void {
    this.settle();
  }

  private batch(seq: number, ticks: readonly unknown[]): FeedBatch {
    this.identity ??= this.ownIdentity(seq);
    const { source, session } = this.identity;
    return { source, session, sequence: this.identity.sequence(seq), ticks };
  }

  private ownIdentity(first: number): FeedIdentity {
    this.own = this.parts.ownSessions.take();
    return new OwnIdentity(this.own, first);
  }

  /** Answers what can be answered, in the order of arrival. */
  private settle(): void {
    for (let next = this.pending[0]; next !== undefined && !this.isHeld; next = this.pending[0]) {
      const answer = next.first?.answer ?? next.answer;
      if (answer === null) break;
      this.pending.shift();
      if (answer.outcome === 'stored' && this.isNext(next)) this.acknowledge(next, answer);
      else this.sendBack(next);
    }
    this.holdOrRead();
    if (this.pending.length > 0) return;
    this.whenIdle?.();
    if (this.state === 'closed') this.leave();
  }

  /** Whether all before it are stored. Of a repeat, whether its first sending was. */
  private isNext({ seq, kind }: Pending): boolean {
    if (kind === 'stored') return true;
    return kind === 'repeat' ? seq < this.unacknowledged : seq <= this.unacknowledged;
  }

  private acknowledge({ seq, kind }: Pending, { accepted, rejected }: StoredAnswer): void {
    if (kind === 'repeat') this.parts.door.countRepeat();
    if (seq >= this.unacknowledged) {
      this.unacknowledged = seq + 1;
      this.identity?.store(seq);
    }
    this.reply({ op: 'ack', seq, accepted, rejected });
  }

  /** It failed, or stands behind one that did. What was sent before the handler went back is told nothing new. */
  private sendBack({ seq, round, answer }: Pending): void {
    if (answer?.outcome === 'busy') this.lastBusy = answer;
    if (round === this.round) this.resendFrom = this.unacknowledged;
    const { retryAfterMs, why } = this.lastBusy;
    this.reply({ op: 'busy', seq, resendFrom: this.unacknowledged, retryAfterMs, reason: why });
  }

  private fail(code: FeedErrorCode, message: string, seq?: number): void {
    this.error(code, message, seq);
    if (!FEED_ERRORS[code].fatal) return;
    this.wire.close(code);
    this.closed();
  }

  private error(code: FeedErrorCode, message: string, seq?: number): void {
    this.reply(seq === undefined ? { op: 'error', code, message } : { op: 'error', code, message, seq });
  }

  private reply(reply: FeedReply): void {
    if (this.state !== 'closed') this.wire.send(this.codec.encode(reply));
  }

  /** Takes no more batches. Resolves when those that were taken are answered. */
  stop(): Promise<void> {
    if (this.state === 'open') this.state = 'stopping';
    if (this.pending.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }

  goodbye(retryAfterMs: number): void {
    this.reply({ op: 'goodbye', reason: 'shutdown', retryAfterMs });
  }

  /** The socket is gone, or about to be. What is under way is still stored, and known as such to a next connection. */
  closed(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    // What waited for room on the wire is still known as stored to a next connection.
    this.settle();
    if (this.pending.length === 0) this.leave();
  }

  private leave(): void {
    if (this.own !== null) this.parts.ownSessions.giveBack(this.own);
    this.own = null;
  }
}

/** What a ping may carry to be told apart; anything else comes back as null. */
function pingId(id: unknown): unknown {
  if (typeof id === 'string') return id.slice(0, PING_ID_LENGTH_MAX);
  return typeof id === 'number' ? id : null;
}

function busy(why: BusyReason): Busy {
  return { outcome: 'busy', retryAfterMs: RETRY_MS, why };
}

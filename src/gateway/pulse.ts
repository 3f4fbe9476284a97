/**
 * The gateway's pulse, four times a second: lag probes out, late ones noticed, sessions that stay blocked sent away,
 * heartbeats. A client that stops reading is seen by its unanswered probe: the kernel's buffers hide about 4 MB from
 * `pendingBytes`.
 */
import type { Clock } from '../clock.js';
import { DIALECTS } from './dialects.js';
import { frameOf } from './frame-writer.js';
import type { Session } from './session.js';

export const PULSE_MS = 250;
const FIN_PING = 0x89;
/** Multiples of it fall evenly between whole numbers. */
const GOLDEN = 0.618_033_988_749_895;
/** Part of a probe's period that must lie between an answer and the next probe. */
const REST = 0.25;

export interface PulseLimits {
  readonly probeMs: number;
  readonly probeIdleMs: number;
  readonly blockedMsMax: number;
  readonly bufferedBytesMax: number;
  readonly authMs: number;
  readonly clientHeartbeatMs: number;
}

export interface PulseCounters {
  slowConsumers: number;
  /** Longest answered lag probe since the last scrape, ms. */
  probeLagMsMax: number;
}

export class Pulse {
  readonly counters: PulseCounters = { slowConsumers: 0, probeLagMsMax: 0 };
  private beat = 0;

  /**
   * @param feedTimeUs newest time of any tick, null before the first
   * @param drained a session is no longer blocked
   */
  constructor(
    private readonly sessions: readonly Session[],
    private readonly clock: Clock,
    private readonly limits: PulseLimits,
    private readonly feedTimeUs: () => number | null,
    private readonly hangUp: (session: Session, reason: 'slow_consumer' | 'unauthenticated') => void,
    private readonly drained: (session: Session) => void,
  ) {}

  /** One beat; `PULSE_MS` after the last. */
  run(): void {
    const nowMs = this.clock.monotonicMs();
    // Backwards: a session that is sent away leaves its place to the last one, which was seen already.
    for (let i = this.sessions.length - 1; i >= 0; i--) this.check(this.sessions[i]!, nowMs);
    this.heartbeats();
  }

  private check(session: Session, nowMs: number): void {
    if (session.closing) return;
    const isUnheard = session.messagesWaiting === 0 && nowMs - session.openedMs > this.limits.authMs;
    if (session.subject === null && isUnheard) {
      this.hangUp(session, 'unauthenticated');
      return;
    }
    this.probe(session, nowMs);
    if (!session.blocked) {
      session.blockedSinceMs = null;
      return;
    }
    const { pendingBytes } = session.socket;
    const moves = session.answerBytes > 0 && pendingBytes < session.pendingAtPulse;
    session.pendingAtPulse = pendingBytes;
    if (moves) session.blockedSinceMs = nowMs;
    session.blockedSinceMs ??= nowMs;
    const tooLong = nowMs - session.blockedSinceMs >= this.limits.blockedMsMax;
    const tooMuch = pendingBytes > this.limits.bufferedBytesMax + session.answerBytes;
    if (!tooLong && !tooMuch) return;
    this.counters.slowConsumers++;
    this.hangUp(session, 'slow_consumer');
  }

  private probe(session: Session, nowMs: number): void {
    if (session.probeSentMs !== null) {
      session.noteLag(nowMs);
      return;
    }
    const everyMs = session.sentSinceProbe ? this.limits.probeMs : this.limits.probeIdleMs;
    const dueMs = probeDue(session, everyMs);
    if (nowMs < dueMs) {
      // Behind the data of a flush it costs next to nothing; where none is sent until the next beat, it goes alone.
      if (session.sentSinceProbe && nowMs + PULSE_MS >= dueMs) session.probeDueMs = dueMs;
      return;
    }
    session.probed(nowMs);
    session.socket.ping(probePayload(nowMs));
  }

  /** The client answered a ping. Only the answer to the probe that is out counts. */
  pong(session: Session, payload: Uint8Array): void {
    if (session.probeSentMs === null || probeTime(payload) !== session.probeSentMs) return;
    const nowMs = this.clock.monotonicMs();
    this.counters.probeLagMsMax = Math.max(this.counters.probeLagMsMax, nowMs - session.probeSentMs);
    session.answered(nowMs);
    if (!session.probeLate) return;
    session.probeLate = false;
    if (session.blocked) return;
    session.blockedSinceMs = null;
    this.drained(session);
  }

  /** A share of the sessions per beat, so that each has one per clientHeartbeatMs and no beat is long. */
  private heartbeats(): void {
    const beats = Math.max(1, Math.round(this.limits.clientHeartbeatMs / PULSE_MS));
    this.beat = (this.beat + 1) % beats;
    const timeUs = this.clock.nowUs();
    const record = { type: 'heartbeat', timeUs, feedTimeUs: this.feedTimeUs() } as const;
    const frames = DIALECTS.map((dialect) => frameOf(dialect.control(record), dialect.binary));
    for (const session of this.sessions) {
      if (session.number % beats !== this.beat || session.closing) continue;
      const probed = session.sentSinceProbe;
      session.frame(frames[session.dialectAt]!);
      // A heartbeat is no data: an idle session is not probed more often for it.
      session.sentSinceProbe = probed;
    }
  }
}

/**
 * Each session has its own moment in the period: clients that connected together would otherwise answer together, in
 * the midst of a flush.
 */
function probeDue(session: Session, everyMs: number): number {
  const phaseMs = ((session.number * GOLDEN) % 1) * everyMs;
  const earliestMs = session.probedMs + everyMs * REST;
  return Math.ceil((earliestMs - phaseMs) / everyMs) * everyMs + phaseMs;
}

/** A whole ping frame that carries when it was sent. */
export function probeFrame(nowMs: number): Uint8Array {
  const frame = Buffer.allocUnsafe(10);
  frame[0] = FIN_PING;
  frame[1] = 8;
  frame.writeDoubleBE(nowMs, 2);
  return frame;
}

function probePayload(nowMs: number): Uint8Array {
  const payload = Buffer.allocUnsafe(8);
  payload.writeDoubleBE(nowMs);
  return payload;
}

function probeTime(payload: Uint8Array): number {
  return payload.length === 8 ? Buffer.from(payload).readDoubleBE() : Number.NaN;
}

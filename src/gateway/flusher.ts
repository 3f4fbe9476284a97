/**
 * When lanes flush, and in what pieces. The service-rate lane has no timer of its own: it goes as soon as the turn has
 * come in whole, and 3 ms after the first batch (or other cause) at the latest, so that all partitions of one turn
 * share a flush. A slower lane goes with the first flush at or after its due time, or by a timer when something waits
 * for it. The second half is done in slices, so that no flush holds the event loop; who is first rotates, so that
 * nobody is always last.
 */
import type { Clock } from '../clock.js';
import type { Lane } from './lane.js';
import type { Server } from './serve.js';
import type { Session } from './session.js';
import type { TradeLane } from './trade-lane.js';
import { TurnGather } from './turn-gather.js';

/** How a Flusher waits; tests drive it by hand. */
export interface FlushTimers {
  after(ms: number, run: () => void): void;
  /** Once the event loop has handled what is waiting. */
  soon(run: () => void): void;
}

export const nodeTimers: FlushTimers = {
  after: (ms, run) => {
    setTimeout(run, ms);
  },
  soon: (run) => {
    setImmediate(run);
  },
};

const GATHER_MS = 3;

/** How much of a flush is done before the event loop has its turn. */
export interface Slice {
  readonly ms: number;
  /** The clock is read every so many sessions: it costs as much as a small frame. */
  readonly sessionsPerCheck: number;
}

/** With the frames that are still to be handed over when the time is up, and what else waits, it is about 3 ms. */
export const SLICE: Slice = { ms: 2, sessionsPerCheck: 16 };

export class Flusher {
  /** Number of the running or last flush. */
  pass = 0;
  running = false;
  private readonly gather: TurnGather;
  private scheduled = false;
  /** When the scheduled flush begins at the latest, monotonic ms. */
  private dueMs = 0;
  private timerIsSet = false;
  private comesSoon = false;
  /** A cause came while a flush was running, which may not show it to everybody. */
  private again = false;
  private stopped = false;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private order: Session[] = [];
  private next = 0;
  private rotation = 0;
  /** `sliceMsMax`: the longest slice since the last scrape. */
  readonly counters = { flushes: 0, slices: 0, sliceMsMax: 0 };

  /**
   * @param lanes from the service's rate to the slowest
   * @param sessions all open sessions, in any order
   * @param speaks which dialects have sessions
   * @param flushed called when a flush has reached every session
   * @param partitions how many there are
   */
  constructor(
    private readonly lanes: readonly Lane[],
    private readonly trades: TradeLane,
    private readonly server: Server,
    private readonly sessions: readonly Session[],
    private readonly speaks: readonly boolean[],
    private readonly clock: Clock,
    private readonly timers: FlushTimers,
    private readonly sliceOf: Slice,
    private readonly flushed: (pass: number) => void,
    partitions: number,
  ) {
    this.gather = new TurnGather(partitions);
  }

  /** Something is to be flushed: a reload, a socket that drained, a command that left something behind. */
  cause(): void {
    if (this.running) this.again = true;
    else if (!this.scheduled) this.schedule();
  }

  /** A batch of a partition was applied. */
  batch(partition: number): void {
    const isFirst = !this.gather.hasBegun;
    this.gather.arrived(partition);
    if (this.running) this.again = true;
    // What else asked for a flush waits for the turn: one that began in its midst would show it in two halves.
    else if (!this.scheduled || isFirst) this.schedule();
    else if (this.gather.isWhole) this.comeSoon();
  }

  private schedule(): void {
    if (this.stopped) return;
    this.scheduled = true;
    this.dueMs = this.clock.monotonicMs() + GATHER_MS;
    if (this.gather.isWhole) this.comeSoon();
    else this.setTimer();
  }

  private setTimer(): void {
    if (this.timerIsSet) return;
    this.timerIsSet = true;
    const { dueMs } = this;
    this.timers.after(Math.max(0, dueMs - this.clock.monotonicMs()), () => {
      this.timerIsSet = false;
      if (!this.scheduled || this.comesSoon) return;
      // It was set for a flush that went before it, or for a cause that came before the turn.
      if (dueMs < this.dueMs) this.setTimer();
      else this.comeSoon();
    });
  }

  /** What already lies in our sockets is read first: a late timer would begin in the midst of a turn. */
  private comeSoon(): void {
    if (this.comesSoon || this.stopped) return;
    this.comesSoon = true;
    this.timers.soon(() => this.begin());
  }

  /** Makes every lane go with the next flush, whatever its rate, and asks for that flush. */
  causeAll(): void {
    for (const lane of this.lanes) lane.flushedAtMs = Number.NEGATIVE_INFINITY;
    this.cause();
  }

  /** No further flush begins. */
  stop(): void {
    this.stopped = true;
  }

  /** Gives a session its share of the running flush now, before a command changes what it follows. */
  serveFirst(session: Session): void {
    if (!this.running || session.servedPass === this.pass) return;
    this.server.begin(this.clock.monotonicMs());
    this.server.serve(session, this.pass);
    this.server.send();
  }

  private begin(): void {
    this.scheduled = false;
    this.comesSoon = false;
    if (this.stopped || this.running) return;
    this.gather.next();
    const nowMs = this.clock.monotonicMs();
    this.pass++;
    this.running = true;
    this.counters.flushes++;
    this.server.unfinished = false;
    this.again = false;
    for (const lane of this.lanes) if (this.isDue(lane, nowMs)) lane.flush(this.pass, nowMs, this.speaks);
    this.trades.flush(this.pass, this.speaks);
    this.snapshot();
    this.slice(nowMs);
  }

  private isDue(lane: Lane, nowMs: number): boolean {
    if (lane.rung.index === 0) return true;
    return lane.flushedAtMs + lane.rung.intervalMs <= nowMs && hasWork(lane);
  }

  /** The sessions of now, beginning with another one each time. Later ones have no share in this flush. */
  private snapshot(): void {
    const { sessions, order } = this;
    const count = sessions.length;
    this.rotation = count === 0 ? 0 : (this.rotation + 1) % count;
    order.length = count;
    for (let i = 0; i < count; i++) order[i] = sessions[(i + this.rotation) % count]!;
    this.next = 0;
  }

  /** @param startMs when the event loop had its turn; the first slice includes what came before it */
  private slice(startMs: number): void {
    const { order, server, clock } = this;
    server.begin(startMs);
    this.counters.slices++;
    while (this.next < order.length) {
      const session = order[this.next++]!;
      if (session.servedPass !== this.pass) server.serve(session, this.pass);
      if (this.next % this.sliceOf.sessionsPerCheck !== 0) continue;
      const spentMs = clock.monotonicMs() - startMs;
      if (spentMs < this.sliceOf.ms || this.next === order.length) continue;
      server.send();
      this.counters.sliceMsMax = Math.max(this.counters.sliceMsMax, spentMs);
      this.timers.soon(() => this.slice(clock.monotonicMs()));
      return;
    }
    server.send();
    this.end();
  }

  private end(): void {
    this.running = false;
    this.order.length = 0;
    this.flushed(this.pass);
    const rest = this.server.unfinished || this.lanes[0]!.hasFlushable || this.trades.hasFlushable;
    if (this.again || rest) this.cause();
    this.awaitSlowerLanes();
  }

  /** Sets the timer for the first slower lane that has something to do. */
  private awaitSlowerLanes(): void {
    const nowMs = this.clock.monotonicMs();
    let firstMs = Number.POSITIVE_INFINITY;
    for (const lane of this.lanes) {
      if (lane.rung.index === 0 || !hasWork(lane)) continue;
      firstMs = Math.min(firstMs, Math.max(lane.flushedAtMs + lane.rung.intervalMs, nowMs + GATHER_MS));
    }
    if (firstMs >= this.timerAtMs || this.stopped) return;
    this.timerAtMs = firstMs;
    this.timers.after(firstMs - nowMs, () => {
      this.timerAtMs = Number.POSITIVE_INFINITY;
      this.cause();
    });
  }
}

function hasWork(lane: Lane): boolean {
  return lane.hasFlushable || lane.behind > 0;
}

/**
 * The appends of one partition: one in flight, repeated until it is answered, groups in the order of their offers. What
 * fails takes everything behind it along, because a mark that rose past a failed group would drop its resend.
 */
import type { Clock } from '../clock.js';
import type { LiveLog } from './live-log.js';
import type { Timers } from './live-timers.js';
import { joinGroups } from './log-entry.js';
import type { LogTail } from './log-tail.js';
import type { Offer } from './offer-order.js';
import type { AppendAnswer, TickLog } from './tick-log.js';
import type { BusyReason } from './tick-log-writer.js';
import type { WriterCounters } from './writer-counters.js';

/** Between two sendings of an append that was not answered, and of a tail that the log has no room for. */
const RETRY_MS = 50;
/** An offer is answered busy when it waited for so long: its sender can wait as well as we can. A stop takes as long. */
const ANSWER_MS_MAX = 5_000;
/** Entries in one append: 1 MiB at the default size. */
const ENTRIES_MAX = 16;
/**
 * On another run nothing of a session that came here from another process is appended for so long: that one must have
 * appended its tail first, or the mark rises past it. As long as a lease: living processes come first.
 */
const MOVED_HOLD_MS = 3_000;
/** Sessions known to be stored; beyond, the store is asked again. */
const KNOWN_MARKS_MAX = 20_000;

export interface QueuedGroup {
  /** log-entry.ts */
  readonly bytes: Uint8Array;
  /** `mark:…` field of its session. */
  readonly mark: string;
  readonly offer: Offer;
  /** What its session had acknowledged before may be in the tail of another process alone. */
  readonly moved: boolean;
  /** Monotonic. */
  readonly sinceMs: number;
}

export interface AppendsWorld {
  readonly log: TickLog;
  readonly entryBytesMax: number;
  readonly counters: WriterCounters;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly rareLog: LiveLog;
}

export class PartitionAppends {
  /** The newest append or look was not answered. */
  isUnavailable = false;
  private queue: QueuedGroup[] = [];
  private flight: QueuedGroup[] = [];
  /** Tail entries to append again before anything new. */
  private again: readonly Uint8Array[] = [];
  private run = '';
  private movedFromMs = Number.NEGATIVE_INFINITY;
  private runCheckDue = false;
  private pumping: Promise<void> | undefined;
  /** Whether `pump` was called since work was last looked for. */
  private asked = false;
  /** When a stop gives up a tail. */
  private tailUntilMs = Number.POSITIVE_INFINITY;
  private readonly knownMarks = new Set<string>();

  constructor(
    private readonly partition: number,
    private readonly world: AppendsWorld,
    private readonly tail: LogTail,
  ) {}

  /** Waits for `pump`. */
  push(group: QueuedGroup): void {
    this.queue.push(group);
    this.world.counters.queueBytes += group.bytes.length;
  }

  /** The connection broke. */
  lost(): void {
    this.tail.dropOld(this.world.clock.monotonicMs());
    // It may come back on another run.
    this.runCheckDue = !this.tail.isEmpty;
  }

  /** The connection came back: if on another run, what was acknowledged is appended again. */
  checkRun(): void {
    if (this.tail.isEmpty) return;
    this.runCheckDue = true;
    this.pump();
  }

  /** Appends what waits. Begins at once, in the caller's turn. */
  pump(): void {
    this.asked = true;
    this.pumping ??= this.pumpAll().finally(() => {
      this.pumping = undefined;
      // Pumped after the last look: that call found this running still. What was only pushed waits for its own.
      if (this.asked && this.hasWork()) this.pump();
    });
  }

  /** Resolves when every offer is answered, and the store has what it lost; after 5 s the rest is left, and counted. */
  async stop(): Promise<void> {
    const { clock, counters, rareLog } = this.world;
    this.tailUntilMs = clock.monotonicMs() + ANSWER_MS_MAX;
    while (this.pumping !== undefined) await this.pumping;
    const entries = this.runCheckDue ? this.tail.all().length : this.again.length;
    if (entries === 0) return;
    counters.tailEntriesLeft += entries;
    rareLog.warn('tail not appended again', { partition: this.partition, entries });
  }

  private async pumpAll(): Promise<void> {
    while (this.hasWork()) {
      this.asked = false;
      if (this.again.length > 0) await this.appendAgain();
      else if (this.runCheckDue) await this.look();
      else await this.appendNew();
    }
  }

  private hasWork(): boolean {
    if (this.queue.length > 0 || this.flight.length > 0) return true;
    if (this.again.length === 0 && !this.runCheckDue) return false;
    return this.world.clock.monotonicMs() <= this.tailUntilMs;
  }

  private async look(): Promise<void> {
    const answer = await this.append([], []);
    if (answer !== undefined) this.runCheckDue = false;
    if (answer?.kind === 'run') this.meetRun(answer.run);
  }

  private async appendAgain(): Promise<void> {
    const some = this.again.slice(0, ENTRIES_MAX);
    const answer = await this.append(some, [], true);
    if (answer?.kind === 'run') {
      this.meetRun(answer.run);
    } else if (answer?.kind === 'stored') {
      this.world.counters.entriesAgain += some.length;
      this.again = this.again.slice(some.length);
    } else if (answer?.kind === 'full') {
      await this.pause('log_full');
    }
  }

  private async appendNew(): Promise<void> {
    if (this.world.clock.monotonicMs() < this.movedFromMs) this.failMoved();
    if (this.flight.length === 0 && this.queue.length === 0) return;
    if (this.flight.length === 0) this.flight = this.takeFlight();
    const entries = this.entriesOf(this.flight);
    const marks = new Set<string>();
    for (const { mark } of this.flight) if (!this.knownMarks.has(mark)) marks.add(mark);
    const answer = await this.append(entries, [...marks]);
    switch (answer?.kind) {
      case 'stored':
        this.stored(entries, marks);
        return;
      case 'full':
        this.fail('log_full');
        return;
      case 'sessions_full': {
        const refused = new Set(answer.marks);
        this.fail('sessions_full', ({ mark }) => refused.has(mark));
        return;
      }
      case 'run':
        this.meetRun(answer.run);
        return;
    }
  }

  /** As many groups as fit an append. */
  private takeFlight(): QueuedGroup[] {
    const bytesMax = ENTRIES_MAX * this.world.entryBytesMax;
    let count = 0;
    let bytes = 0;
    while (
      count < this.queue.length &&
      (count === 0 || bytes + this.queue[count]!.bytes.length <= bytesMax)
    ) {
      bytes += this.queue[count]!.bytes.length;
      count++;
    }
    return this.queue.splice(0, count);
  }

  /** Groups side by side, a new entry where the next would not fit; a group is never split. */
  private entriesOf(groups: readonly QueuedGroup[]): Uint8Array[] {
    const entries: Uint8Array[] = [];
    let entry: Uint8Array[] = [];
    let bytes = 0;
    for (const group of groups) {
      if (entry.length > 0 && bytes + group.bytes.length > this.world.entryBytesMax) {
        entries.push(joinGroups(entry));
        entry = [];
        bytes = 0;
      }
      entry.push(group.bytes);
      bytes += group.bytes.length;
    }
    if (entry.length > 0) entries.push(joinGroups(entry));
    return entries;
  }

  /** @returns undefined when it was not answered, after a pause */
  private async append(
    entries: readonly Uint8Array[],
    newMarks: readonly string[],
    isTail = false,
  ): Promise<AppendAnswer | undefined> {
    const { log, rareLog, counters } = this.world;
    counters.appends++;
    try {
      const answer = await log.append(this.partition, { run: this.run, entries, newMarks, isTail });
      this.isUnavailable = false;
      return answer;
    } catch (error) {
      this.isUnavailable = true;
      rareLog.warn('append not answered', { partition: this.partition, error: String(error) });
      await this.pause('store_unavailable');
      return undefined;
    }
  }

  private async pause(why: BusyReason): Promise<void> {
    await new Promise<void>((resolve) => this.world.timers.after(RETRY_MS, resolve));
    const oldest = this.flight[0] ?? this.queue[0];
    if (oldest === undefined) return;
    if (this.world.clock.monotonicMs() - oldest.sinceMs > ANSWER_MS_MAX) this.fail(why);
  }

  private stored(entries: readonly Uint8Array[], marks: ReadonlySet<string>): void {
    const { clock, counters } = this.world;
    for (const entry of entries) {
      counters.entries++;
      counters.entryBytes += entry.length;
      this.tail.add(entry, clock.monotonicMs());
    }
    if (this.knownMarks.size > KNOWN_MARKS_MAX) this.knownMarks.clear();
    for (const mark of marks) this.knownMarks.add(mark);
    const groups = this.flight;
    this.flight = [];
    this.leaveQueue(groups);
    for (const { offer } of groups) offer.stored();
  }

  private meetRun(run: string): void {
    // The first run that is heard of has lost nothing of this process.
    if (this.run !== '') {
      this.again = this.tail.all();
      this.movedFromMs = this.world.clock.monotonicMs() + MOVED_HOLD_MS;
    }
    this.run = run;
  }

  /** All of their sessions: what was taken behind a group that fails must not be appended, or the mark rises past it. */
  private failMoved(): void {
    const marks = new Set<string>();
    for (const { moved, mark } of [...this.flight, ...this.queue]) if (moved) marks.add(mark);
    if (marks.size > 0) this.fail('store_unavailable', ({ mark }) => marks.has(mark));
  }

  /** @param isRefused of the groups that wait, those that fail; left out: all */
  private fail(why: BusyReason, isRefused: (group: QueuedGroup) => boolean = () => true): void {
    const refused = [...this.flight.filter(isRefused), ...this.queue.filter(isRefused)];
    this.flight = this.flight.filter((group) => !isRefused(group));
    this.queue = this.queue.filter((group) => !isRefused(group));
    this.leaveQueue(refused);
    for (const { offer } of refused) offer.failed(why);
  }

  private leaveQueue(groups: readonly QueuedGroup[]): void {
    for (const { bytes } of groups) this.world.counters.queueBytes -= bytes.length;
  }
}

/**
 * One partition in the hands of its owner: what was read becomes one batch, and one commit at a time is in flight until
 * it is answered. The owner makes epoch and numbers; the store only checks them, and its answers say what to do.
 *
 * The way of a turn: read → apply (perhaps several times) → close → send.
 */
import { MsgpackError } from '#wire';
import type { EpochReason } from './fanout-counters.js';
import { LogEntryDecoder } from './log-entry.js';
import type { OwnerWorld } from './owner-world.js';
import { type OwnedState, PartitionNumbering } from './partition-numbering.js';
import type { Commit, CommitAnswer, LogEntry } from './partition-store.js';

/** Between two sendings of a commit that was not answered. */
const RETRY_MS = 50;
/** What one batch takes from the log, passed by one read at most: the rest goes with the next turn. */
const BATCH_INPUT_BYTES_MAX = 1_048_576;
/** How long a partition that is given back waits for its last answer. */
const RELEASE_MS_MAX = 2_000;

export type PartitionLoss = 'fenced' | 'old_epoch' | 'given_up';

const decoder = new LogEntryDecoder();

export class OwnedPartition {
  /** The last read ended before the log did, or what it brought waits for the next turn. */
  hasMore = false;
  /** The turn in which this partition last had its share: the longest ago comes first in the next one. */
  servedInTurn = 0;
  private state: 'idle' | 'reading' | 'committing' | 'lost' = 'idle';
  private releasing = false;
  private readonly numbering: PartitionNumbering;
  /** Read in this turn and not applied yet. */
  private entries: readonly LogEntry[] = [];
  private entriesApplied = 0;
  private bytesApplied = 0;
  /** Where the log is read from; null: from the offset in the store, dropping what was applied already. */
  private offset: string | null = null;
  /** Sent again, as it is, until it is answered. */
  private flight: Commit | undefined;
  private sending: Promise<void> = Promise.resolve();
  /** When the store last answered that this owner's position stands; monotonic. */
  saidMs = Number.NEGATIVE_INFINITY;

  /** @param lost is told, once, that the partition is no longer owned */
  constructor(
    readonly partition: number,
    private readonly world: OwnerWorld,
    private readonly owned: OwnedState,
    private readonly lost: (why: PartitionLoss) => void,
  ) {
    this.numbering = new PartitionNumbering(partition, world, owned);
  }

  get epoch(): number {
    return this.numbering.position.epoch;
  }

  get number(): number {
    return this.numbering.position.number;
  }

  /** Ready for a turn: nothing is in flight. */
  get idle(): boolean {
    return this.state === 'idle' && !this.releasing;
  }

  /** The batch in the making may read on: the log has more, and there is room for it. */
  get mayReadOn(): boolean {
    return this.hasMore && this.bytesApplied < BATCH_INPUT_BYTES_MAX;
  }

  /** Something was read that is not applied yet. */
  get hasRead(): boolean {
    return this.entries.length > 0;
  }

  /** Resolves when nothing is in flight. */
  get settled(): Promise<void> {
    return this.sending;
  }

  /** Reads the log once. Never rejects: what could not be read is read by a later turn. */
  async read(): Promise<void> {
    const { store, rareLog } = this.world;
    this.state = 'reading';
    this.discard();
    try {
      const read = await store.readLog(this.partition, this.numbering.position.run, this.offset);
      if (read.kind === 'run') {
        this.meetRun(read.run);
        return;
      }
      this.entries = read.entries;
      this.hasMore = read.more;
    } catch (error) {
      rareLog.warn('log not read', { partition: this.partition, error: String(error) });
    }
  }

  /** Highest sid among the entries read. */
  sidMax(): number {
    let sidMax = 0;
    for (const { bytes } of this.entries) {
      try {
        sidMax = Math.max(sidMax, decoder.sidMax(bytes));
      } catch (error) {
        // Counted when it is applied.
        if (!(error instanceof MsgpackError)) throw error;
      }
    }
    return sidMax;
  }

  /** What was read is read again by the next turn. */
  discard(): void {
    this.entries = [];
    this.hasMore = false;
  }

  /** The turn has no time left for what was read: the next one follows at once. */
  postpone(): void {
    this.entries = [];
    this.hasMore = true;
  }

  /** Applies what was read. */
  apply(): void {
    const { clock, counters, log } = this.world;
    const nowS = Math.floor(clock.nowUs() / 1_000_000);
    const visitor = this.owned.images.beginApply(this.owned.marks, clock.monotonicMs(), nowS);
    for (const { id, bytes } of this.entries) {
      this.bytesApplied += bytes.length;
      try {
        decoder.decode(bytes, visitor);
      } catch (error) {
        if (!(error instanceof MsgpackError)) throw error;
        counters.undecodableEntries++;
        log.error({ partition: this.partition, id, error: error.message }, 'log entry unreadable');
      }
    }
    this.entriesApplied += this.entries.length;
    const last = this.entries.at(-1);
    if (last !== undefined) this.offset = last.id;
    this.entries = [];
  }

  /** Ends the turn. A partition from which entries were read commits, even if nothing in it changed. */
  close(): void {
    if (this.state !== 'reading') return;
    this.state = 'idle';
    if (this.entriesApplied > 0) this.flight = this.numbering.nextBatch(this.offset);
    else if (this.isHeartbeatDue()) this.flight = this.numbering.heartbeat();
    this.entriesApplied = 0;
    this.bytesApplied = 0;
  }

  /** Sends what is in flight, until it is answered. */
  send(): void {
    if (this.flight === undefined || this.state !== 'idle') return;
    this.state = 'committing';
    this.sending = this.sendUntilAnswered();
  }

  /** An idle partition says its position, whatever the interval of the turns. */
  beat(): void {
    if (!this.idle || !this.isHeartbeatDue()) return;
    this.flight = this.numbering.heartbeat();
    this.send();
  }

  /** Begins the numbering anew, before the first turn. */
  beginAnew(reason: EpochReason): void {
    this.flight = this.numbering.beginEpoch(reason);
    this.send();
  }

  /** The connection came back: the store may have taken back what it had answered. */
  disturb(): void {
    this.offset = null;
    // Nor is it known whether the checkpoint up to which the tape would be trimmed is still there.
    if (this.flight !== undefined) this.flight = { ...this.flight, offset: null, tapeKeepFrom: null };
  }

  /** A fault of ours stopped it half-way: the log still has what was read, and the lease runs out. */
  abandon(): void {
    this.leave('given_up');
  }

  /** Gives the partition back with its last checkpoint. Its turn, if any, has ended. */
  async release(): Promise<void> {
    this.releasing = true;
    await this.settledOrLate();
    if (this.state === 'lost') return;
    const { store, log } = this.world;
    const { position } = this.numbering;
    const isAnswered = this.flight === undefined;
    const checkpoint = position.number > 0 ? this.numbering.lastCheckpoint() : null;
    this.leave('given_up');
    if (!isAnswered) return;
    try {
      const answer = await store.release(this.partition, position, checkpoint);
      log.debug({ partition: this.partition, number: position.number, answer }, 'partition given back');
    } catch (error) {
      log.warn({ partition: this.partition, error: String(error) }, 'partition left to its lease');
    }
  }

  /** Resolves when nothing is in flight, or after two seconds of a store that does not answer. */
  async settledOrLate(): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.world.timers.after(RELEASE_MS_MAX, resolve);
    });
    await Promise.race([this.sending, late]);
    cancel();
  }

  private async sendUntilAnswered(): Promise<void> {
    while (this.flight !== undefined) {
      const answer = await this.ask(this.flight);
      // Whoever gave up meanwhile has taken the flight away.
      const refilling = this.flight === undefined ? undefined : this.obey(answer, this.flight);
      if (refilling !== undefined) await refilling;
    }
    if (this.state === 'committing') this.state = 'idle';
  }

  /** @returns undefined when the store did not answer, after a pause */
  private async ask(commit: Commit): Promise<CommitAnswer | undefined> {
    const { store, counters, rareLog, timers } = this.world;
    try {
      const answer = await store.commit(this.partition, commit);
      counters.answers[answer.kind]++;
      return answer;
    } catch (error) {
      counters.answers.unavailable++;
      rareLog.warn('commit not answered', { partition: this.partition, error: String(error) });
      await new Promise<void>((resolve) => timers.after(RETRY_MS, resolve));
      return undefined;
    }
  }

  /** @returns what has to be waited for, if anything */
  private obey(answer: CommitAnswer | undefined, commit: Commit): Promise<void> | undefined {
    switch (answer?.kind) {
      case undefined:
        return undefined;
      case 'stored':
      case 'repeated':
        this.flight = undefined;
        this.saidMs = this.world.clock.monotonicMs();
        this.numbering.stored(commit, this.saidMs);
        return undefined;
      case 'fenced':
      case 'old_epoch':
        this.leave(answer.kind);
        return undefined;
      case 'run':
        this.meetRun(answer.run);
        return undefined;
      case 'gap':
        return this.refill(answer.number);
      case 'meta_lost':
        this.numbering.countLost(null);
        this.beginEpoch('meta_lost');
        return undefined;
      case 'refused':
        this.beginEpoch('refused', answer.lastEpoch);
        return undefined;
    }
  }

  /** The store has lost what came after `number`: it gets it back from the ring, or a new epoch. */
  private async refill(number: number): Promise<void> {
    this.disturb();
    this.numbering.doubtCheckpoint();
    const missing = this.numbering.missingAfter(number);
    if (missing === undefined) {
      this.numbering.countLost(number);
      this.beginEpoch('gap');
      return;
    }
    for (const batch of missing) {
      const answer = await this.ask(this.numbering.refill(batch));
      if (this.flight === undefined || answer === undefined || answer.kind === 'gap') return;
      if (answer.kind !== 'stored' && answer.kind !== 'repeated') {
        await this.obey(answer, this.flight);
        return;
      }
      if (answer.kind === 'stored') this.world.counters.refilled++;
    }
  }

  private beginEpoch(reason: EpochReason, above = 0): void {
    this.disturb();
    this.flight = this.numbering.beginEpoch(reason, above);
  }

  private meetRun(run: string): void {
    this.numbering.meetRun(run);
    this.disturb();
    if (this.flight !== undefined) this.flight = { ...this.flight, run };
  }

  private isHeartbeatDue(): boolean {
    return this.world.clock.monotonicMs() - this.saidMs >= this.world.settings.heartbeatMs;
  }

  private leave(why: PartitionLoss): void {
    if (this.state === 'lost') return;
    this.state = 'lost';
    this.flight = undefined;
    this.numbering.end();
    this.lost(why);
  }
}

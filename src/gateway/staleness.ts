/**
 * Stale is said, never guessed. A partition that fell silent is told to every session that follows one of its
 * symbols; `fresh` follows when it was heard again and the flush that shows it has reached the session. What several
 * partitions have to say in one turn is told together.
 */
import type { Instrument } from '#market-data';
import type { StaleReason } from '../fanout/image-sink.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { FlushTimers } from './flusher.js';
import type { Session } from './session.js';
import type { TradeLane } from './trade-lane.js';

interface Silence {
  readonly sinceUs: number;
  readonly reason: StaleReason;
}

export class Staleness {
  private readonly silences = new Map<number, Silence>();
  /** Partitions that fell silent and have not been told yet. */
  private untold: number[] = [];
  /** The first flush that shows what a partition brought after its last silence. */
  private readonly shownFrom = new Map<number, number>();

  constructor(
    private readonly registry: SymbolRegistry,
    private readonly partitions: number,
    private readonly sessions: readonly Session[],
    private readonly trades: TradeLane,
    private readonly timers: Pick<FlushTimers, 'soon'>,
  ) {}

  /** How many partitions are silent now. */
  get silent(): number {
    return this.silences.size;
  }

  fellSilent(partition: number, silence: Silence): void {
    if (this.silences.has(partition)) return;
    this.silences.set(partition, silence);
    this.untold.push(partition);
    if (this.untold.length === 1) this.timers.soon(() => this.tell());
  }

  /**
   * Whether this ends a silence: then a flush has to show it, and `flushed` tells it.
   * @param pass the running or last flush, which does not show it yet
   */
  heard(partition: number, pass: number): boolean {
    // What is read first after this process stood still waited in buffers meanwhile: it proves nothing about the time
    // in which old prices stood on the screens.
    const isStuck = this.silences.get(partition)?.reason === 'gateway_stuck';
    if (isStuck && this.untold.includes(partition)) this.tell();
    this.untold = this.untold.filter((other) => other !== partition);
    if (!this.silences.delete(partition)) return false;
    this.shownFrom.set(partition, pass + 1);
    return true;
  }

  /** This flush has reached every session: those to which nothing is due any more see what is fresh again. */
  flushed(pass: number): void {
    for (const session of this.sessions) {
      if (session.stalePartitions.size > 0 && !session.blocked && !this.owes(session))
        this.tellFresh(session, pass);
    }
  }

  /** Whether something is due to a session. Not so what nobody has: a symbol switched off, or without any state. */
  private owes(session: Session): boolean {
    for (const { lane, since, exceptions } of session.memberships) {
      if (since > 0) return true;
      for (const [sid, sent] of exceptions ?? []) if (lane.standing(sid, sent) === 'image') return true;
    }
    for (const [sid, sent] of session.tradesBehind) if (this.trades.owes(sid, sent)) return true;
    return false;
  }

  /** A session has subscribed: it is told, after `subscribed`, what of its symbols is stale. */
  tellJoined(session: Session, instruments: Iterable<Instrument>): void {
    if (this.silences.size === 0) return;
    const joined = new Set<number>();
    for (const { sid } of instruments) joined.add(this.registry.partition(sid));
    this.tellSession(
      session,
      [...joined].filter((partition) => this.silences.has(partition)),
    );
  }

  private tell(): void {
    const partitions = this.untold;
    this.untold = [];
    if (partitions.length === 0) return;
    for (const session of this.sessions) {
      const news = partitions.filter((partition) => !session.stalePartitions.has(partition));
      this.tellSession(session, news);
    }
  }

  private tellSession(session: Session, partitions: readonly number[]): void {
    if (partitions.length === 0 || !session.followsAny) return;
    const all = this.silences.size === this.partitions;
    const sids = all ? null : this.sidsOf(session, new Set(partitions));
    if (sids !== null && sids.length === 0) return;
    const silent = all
      ? [...this.silences.values()]
      : partitions.map((partition) => this.silences.get(partition)!);
    const { sinceUs, reason } = earliest(silent);
    for (const partition of all ? this.silences.keys() : partitions) session.stalePartitions.add(partition);
    for (const some of chunks(sids)) session.control({ type: 'stale', sids: some, sinceUs, reason });
  }

  private tellFresh(session: Session, pass: number): void {
    const isShown = (partition: number) =>
      !this.silences.has(partition) && (this.shownFrom.get(partition) ?? 0) <= pass;
    const fresh = new Set([...session.stalePartitions].filter(isShown));
    if (fresh.size === 0) return;
    const everything = fresh.size === session.stalePartitions.size && this.silences.size === 0;
    for (const partition of fresh) session.stalePartitions.delete(partition);
    const sids = everything ? null : this.sidsOf(session, fresh);
    for (const some of chunks(sids)) session.control({ type: 'fresh', sids: some });
  }

  /** Symbols of these partitions that a session follows. */
  private sidsOf(session: Session, partitions: ReadonlySet<number>): number[] {
    const sids = new Set<number>();
    const consider = (sid: number) => {
      if (partitions.has(this.registry.partition(sid))) sids.add(sid);
    };
    for (const { cohort } of session.memberships) cohort.sids.forEach(consider);
    session.tradesFollowed.forEach(consider);
    return [...sids].sort((a, b) => a - b);
  }
}

/** A record of more sids than this would pass 64 KiB in JSON. */
const SIDS_PER_RECORD = 8_000;

/** Records are cut; null (all) is one, nothing is none. */
function chunks(sids: readonly number[] | null): readonly (readonly number[] | null)[] {
  if (sids === null) return [null];
  const all: (readonly number[])[] = [];
  for (let at = 0; at < sids.length; at += SIDS_PER_RECORD) all.push(sids.slice(at, at + SIDS_PER_RECORD));
  return all;
}

function earliest(silences: readonly Silence[]): Silence {
  return silences.reduce((first, silence) => (silence.sinceUs < first.sinceUs ? silence : first));
}

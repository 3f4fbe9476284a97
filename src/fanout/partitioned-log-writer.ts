/**
 * The feed's door into the fan-out: splits what is offered by partition, gathers for a few milliseconds, appends, and
 * answers when every partition has stored its part.
 */
import type { Tick, TickGroup } from '#market-data';
import type { Clock } from '../clock.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { KeepBudget } from './keep-budget.js';
import type { LiveLog } from './live-log.js';
import type { Timers } from './live-timers.js';
import { GroupEncoder } from './log-entry.js';
import { LogTail } from './log-tail.js';
import { OfferOrder, type OfferPlace, type OfferPlaces } from './offer-order.js';
import { PartitionAppends } from './partition-appends.js';
import { markField } from './session-marks.js';
import { SessionMoves } from './session-moves.js';
import type { TickLog } from './tick-log.js';
import type { BusyReason, OfferAnswer, TickLogWriter } from './tick-log-writer.js';
import { WriterCounters } from './writer-counters.js';

export interface LogWriterSettings {
  readonly partitions: number;
  readonly gatherMs: number;
  readonly entryBytesMax: number;
  /** Ticks that wait for their append; beyond: busy. */
  readonly queueBytesMax: number;
  /** Acknowledged entries that are kept for another run of the store. */
  readonly tailMs: number;
  readonly tailBytesMax: number;
}

interface Part {
  readonly partition: number;
  readonly bytes: Uint8Array;
  readonly mark: string;
}

export class PartitionedLogWriter implements TickLogWriter {
  readonly counters = new WriterCounters();
  private readonly appends: PartitionAppends[] = [];
  private readonly encoder = new GroupEncoder();
  private readonly order = new OfferOrder((answer) => this.count(answer));
  private readonly moves = new SessionMoves();
  private readonly endWatch: () => void;
  private cancelFlush: (() => void) | undefined;
  private stopping = false;

  constructor(
    private readonly log: TickLog,
    private readonly registry: SymbolRegistry,
    private readonly settings: LogWriterSettings,
    private readonly clock: Clock,
    private readonly timers: Timers,
    rareLog: LiveLog,
  ) {
    const { counters } = this;
    const { entryBytesMax, tailMs, tailBytesMax } = settings;
    const world = { log, entryBytesMax, counters, clock, timers, rareLog };
    const budget = new KeepBudget(tailBytesMax, () => {
      counters.tailEntriesCut++;
    });
    for (let partition = 0; partition < settings.partitions; partition++)
      this.appends.push(new PartitionAppends(partition, world, new LogTail(tailMs, budget)));
    this.endWatch = log.watch({
      lost: () => this.forEachPartition((appends) => appends.lost()),
      back: () => log.together(() => this.forEachPartition((appends) => appends.checkRun())),
    });
  }

  offer(groups: readonly TickGroup[]): Promise<OfferAnswer> {
    const [first, ...further] = groups;
    if (first === undefined) return Promise.resolve({ outcome: 'stored' });
    const session = markField(first.source, first.session);
    const places: OfferPlaces = [placeOf(first), ...further.map(placeOf)];
    const refusal = this.stopping ? 'stopping' : this.order.refusal(session, places);
    if (refusal !== undefined) return this.order.refuse(session, places, refusal);
    const parts = this.split(groups);
    const why = parts === undefined ? 'store_unavailable' : this.noRoomFor(parts);
    if (parts === undefined || why !== undefined)
      return this.order.refuse(session, places, why ?? 'store_unavailable');
    return this.enqueue(session, places, parts);
  }

  /** @returns undefined where a sid is of no partition: the registry forgot it after the tick was taken */
  private split(groups: readonly TickGroup[]): Part[] | undefined {
    const parts: Part[] = [];
    for (const group of groups) {
      const ticksByPartition = new Map<number, Tick[]>();
      for (const tick of group.ticks) {
        const partition = this.registry.partition(tick.sid);
        const ticks = ticksByPartition.get(partition);
        if (ticks === undefined) ticksByPartition.set(partition, [tick]);
        else ticks.push(tick);
      }
      if (ticksByPartition.has(-1)) return undefined;
      const mark = markField(group.source, group.session);
      for (const [partition, ticks] of ticksByPartition)
        parts.push({ partition, bytes: this.encoder.encode(group, ticks), mark });
    }
    return parts;
  }

  private noRoomFor(parts: readonly Part[]): BusyReason | undefined {
    let { queueBytes } = this.counters;
    // What is larger than the limit would else be refused for ever; the offers of the feed side are bounded themselves.
    if (queueBytes === 0) return undefined;
    for (const { bytes } of parts) queueBytes += bytes.length;
    if (queueBytes <= this.settings.queueBytesMax) return undefined;
    const isUnavailable = this.appends.some((appends) => appends.isUnavailable);
    return isUnavailable ? 'store_unavailable' : 'queue_full';
  }

  private enqueue(session: string, places: OfferPlaces, parts: readonly Part[]): Promise<OfferAnswer> {
    const offer = this.order.take(session, places, parts.length);
    const last = places[places.length - 1]!.sequence;
    const moved = this.moves.offered(session, places[0].sequence, last);
    void offer.answer.then(({ outcome }) => {
      if (outcome === 'stored') this.moves.stored(session, last);
    });
    const sinceMs = this.clock.monotonicMs();
    for (const { partition, bytes, mark } of parts)
      this.appends[partition]?.push({ bytes, mark, offer, moved, sinceMs });
    // Nothing to store is stored, in its turn.
    if (parts.length === 0) offer.stored();
    this.cancelFlush ??= this.timers.after(this.settings.gatherMs, () => this.flush());
    return offer.answer;
  }

  private flush(): void {
    this.cancelFlush?.();
    this.cancelFlush = undefined;
    this.log.together(() => this.forEachPartition((appends) => appends.pump()));
  }

  private forEachPartition(call: (appends: PartitionAppends) => void): void {
    for (const appends of this.appends) call(appends);
  }

  /** Null when appends are answered; else why not. */
  degraded(): string | null {
    const unanswered = this.appends.filter((appends) => appends.isUnavailable).length;
    return unanswered === 0
      ? null
      : `${unanswered} of ${this.appends.length} partitions do not answer appends`;
  }

  private count(answer: OfferAnswer): void {
    if (answer.outcome === 'stored') this.counters.offersStored++;
    else this.counters.busy[answer.why]++;
  }

  /** Refuses what comes from now on; resolves when everything that waited, and any tail, is stored, or after 5 s. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.flush();
    await Promise.all(this.appends.map((appends) => appends.stop()));
    this.endWatch();
  }
}

/** Without its ticks: what failed is remembered for longer than they are. */
function placeOf({ sequence, part }: TickGroup): OfferPlace {
  return { sequence, part };
}

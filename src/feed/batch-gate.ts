/**
 * The door for ticks: gates each batch, registers the symbols that it brings (where that is allowed), offers the good
 * ticks to the tick log and answers. Order is kept per feed session, whatever fails: what comes in one turn of the event
 * loop is one offer, offers follow one another without waiting, and when one is refused everything behind it is refused
 * too. The log promises the same for offers that are on their way.
 */
import type { RejectReason, Tick, TickGroup } from '#market-data';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import type { BusyReason, OfferAnswer, TickLogWriter } from '../fanout/tick-log-writer.js';
import type { Log } from '../ops/log.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { BatchAnswer, BatchDoor, FeedBatch, StoredAnswer } from './batch-door.js';
import type { FeedCounters } from './feed-counters.js';
import { GatedBatch } from './gated-batch.js';
import { Judgements } from './judgements.js';
import { TickGate, type TickGateConfig } from './tick-gate.js';

/** Told of every stored batch with the ticks of it that were taken, in the order in which they were stored. */
export type StoredListener = (batch: FeedBatch, ticks: readonly Tick[]) => void;

/** Ticks of all sessions that wait behind an offer; raw and gated they cost about 0.5 KB each. Beyond: busy. */
export const WAITING_TICKS_MAX = 200_000;
/** Ticks of one offer, unless a single batch has more: small beside the log's queue, so that an offer always fits. */
export const OFFER_TICKS_MAX = 20_000;
const QUEUE_RETRY_MS = 50;
const REGISTRY_RETRY_MS = 500;

const STORED: OfferAnswer = { outcome: 'stored' };
const STORED_ALREADY = Promise.resolve(STORED);
type Busy = Extract<OfferAnswer, { outcome: 'busy' }>;

/** A batch in its session's queue; `gated` is null when there was no room for it: it fails when its turn comes. */
interface Waiting {
  readonly gated: GatedBatch | null;
  readonly settle: (answer: BatchAnswer) => void;
}

/** A feed session while something of it is on its way. */
interface Underway {
  /** Not offered yet. */
  readonly queue: Waiting[];
  running: boolean;
  /** Offers that are not answered. */
  offers: number;
  /** The answer of the newest of them. */
  newest: Promise<OfferAnswer>;
}

export interface BatchGateParts {
  readonly registry: Pick<SymbolRegistry, 'bySymbol' | 'register'>;
  readonly writer: TickLogWriter;
  readonly clock: Clock;
  readonly config: TickGateConfig & Pick<Config, 'symbolsAutoRegister'>;
  readonly counters: FeedCounters;
  readonly log: Log;
}

export class BatchGate implements BatchDoor {
  private readonly gate: TickGate;
  private readonly judgements = new Judgements();
  private readonly underwayBySession = new Map<string, Underway>();
  private readonly listeners = new Set<StoredListener>();
  private waitingTicks = 0;

  constructor(private readonly parts: BatchGateParts) {
    this.gate = new TickGate(parts.registry, parts.config);
  }

  /** Calls the listener with every stored batch. @returns stops the calls */
  readonly onStored = (listener: StoredListener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  accept(batch: FeedBatch): Promise<BatchAnswer> {
    return new Promise((settle) => this.enqueue({ gated: this.gated(batch), settle }, batch));
  }

  /**
   * The answer to a batch that is known to be stored: what it was answered, whatever the registry says now. Where that
   * is forgotten, its ticks are gated again. Nothing is offered.
   */
  answerAgain(batch: FeedBatch): StoredAnswer {
    this.countRepeat();
    const known = this.judgements.recall(batch);
    return known ?? new GatedBatch(batch, this.gate, this.parts.clock.nowUs(), false).answer();
  }

  /** A repeat was answered with the answer of the batch that it repeats. */
  countRepeat(): void {
    this.parts.counters.repeatedBatches++;
  }

  private gated(batch: FeedBatch): GatedBatch | null {
    const { clock, config } = this.parts;
    const full = this.waitingTicks > 0 && this.waitingTicks + batch.ticks.length > WAITING_TICKS_MAX;
    if (full) return null;
    const before = this.judgements.recall(batch)?.rejected;
    return new GatedBatch(batch, this.gate, clock.nowUs(), config.symbolsAutoRegister, before);
  }

  private enqueue(waiting: Waiting, batch: FeedBatch): void {
    this.waitingTicks += ticksOf(waiting);
    // No source has a space in its name.
    const key = `${batch.source} ${batch.session}`;
    let session = this.underwayBySession.get(key);
    if (session === undefined) {
      session = { queue: [], running: false, offers: 0, newest: STORED_ALREADY };
      this.underwayBySession.set(key, session);
    }
    session.queue.push(waiting);
    if (!session.running) void this.run(key, session);
  }

  /** Offers what waits in one session. Never rejects. */
  private async run(key: string, session: Underway): Promise<void> {
    session.running = true;
    // What comes in the same turn of the event loop goes out together, and fails together.
    await undefined;
    while (session.queue.length > 0) {
      const taken = takeOffer(session.queue);
      const answer = taken.some(isUnready) ? await this.ready(taken, session) : STORED;
      if (answer.outcome === 'busy') this.refuse([...taken, ...session.queue.splice(0)], answer);
      else this.offer(key, session, taken);
    }
    session.running = false;
    this.forget(key, session);
  }

  /** Makes batches ready to be offered, once all before them are stored. @returns busy when they cannot be */
  private async ready(taken: readonly Waiting[], session: Underway): Promise<OfferAnswer> {
    const before = await session.newest;
    if (before.outcome === 'busy') return before;
    const unregistered = new Set<string>();
    for (const { gated } of taken) {
      if (gated === null) return busy('queue_full', QUEUE_RETRY_MS);
      gated.addUnregistered(unregistered);
    }
    const refusals = await this.register([...unregistered]);
    if (refusals === undefined) return busy('store_unavailable', REGISTRY_RETRY_MS);
    for (const { gated } of taken) gated?.registered(refusals);
    return STORED;
  }

  private offer(key: string, session: Underway, taken: readonly Waiting[]): void {
    const groups: TickGroup[] = [];
    for (const { gated } of taken) {
      if (gated === null) continue;
      gated.addGroups(groups);
      this.judgements.keep(gated.batch, gated.answer());
    }
    session.offers++;
    // Nothing to store is stored, but not before what was offered before it.
    const answered = groups.length === 0 ? session.newest : this.parts.writer.offer(groups);
    session.newest = answered.then((answer) => {
      if (answer.outcome === 'busy') this.refuse([...taken, ...session.queue.splice(0)], answer);
      else this.confirm(taken);
      session.offers--;
      this.forget(key, session);
      return answer;
    });
  }

  private forget(key: string, { queue, running, offers }: Underway): void {
    if (queue.length === 0 && !running && offers === 0) this.underwayBySession.delete(key);
  }

  /** Registers in one call. @returns why symbols were refused; undefined when the store did not answer */
  private async register(symbols: readonly string[]): Promise<Map<string, RejectReason> | undefined> {
    try {
      const refusals = new Map<string, RejectReason>();
      for (const [symbol, outcome] of await this.parts.registry.register(symbols))
        if (typeof outcome === 'string') refusals.set(symbol, outcome);
      return refusals;
    } catch (error) {
      if (!(error instanceof StoreUnavailable))
        this.parts.log.error({ err: error }, 'feed: registering symbols failed');
      return undefined;
    }
  }

  private refuse(refused: readonly Waiting[], { why, retryAfterMs }: Busy): void {
    for (const waiting of refused) {
      this.waitingTicks -= ticksOf(waiting);
      this.parts.counters.busy[why]++;
      waiting.settle({ outcome: 'busy', retryAfterMs, why });
    }
  }

  private confirm(stored: readonly Waiting[]): void {
    for (const waiting of stored) {
      this.waitingTicks -= ticksOf(waiting);
      if (waiting.gated === null) continue;
      waiting.gated.count(this.parts.counters);
      if (this.listeners.size > 0) this.tell(waiting.gated);
      waiting.settle(waiting.gated.answer());
    }
  }

  private tell(gated: GatedBatch): void {
    for (const listener of this.listeners) {
      try {
        listener(gated.batch, gated.ticks());
      } catch (error) {
        this.parts.log.error({ err: error }, 'feed: a listener of stored batches failed');
      }
    }
  }
}

/** Whether a batch must wait until all before it are stored: for its symbols, or to fail in its turn. */
function isUnready({ gated }: Waiting): boolean {
  return gated === null || gated.unregistered.length > 0;
}

function ticksOf({ gated }: Waiting): number {
  return gated === null ? 0 : gated.batch.ticks.length;
}

/** Batches from the front: at least one, beyond it at most OFFER_TICKS_MAX ticks in all; one without room goes alone. */
function takeOffer(queue: Waiting[]): Waiting[] {
  let count = 1;
  let ticks = ticksOf(queue[0]!);
  while (count < queue.length && queue[count]!.gated !== null && queue[count - 1]!.gated !== null) {
    ticks += ticksOf(queue[count]!);
    if (ticks > OFFER_TICKS_MAX) break;
    count++;
  }
  return queue.splice(0, count);
}

function busy(why: BusyReason, retryAfterMs: number): Busy {
  return { outcome: 'busy', retryAfterMs, why };
}

/** What the specs of the adapters share: time that moves only when it is told to, and a real door with a journal. */
import type { Tick, TickGroup } from '#market-data';
import type { Clock } from '../../clock.js';
import type { BusyReason, OfferAnswer, TickLogWriter } from '../../fanout/tick-log-writer.js';
import type { LiveSymbolRegistry } from '../../symbols/live-symbol-registry.js';
import type { BatchAnswer, BatchDoor, FeedBatch } from '../batch-door.js';
import { BatchGate } from '../batch-gate.js';
import { definition, NOW_US, silentLog, startRegistry } from '../feed.fixture.js';
import { FeedCounters } from '../feed-counters.js';
import type { Pauses } from './pauses.js';

interface Pending {
  readonly dueMs: number;
  readonly resolve: () => void;
}

/** Clock and pauses in one: time jumps to the next due pause, and nothing runs in between. */
export class DrivenTime implements Clock, Pauses {
  private ms = 0;
  private pending: Pending[] = [];
  private waiting: (() => void)[] = [];

  nowUs(): number {
    return NOW_US + Math.round(this.ms * 1000);
  }

  monotonicMs(): number {
    return this.ms;
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        this.pending = this.pending.filter((other) => other !== pending);
        resolve();
      };
      const pending = { dueMs: this.ms + ms, resolve: done };
      this.pending.push(pending);
      signal.addEventListener('abort', done);
      for (const go of this.waiting.splice(0)) go();
    });
  }

  /** The process is busy with something else for so long: no pause ends meanwhile. */
  lose(ms: number): void {
    this.ms += ms;
  }

  /** Resolves when somebody pauses. */
  whenPaused(): Promise<void> {
    return this.pending.length > 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Ends the earliest pause, at its time. */
  next(): void {
    const first = this.pending.reduce((a, b) => (b.dueMs < a.dueMs ? b : a));
    this.ms = Math.max(this.ms, first.dueMs);
    first.resolve();
  }

  /** Lets time pass, pause by pause, until this many ms have; somebody must keep pausing. */
  async run(ms: number): Promise<void> {
    const untilMs = this.ms + ms;
    for (;;) {
      await this.whenPaused();
      if (this.pending.every(({ dueMs }) => dueMs > untilMs)) break;
      this.next();
    }
    this.ms = untilMs;
  }

  /** Lets time pass until this ends. */
  async runUntil(ended: Promise<void>): Promise<void> {
    let over = false;
    const end = ended.then(() => {
      over = true;
    });
    for (;;) {
      await Promise.race([this.whenPaused(), end]);
      if (over) return;
      this.next();
    }
  }
}

export const INSTRUMENTS = [
  definition('AAPL', { priceScale: 4 }),
  definition('MSFT', { priceScale: 4 }),
  definition('XOM', { priceScale: 2 }),
  definition('CVX', { priceScale: 2 }),
  definition('SPY', { group: 'us-etf', priceScale: 4 }),
  definition('BTC-USD', { group: 'crypto', priceScale: 2, sizeScale: 8, volumeScale: 4 }),
  definition('SHIB-USD', { group: 'crypto', priceScale: 8, sizeScale: 8, volumeScale: 2 }),
  definition('TEST', { group: 'test', exchange: '' }),
  definition('EURUSD', { group: 'fx', priceScale: 5 }),
] as const;

/** A tick log that answers in a later turn of the event loop, and refuses as it is told: then nothing is stored. */
class JournalLog implements TickLogWriter {
  readonly stored: Tick[] = [];
  readonly refusals: (BusyReason | undefined)[] = [];

  async offer(groups: readonly TickGroup[]): Promise<OfferAnswer> {
    await new Promise(setImmediate);
    const why = this.refusals.shift();
    if (why !== undefined) return { outcome: 'busy', retryAfterMs: 20, why };
    for (const { ticks } of groups) this.stored.push(...ticks);
    return { outcome: 'stored' };
  }
}

/** A real gate in front of such a log, and a journal of what was offered and answered. */
export class JournalDoor implements BatchDoor {
  readonly offered: { readonly batch: FeedBatch; readonly atMs: number; readonly outcome: string }[] = [];
  readonly onStored: BatchGate['onStored'];
  private readonly log = new JournalLog();
  private readonly gate: BatchGate;

  constructor(
    registry: LiveSymbolRegistry,
    private readonly time: Clock,
    config: { readonly symbolsAutoRegister?: boolean; readonly crossedQuotes?: 'accept' | 'reject' } = {},
  ) {
    this.gate = new BatchGate({
      registry,
      writer: this.log,
      clock: time,
      config: { crossedQuotes: 'reject', tickAgeMsMax: 0, symbolsAutoRegister: false, ...config },
      counters: new FeedCounters(),
      log: silentLog,
    });
    this.onStored = this.gate.onStored;
  }

  async accept(batch: FeedBatch): Promise<BatchAnswer> {
    const atMs = this.time.monotonicMs();
    const answer = await this.gate.accept(batch);
    this.offered.push({ batch, atMs, outcome: answer.outcome });
    return answer;
  }

  /** Raw ticks that were stored, as the adapter sent them. */
  get sent(): readonly Record<string, unknown>[] {
    return this.offered
      .filter(({ outcome }) => outcome === 'stored')
      .flatMap(({ batch }) => batch.ticks as Record<string, unknown>[]);
  }

  /** What the next offers are told: busy for this reason, or undefined: stored. */
  get refusals(): (BusyReason | undefined)[] {
    return this.log.refusals;
  }

  /** What was stored, in order. */
  get stored(): readonly Tick[] {
    return this.log.stored;
  }
}

export async function startTestRegistry(): Promise<LiveSymbolRegistry> {
  return startRegistry(INSTRUMENTS);
}

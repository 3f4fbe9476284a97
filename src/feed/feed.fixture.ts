/** What the specs of the feed share: a real registry with a few instruments, ticks, and a log that keeps its promise. */
import { pino } from 'pino';
import type { Instrument, TickGroup } from '#market-data';
import type { Clock } from '../clock.js';
import { LiveLog } from '../fanout/live-log.js';
import type { Timers } from '../fanout/live-timers.js';
import { LogEntryDecoder } from '../fanout/log-entry.js';
import { PartitionedLogWriter } from '../fanout/partitioned-log-writer.js';
import { SessionMarks } from '../fanout/session-marks.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import type { Append, AppendAnswer, TickLog } from '../fanout/tick-log.js';
import type { OfferAnswer, TickLogWriter } from '../fanout/tick-log-writer.js';
import { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { MemorySymbolStore } from '../symbols/memory-symbol-store.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { SymbolStore } from '../symbols/symbol-store.js';

export const PARTITIONS = 4;
export const NOW_US = 1_760_000_000_000_000;
export const silentLog = pino({ level: 'silent' });
export const stillClock: Clock = { nowUs: () => NOW_US, monotonicMs: () => 0 };

type Definition = Omit<Instrument, 'sid' | 'version'>;

export function definition(symbol: string, given: Partial<Definition> = {}): Definition {
  return {
    symbol,
    name: symbol,
    exchange: 'XNAS',
    group: 'us-equity',
    priceScale: 2,
    sizeScale: 0,
    volumeScale: 0,
    enabled: true,
    tradingStatus: 'open',
    coalesceIntervalMs: null,
    ...given,
  };
}

export const SEED: readonly Definition[] = [
  definition('AAPL'),
  definition('MSFT'),
  definition('HALT', { tradingStatus: 'halted' }),
  definition('GONE', { enabled: false }),
  definition('BTC-USD', { priceScale: 8, sizeScale: 8, group: 'crypto' }),
];

/** The real registry on its memory store. */
export async function startRegistry(
  seed: readonly Definition[] = SEED,
  symbolsMax = 1_000,
  store: SymbolStore = new MemorySymbolStore(),
): Promise<LiveSymbolRegistry> {
  const options = { partitions: PARTITIONS, reconcileMs: 60_000, symbolsMax, seed };
  const registry = new LiveSymbolRegistry(store, options, stillClock, silentLog);
  await registry.start();
  return registry;
}

/** As an operator switches a symbol, when the registry has heard of it. */
export async function switchSymbol(
  store: SymbolStore,
  registry: SymbolRegistry,
  symbol: string,
  enabled: boolean,
): Promise<void> {
  const note = {
    action: enabled ? ('enable' as const) : ('disable' as const),
    actor: 'operator:test',
    reason: 'Test',
    requestId: null,
    ip: null,
    timeUs: NOW_US,
  };
  await store.change(symbol, { enabled }, null, note);
  await registry.reconcile();
}

export function quote(given: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    type: 'quote',
    symbol: 'AAPL',
    bidPrice: 190.11,
    bidSize: 300,
    askPrice: 190.13,
    askSize: 200,
    ...given,
  };
}

export function trade(given: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { type: 'trade', symbol: 'AAPL', price: 190.12, size: 100, ...given };
}

/** A copy without one of its keys. */
export function without(tick: Readonly<Record<string, unknown>>, key: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tick).filter(([name]) => name !== key));
}

/** What becomes of the next append, in whichever partition it is. */
export type Fate = 'stored' | 'full' | 'lost' | 'stored_unanswered';

/** A tick as an owner applies it. */
export interface Applied {
  readonly sid: number;
  readonly timeUs: number;
  /** Of a trade; NaN for a quote. */
  readonly price: number;
}

/** A tick log that fails as it is told, and applies as an owner would: what is above the mark of its session. */
export class AppliedLog implements TickLog {
  /** In the order in which the owners apply them, without repeats. */
  readonly applied: Applied[] = [];
  private readonly marksByPartition = new Map<number, SessionMarks>();
  private readonly decoder = new LogEntryDecoder();
  private held: (() => void)[] | null = null;

  constructor(private readonly nextFate: () => Fate | undefined = () => undefined) {}

  /** Appends wait for `release`. */
  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const go of held) go();
  }

  async append(partition: number, { entries }: Append): Promise<AppendAnswer> {
    if (this.held !== null) await new Promise<void>((resolve) => this.held?.push(resolve));
    await new Promise(setImmediate);
    const fate = this.nextFate() ?? 'stored';
    if (fate === 'full') return { kind: 'full' };
    if (fate !== 'lost') for (const entry of entries) this.apply(partition, entry);
    if (fate !== 'stored') throw new StoreUnavailable(fate);
    return { kind: 'stored' };
  }

  private apply(partition: number, entry: Uint8Array): void {
    const marks = this.marksByPartition.get(partition) ?? new SessionMarks();
    this.marksByPartition.set(partition, marks);
    this.decoder.decode(entry, {
      group: (source, session, sequence, part) => marks.admit(source, session, sequence, part, 0),
      quote: (sid, timeUs) => this.applied.push({ sid, timeUs, price: Number.NaN }),
      trade: (sid, timeUs, price) => this.applied.push({ sid, timeUs, price }),
    });
  }

  together(issue: () => void): void {
    issue();
  }

  watch(): () => void {
    return () => undefined;
  }
}

/** Every look at it is later than an append may wait, so that one that is not answered is given up at once. */
class HurriedClock implements Clock {
  private ms = 0;
  nowUs(): number {
    return NOW_US;
  }
  monotonicMs(): number {
    return (this.ms += 10_000);
  }
}

/** The real writer, without its pauses. @param partitions must be those of the registry */
export function writerOn(
  log: TickLog,
  registry: SymbolRegistry,
  clock: Clock = stillClock,
  partitions = PARTITIONS,
): PartitionedLogWriter {
  const settings = {
    partitions,
    gatherMs: 0,
    entryBytesMax: 65_536,
    queueBytesMax: 33_554_432,
    tailMs: 10_000,
    tailBytesMax: 1_048_576,
  };
  const soon: Timers = {
    after: (_ms, fire) => {
      const timer = setImmediate(fire);
      return () => clearImmediate(timer);
    },
  };
  return new PartitionedLogWriter(log, registry, settings, clock, soon, new LiveLog(silentLog, clock));
}

/** The real writer on a log that fails as it is told, with what was offered to it. */
export class FeedLog implements TickLogWriter {
  readonly offers: (readonly TickGroup[])[] = [];
  private readonly writer: PartitionedLogWriter;

  /**
   * @param log what other processes write to, too
   * @param partitions must be those of the registry
   */
  constructor(
    registry: SymbolRegistry,
    readonly log: AppliedLog = new AppliedLog(),
    partitions = PARTITIONS,
  ) {
    this.writer = writerOn(this.log, registry, new HurriedClock(), partitions);
  }

  get applied(): readonly Applied[] {
    return this.log.applied;
  }

  hold(): void {
    this.log.hold();
  }

  release(): void {
    this.log.release();
  }

  offer(groups: readonly TickGroup[]): Promise<OfferAnswer> {
    this.offers.push(groups);
    return this.writer.offer(groups);
  }
}

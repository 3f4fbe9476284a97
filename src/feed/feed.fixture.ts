/** What the specs of the feed share: a real registry with a few instruments, ticks, and a log that keeps its promise. */
import { pino } from 'pino';
import { type Instrument, type Tick, type TickGroup } from '#market-data';
import type { Clock } from '../clock.js';
import type { BusyReason, OfferAnswer, TickLogWriter } from '../fanout/tick-log-writer.js';
import { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { MemorySymbolStore } from '../symbols/memory-symbol-store.js';

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
): Promise<LiveSymbolRegistry> {
  const options = { partitions: 4, reconcileMs: 60_000, symbolsMax, seed };
  const registry = new LiveSymbolRegistry(new MemorySymbolStore(), options, stillClock, silentLog);
  await registry.start();
  return registry;
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

/** What the next offer is told; `stores` are the partitions that have it all the same. */
export interface Refusal {
  readonly why: BusyReason;
  readonly stores?: readonly number[];
}

/**
 * A tick log that answers in a later turn of the event loop, refuses as it is told, also after a part was stored, and
 * applies what an owner of each partition would: everything above the mark of (source, session).
 */
export class MarkedLog implements TickLogWriter {
  readonly offers: (readonly TickGroup[])[] = [];
  /** In the order in which the owners apply them, without repeats. */
  readonly applied: Tick[] = [];
  private readonly marks = new Map<string, readonly [number, number]>();
  private held: (() => void)[] | null = null;

  constructor(
    private readonly partition: (sid: number) => number,
    private readonly nextRefusal: () => Refusal | undefined = () => undefined,
  ) {}

  /** Offers wait for `release`. */
  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const go of held) go();
  }

  async offer(groups: readonly TickGroup[]): Promise<OfferAnswer> {
    this.offers.push(groups);
    if (this.held !== null) await new Promise<void>((resolve) => this.held?.push(resolve));
    await new Promise(setImmediate);
    const refusal = this.nextRefusal();
    const sids = groups.flatMap(({ ticks }) => ticks.map(({ sid }) => sid));
    for (const partition of new Set(sids.map(this.partition))) {
      if (refusal === undefined || refusal.stores?.includes(partition)) this.append(partition, groups);
    }
    return refusal === undefined
      ? { outcome: 'stored' }
      : { outcome: 'busy', retryAfterMs: 20, why: refusal.why };
  }

  private append(partition: number, groups: readonly TickGroup[]): void {
    for (const { source, session, sequence, part, ticks } of groups) {
      const own = ticks.filter((tick) => this.partition(tick.sid) === partition);
      const key = `${partition} ${source} ${session}`;
      const [lastSequence, lastPart] = this.marks.get(key) ?? [0, 0];
      if (own.length === 0 || sequence < lastSequence) continue;
      if (sequence === lastSequence && part <= lastPart) continue;
      this.marks.set(key, [sequence, part]);
      this.applied.push(...own);
    }
  }
}

/**
 * One batch behind the gate: its good ticks in parts, its bad ones with place and reason, and the places whose symbol
 * has to be registered first. Parts are cut every GROUP_TICKS_MAX places of the input, before gating: a repeat cuts
 * alike, whatever was rejected this time.
 */
import { GROUP_TICKS_MAX, QUOTE, type RejectReason, type Tick, type TickGroup } from '#market-data';
import type { FeedBatch, Rejection, StoredAnswer } from './batch-door.js';
import type { FeedCounters } from './feed-counters.js';
import { TickFault } from './tick-fault.js';
import type { TickGate } from './tick-gate.js';

export class GatedBatch {
  readonly rejected: Rejection[] = [];
  /** Places whose tick is good, but for its symbol that no instrument has; empty unless those are registered. */
  readonly unregistered: number[] = [];
  private readonly parts: Tick[][];
  private quotes = 0;
  private trades = 0;
  private crossedQuotes = 0;

  /**
   * @param registers whether the first tick of an unknown symbol registers it
   * @param before what was rejected when the batch was offered before, in order: it stays so. A part of it may be
   *   stored, and the log would drop what that part did not hold then
   */
  constructor(
    readonly batch: FeedBatch,
    private readonly gate: TickGate,
    private readonly receiveTimeUs: number,
    registers: boolean,
    before: readonly Rejection[] = [],
  ) {
    const { ticks } = batch;
    this.parts = Array.from({ length: Math.ceil(ticks.length / GROUP_TICKS_MAX) }, () => []);
    let known = 0;
    let knownIndex = before[0]?.index ?? -1;
    for (let index = 0; index < ticks.length; index++) {
      const raw = ticks[index];
      if (raw === undefined) continue;
      if (index === knownIndex) {
        this.rejected.push(before[known++]!);
        knownIndex = before[known]?.index ?? -1;
        continue;
      }
      const gated = gate.gate(raw, receiveTimeUs);
      if (!(gated instanceof TickFault)) this.take(index, gated);
      else if (registers && gated.reason === 'unknown_symbol') this.defer(index, raw);
      else this.reject(index, gated);
    }
  }

  /** Its ticks wait for their symbol, unless they are bad in themselves: those must not register anything. */
  private defer(index: number, raw: unknown): void {
    const fault = this.gate.faultOfUnregistered(raw, this.receiveTimeUs);
    if (fault === undefined) this.unregistered.push(index);
    else this.reject(index, fault);
  }

  private take(index: number, tick: Tick): void {
    this.parts[Math.floor(index / GROUP_TICKS_MAX)]!.push(tick);
    if (tick.kind !== QUOTE) {
      this.trades++;
      return;
    }
    this.quotes++;
    if (tick.bidPrice !== null && tick.askPrice !== null && tick.bidPrice > tick.askPrice)
      this.crossedQuotes++;
  }

  private reject(index: number, fault: TickFault): void {
    this.rejected.push({ index, reason: fault.reason, message: fault.message });
  }

  /** Adds the symbols that must be registered before this batch is appended. */
  addUnregistered(symbols: Set<string>): void {
    for (const index of this.unregistered) symbols.add(this.symbolAt(index));
  }

  private symbolAt(index: number): string {
    // A deferred tick has passed the gate up to its symbol.
    return (this.batch.ticks[index] as { symbol: string }).symbol;
  }

  /**
   * Gates what waited for its symbol. Ticks of a new symbol keep their order; they stand at the end of their part,
   * which is of no account between symbols.
   * @param refusals why a symbol was not registered
   */
  registered(refusals: ReadonlyMap<string, RejectReason>): void {
    for (const index of this.unregistered) {
      const refusal = refusals.get(this.symbolAt(index));
      const gated =
        refusal === undefined
          ? this.gate.gate(this.batch.ticks[index], this.receiveTimeUs)
          : new TickFault(refusal, `Expected ${this.symbolAt(index)} to be registered, was ${refusal}`);
      if (gated instanceof TickFault) this.reject(index, gated);
      else this.take(index, gated);
    }
    if (this.unregistered.length > 0) this.rejected.sort((a, b) => a.index - b.index);
    this.unregistered.length = 0;
  }

  get accepted(): number {
    return this.quotes + this.trades;
  }

  /** The good ticks, in order; valid when nothing is unregistered. */
  ticks(): readonly Tick[] {
    return this.parts.length === 1 ? this.parts[0]! : this.parts.flat();
  }

  /** Adds the groups to be stored; a part without a good tick is left out. */
  addGroups(groups: TickGroup[]): void {
    const { source, session, sequence, firstPart = 0 } = this.batch;
    for (let part = 0; part < this.parts.length; part++) {
      const ticks = this.parts[part]!;
      if (ticks.length > 0) groups.push({ source, session, sequence, part: firstPart + part, ticks });
    }
  }

  answer(): StoredAnswer {
    return { outcome: 'stored', accepted: this.accepted, rejected: this.rejected };
  }

  count(counters: FeedCounters): void {
    counters.batches++;
    counters.quotes += this.quotes;
    counters.trades += this.trades;
    counters.crossedQuotes += this.crossedQuotes;
    for (const { reason } of this.rejected) counters.rejected[reason]++;
  }
}

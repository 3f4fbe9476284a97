/**
 * Every known instrument, by symbol and by sid. A binding of symbol, sid and scales never changes: what contradicts a
 * known one is refused. Of two states of one instrument the one with the higher version stays.
 */
import { type Instrument, partitionOf } from '#market-data';
import { sameBinding, sameInstrument } from './instrument-rules.js';

export type Applied =
  /** Known from now on. */
  | 'new'
  /** Replaces what was known. */
  | 'changed'
  /** Says what is known already. */
  | 'same'
  /** What is known is newer; nothing was taken over. */
  | 'older'
  /** Contradicts a known binding; nothing was taken over. */
  | 'conflict';

export class SymbolTable {
  private readonly instrumentBySymbol = new Map<string, Instrument>();
  private readonly instrumentBySid: (Instrument | undefined)[] = [undefined];
  private readonly partitionBySid: number[] = [-1];

  constructor(private readonly partitions: number) {}

  get size(): number {
    return this.instrumentBySymbol.size;
  }

  get sidMax(): number {
    return this.instrumentBySid.length - 1;
  }

  bySymbol(symbol: string): Instrument | undefined {
    return this.instrumentBySymbol.get(symbol);
  }

  bySid(sid: number): Instrument | undefined {
    return this.instrumentBySid[sid];
  }

  partition(sid: number): number {
    return this.partitionBySid[sid] ?? -1;
  }

  *all(): Iterable<Instrument> {
    for (const instrument of this.instrumentBySid) if (instrument !== undefined) yield instrument;
  }

  apply(instrument: Instrument): Applied {
    const holder = this.instrumentBySid[instrument.sid];
    const known = this.instrumentBySymbol.get(instrument.symbol);
    if (known === undefined) {
      if (holder !== undefined) return 'conflict';
      this.add(instrument);
      return 'new';
    }
    if (!sameBinding(known, instrument)) return 'conflict';
    if (instrument.version < known.version) return 'older';
    const same = sameInstrument(known, instrument);
    if (!same || known.version !== instrument.version) this.put(instrument);
    return same ? 'same' : 'changed';
  }

  private add(instrument: Instrument): void {
    while (this.instrumentBySid.length <= instrument.sid) {
      this.instrumentBySid.push(undefined);
      this.partitionBySid.push(-1);
    }
    this.partitionBySid[instrument.sid] = partitionOf(instrument.symbol, this.partitions);
    this.put(instrument);
  }

  private put(instrument: Instrument): void {
    this.instrumentBySid[instrument.sid] = instrument;
    this.instrumentBySymbol.set(instrument.symbol, instrument);
  }
}

/** All that a partition's ticks make: its images, their line windows, and the turn in the making. */
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import { Coalescer } from './coalescer.js';
import type { OwnerCounters } from './fanout-counters.js';
import { ImageTable } from './image-table.js';
import { LineWindows } from './line-windows.js';
import type { LogEntryVisitor } from './log-entry.js';
import { restoreImages } from './partition-restore.js';
import type { SessionMarks } from './session-marks.js';
import type { PartitionState } from './tape.js';
import { TurnChanges } from './turn-changes.js';
import { TurnEncoder } from './turn-encoder.js';

export class PartitionImages {
  readonly changes = new TurnChanges();
  readonly coalescer: Coalescer;
  readonly encoder: TurnEncoder;
  private readonly table = new ImageTable();
  private readonly lines: LineWindows;
  private readonly entry: EntryApplier;

  constructor(registry: SymbolRegistry, dayRoll: boolean, counters: OwnerCounters) {
    this.lines = new LineWindows(counters);
    const { table, lines, changes } = this;
    const instrument = (sid: number) => registry.bySid(sid);
    this.coalescer = new Coalescer(table, lines, changes, instrument, dayRoll, counters);
    this.encoder = new TurnEncoder(table, lines, changes);
    this.entry = new EntryApplier(this.coalescer, counters);
  }

  /**
   * @param nowMs monotonic
   * @returns whether checkpoint and tape lead to the stored number without a hole @throws MsgpackError
   */
  restore(state: PartitionState, nowMs: number): boolean {
    const whole = restoreImages(state, this.table, this.lines);
    this.lines.beginAt(nowMs);
    return whole;
  }

  /**
   * Ticks are applied through the visitor that this returns; groups below their mark are dropped.
   * @param nowMs monotonic
   * @param nowS wall time
   */
  beginApply(marks: SessionMarks, nowMs: number, nowS: number): LogEntryVisitor {
    this.coalescer.nowMs = nowMs;
    return this.entry.begin(marks, nowS);
  }
}

class EntryApplier implements LogEntryVisitor {
  private marks: SessionMarks | undefined;
  private nowS = 0;

  constructor(
    private readonly coalescer: Coalescer,
    private readonly counters: OwnerCounters,
  ) {}

  begin(marks: SessionMarks, nowS: number): this {
    this.marks = marks;
    this.nowS = nowS;
    return this;
  }

  group(source: string, session: string, sequence: number, part: number, ticks: number): boolean {
    const isNew = this.marks?.admit(source, session, sequence, part, this.nowS) ?? true;
    if (!isNew) this.counters.repeatedTicks += ticks;
    return isNew;
  }

  quote(
    sid: number,
    timeUs: number,
    bidPrice: number,
    bidSize: number,
    askPrice: number,
    askSize: number,
    line: string | null,
    sequence: number,
    isExchangeTime: boolean,
  ): void {
    this.coalescer.quote(sid, timeUs, bidPrice, bidSize, askPrice, askSize, line, sequence, isExchangeTime);
  }

  trade(
    sid: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
    line: string | null,
    sequence: number,
    isExchangeTime: boolean,
  ): void {
    this.coalescer.trade(sid, timeUs, price, size, id, conditions, line, sequence, isExchangeTime);
  }
}

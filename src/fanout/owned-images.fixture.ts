/** One partition's images as its owner keeps them, turn by turn. */
import { type Instrument, QUOTE, type Tick } from '#market-data';
import { Coalescer } from './coalescer.js';
import { OwnerCounters } from './fanout-counters.js';
import { ImageTable } from './image-table.js';
import { LineWindows } from './line-windows.js';
import type { LogEntryVisitor } from './log-entry.js';
import { instrument } from './registry.fixture.js';
import { TurnChanges } from './turn-changes.js';
import { TurnEncoder } from './turn-encoder.js';

export const EPOCH = 1_700_000_000_000_123;

/** Takes the groups of log entries as they come: none is known. */
class EntryCoalescer extends Coalescer implements LogEntryVisitor {
  group(): boolean {
    return true;
  }
}

export class OwnedImages {
  readonly counters = new OwnerCounters();
  readonly coalescer: EntryCoalescer;
  readonly encoder: TurnEncoder;
  private number = 0;

  /** @param symbols sids go from 1 up to this */
  constructor(symbols: number) {
    const known = Array.from({ length: symbols + 1 }, (_, sid): Instrument => instrument(sid));
    const { counters } = this;
    const images = new ImageTable();
    const lines = new LineWindows(counters);
    const changes = new TurnChanges();
    this.coalescer = new EntryCoalescer(images, lines, changes, (sid) => known[sid], true, counters);
    this.encoder = new TurnEncoder(images, lines, changes);
  }

  apply(ticks: readonly Tick[]): void {
    const { coalescer } = this;
    for (const tick of ticks) {
      const { sid, line } = tick;
      const timeUs = tick.exchangeTimeUs ?? tick.receiveTimeUs;
      const sequence = orNaN(tick.sequence);
      if (tick.kind === QUOTE) {
        const [bid, bidSize] = [orNaN(tick.bidPrice), orNaN(tick.bidSize)];
        const [ask, askSize] = [orNaN(tick.askPrice), orNaN(tick.askSize)];
        coalescer.quote(sid, timeUs, bid, bidSize, ask, askSize, line, sequence, true);
      } else {
        const { price, size, tradeId, conditions } = tick;
        coalescer.trade(sid, timeUs, price, orNaN(size), tradeId, conditions, line, sequence, true);
      }
    }
  }

  /** Ends the turn, and leaves it at hand. @returns its batch */
  close(): Uint8Array {
    this.coalescer.settle();
    return this.encoder.batch(EPOCH, ++this.number, 0);
  }

  /** A whole turn. @returns its batch */
  turn(ticks: readonly Tick[]): Uint8Array {
    this.apply(ticks);
    const batch = this.close();
    this.encoder.clear();
    return batch;
  }
}

const orNaN = (value: number | null) => value ?? Number.NaN;

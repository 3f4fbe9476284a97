/**
 * A/B arbitration: two lines carry the same numbered ticks of a symbol, and each number counts once. Per (line name,
 * symbol) the highest number is kept and a window over the 64 below it, two 32-bit halves: bit i says whether
 * top - i was seen. What the line left out is kept beside it, so that a number that comes when the window has moved on
 * is still told from a repeat: one line may be seconds behind the other when a failover has taken its numbers back.
 */
import { Fifo } from '../fifo.js';

export type LineVerdict = 'newest' | 'late' | 'duplicate';

export interface LineWindow {
  readonly line: string;
  top: number;
  /** Bits of top to top - 31. */
  near: number;
  /** Bits of top - 32 to top - 63. */
  far: number;
  /** Newest time on this line, µs. */
  newestUs: number;
  /** Monotonic ms of its last number; NaN until the first since it was restored. */
  movedMs: number;
  /** Ranges that have not come, pairs of first and last number, ascending; what is missing inside the window as well. */
  missing: number[];
  /** Changed since the last commit. */
  moved: boolean;
}

export const WINDOW = 64;
/** A number that is not above the top is an old one, unless its time is this much newer: then the line began anew. */
const RESTART_US = 60_000_000;
/** Where the venue gives no times ours are no sign: they may be set, or be those of a late repeat. Silence over night is. */
const RESTART_SILENCE_MS = 3_600_000;
/** A hole is a gap when it was not filled for this long. */
const HOLE_MS = 1_000;
/** What never came is known for this long, however far the line has gone on: a number in it is late, not a duplicate. */
const MISSING_MS = 60_000;
/** Missing ranges of a partition; beyond, those of the oldest hole are forgotten, and it counts as a gap at once. */
export const MISSING_MAX = 10_000;

/** Line names of one symbol; a further one takes the place of the one that was silent longest. */
const LINES_MAX = 8;
const NO_WINDOWS: readonly LineWindow[] = [];

/** Numbers that a line left out at once, or all that the next owner was told of. */
interface Hole {
  readonly line: string;
  /** Of its window; another array when the line began anew, so that nothing of the new numbering fills it. */
  readonly missing: number[];
  readonly from: number;
  readonly to: number;
  readonly openedMs: number;
}

/** Told of what operators count. */
export interface LineListener {
  /** A number range of this line never came. */
  gap(line: string): void;
  /** A symbol had more line names than are kept: repeats on the one that gave way are no longer known. */
  lineReplaced(): void;
}

/** All windows of one partition. */
export class LineWindows {
  private readonly bySlot: (LineWindow[] | undefined)[] = [];
  /** Those that may yet be filled in time, in the order in which they opened. */
  private readonly open = new Fifo<Hole>();
  /** Those that were looked at, in the same order: what of them is missing is remembered. */
  private readonly counted = new Fifo<Hole>();
  /** Ranges of all holes. */
  private ranges = 0;

  constructor(private readonly listener: LineListener) {}

  /**
   * Judges a numbered tick and notes it as seen.
   * @param slot of its symbol
   * @param nowMs monotonic
   */
  check(
    slot: number,
    line: string,
    sequence: number,
    timeUs: number,
    isExchangeTime: boolean,
    nowMs: number,
  ): LineVerdict {
    const window = this.find(slot, line);
    if (window === undefined) {
      const first = {
        line,
        top: sequence,
        near: 1,
        far: 0,
        newestUs: timeUs,
        movedMs: nowMs,
        missing: [],
        moved: true,
      };
      this.add(slot, first);
      return 'newest';
    }
    if (Number.isNaN(window.movedMs)) window.movedMs = nowMs;
    const beganAnew = isExchangeTime
      ? timeUs > window.newestUs + RESTART_US
      : nowMs > window.movedMs + RESTART_SILENCE_MS;
    const verdict = this.judge(window, sequence, beganAnew, nowMs);
    if (verdict !== 'duplicate') {
      window.moved = true;
      window.movedMs = nowMs;
      if (timeUs > window.newestUs) window.newestUs = timeUs;
    }
    return verdict;
  }

  /** @param beganAnew what a number that is not above the top says then: the numbering is another one */
  private judge(window: LineWindow, sequence: number, beganAnew: boolean, nowMs: number): LineVerdict {
    const ahead = sequence - window.top;
    if (ahead > 0) {
      if (ahead > 1) this.openHole(window, window.top + 1, sequence - 1, nowMs);
      raise(window, ahead);
      return 'newest';
    }
    if (beganAnew) {
      // What the old numbering still misses is counted when it is due; the new one fills none of it.
      Object.assign(window, { top: sequence, near: 1, far: 0, missing: [] });
      return 'newest';
    }
    const filled = this.fill(window.missing, sequence);
    const isNew = ahead > -WINDOW ? markSeen(window, -ahead) : filled;
    return isNew ? 'late' : 'duplicate';
  }

  private openHole({ line, missing }: LineWindow, from: number, to: number, nowMs: number): void {
    missing.push(from, to);
    this.open.push({ line, missing, from, to, openedMs: nowMs });
    this.ranges++;
    this.makeRoom();
  }

  /** @returns whether it was missing */
  private fill(missing: number[], sequence: number): boolean {
    const at = rangeAt(missing, sequence);
    if (at < 0) return false;
    const from = missing[at]!;
    const to = missing[at + 1]!;
    if (from === to) {
      missing.splice(at, 2);
      this.ranges--;
    } else if (sequence === from) missing[at] = from + 1;
    else if (sequence === to) missing[at + 1] = to - 1;
    else {
      missing.splice(at + 1, 0, sequence - 1, sequence + 1);
      this.ranges++;
      this.makeRoom();
    }
    return true;
  }

  private makeRoom(): void {
    while (this.ranges > MISSING_MAX) {
      const early = this.counted.length === 0;
      const oldest = early ? this.open.shift() : this.counted.shift();
      if (oldest === undefined) return;
      if (early) this.count(oldest);
      this.forget(oldest);
    }
  }

  /** Counts the holes that were not filled in time, and forgets those that are too old: call it once per turn. */
  countGaps(nowMs: number): void {
    while (this.open.first !== undefined && nowMs >= this.open.first.openedMs + HOLE_MS) {
      const due = this.open.shift()!;
      this.count(due);
      this.counted.push(due);
    }
    while (this.counted.first !== undefined && nowMs >= this.counted.first.openedMs + MISSING_MS)
      this.forget(this.counted.shift()!);
  }

  private count({ line, missing, from, to }: Hole): void {
    const next = missing[firstRangeFrom(missing, from)];
    if (next !== undefined && next <= to) this.listener.gap(line);
  }

  /** Holes of a window are forgotten in the order in which they opened, which is that of their numbers. */
  private forget({ missing, to }: Hole): void {
    const behind = firstRangeFrom(missing, to + 1);
    missing.splice(0, behind);
    this.ranges -= behind / 2;
  }

  of(slot: number): readonly LineWindow[] {
    return this.bySlot[slot] ?? NO_WINDOWS;
  }

  /** Puts back what an owner part says; `beginAt` follows when all of it is back. */
  restore(slot: number, restored: LineWindow): void {
    const window = this.find(slot, restored.line);
    if (window === undefined) this.add(slot, restored);
    else Object.assign(window, restored);
  }

  /**
   * What the restored windows miss is known for its time again. The owner before has counted its gaps.
   * @param nowMs monotonic
   */
  beginAt(nowMs: number): void {
    for (const windows of this.bySlot) {
      if (windows === undefined) continue;
      for (const { line, missing } of windows) {
        if (missing.length === 0) continue;
        this.counted.push({ line, missing, from: missing[0]!, to: missing.at(-1)!, openedMs: nowMs });
        this.ranges += missing.length / 2;
      }
    }
    this.makeRoom();
  }

  private find(slot: number, line: string): LineWindow | undefined {
    const windows = this.bySlot[slot];
    if (windows === undefined) return undefined;
    for (const window of windows) if (window.line === line) return window;
    return undefined;
  }

  private add(slot: number, window: LineWindow): void {
    const windows = this.bySlot[slot];
    if (windows === undefined) this.bySlot[slot] = [window];
    else if (windows.length < LINES_MAX) windows.push(window);
    else this.replaceOldest(windows, window);
  }

  private replaceOldest(windows: LineWindow[], by: LineWindow): void {
    let oldest = 0;
    for (let i = 1; i < windows.length; i++) if (windows[i]!.newestUs < windows[oldest]!.newestUs) oldest = i;
    windows[oldest] = by;
    this.listener.lineReplaced();
  }
}

/** @returns the place of the range that holds it, or -1 */
function rangeAt(missing: readonly number[], sequence: number): number {
  const at = firstRangeFrom(missing, sequence);
  // The first range that begins there or later, or the one before it.
  if (missing[at] === sequence) return at;
  return at > 0 && sequence <= missing[at - 1]! ? at - 2 : -1;
}

/** @returns the place of the first range that begins at this number or later */
function firstRangeFrom(missing: readonly number[], sequence: number): number {
  let low = 0;
  let high = missing.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (missing[middle * 2]! < sequence) low = middle + 1;
    else high = middle;
  }
  return low * 2;
}

function raise(window: LineWindow, by: number): void {
  if (by >= WINDOW) {
    window.far = 0;
    window.near = 1;
  } else if (by >= 32) {
    window.far = by === 32 ? window.near : (window.near << (by - 32)) >>> 0;
    window.near = 1;
  } else {
    window.far = ((window.far << by) | (window.near >>> (32 - by))) >>> 0;
    window.near = ((window.near << by) | 1) >>> 0;
  }
  window.top += by;
}

/** @returns false when it was seen already */
function markSeen(window: LineWindow, below: number): boolean {
  const bit = below < 32 ? 1 << below : 1 << (below - 32);
  const half = below < 32 ? window.near : window.far;
  if ((half & bit) !== 0) return false;
  if (below < 32) window.near = (half | bit) >>> 0;
  else window.far = (half | bit) >>> 0;
  return true;
}

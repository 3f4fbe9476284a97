/**
 * A/B arbitration: two lines carry the same numbered ticks of a symbol, and each number counts once. Per (line name,
 * symbol) the highest number is kept and a window over the 64 below it, two 32-bit halves: bit i says whether
 * top - i was seen.
 */

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
/** Holes that are waited for; beyond, a hole counts as a gap at once. */
const HOLES_MAX = 10_000;

/** Line names of one symbol; a further one takes the place of the one that was silent longest. */
const LINES_MAX = 8;
const NO_WINDOWS: readonly LineWindow[] = [];

interface Hole {
  readonly window: LineWindow;
  readonly from: number;
  readonly to: number;
  readonly dueMs: number;
  /** Numbers that have not come; those that the window has moved past cannot come any more. */
  missing: number;
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
  /** In the order in which they fall due. */
  private readonly holes: Hole[] = [];
  private readonly holesByWindow = new Map<LineWindow, Hole[]>();

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
      const first = { line, top: sequence, near: 1, far: 0, newestUs: timeUs, movedMs: nowMs, moved: true };
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
      this.holesByWindow.delete(window);
      Object.assign(window, { top: sequence, near: 1, far: 0 });
      return 'newest';
    }
    if (ahead <= -WINDOW || !markSeen(window, -ahead)) return 'duplicate';
    this.fill(window, sequence);
    return 'late';
  }

  private openHole(window: LineWindow, from: number, to: number, nowMs: number): void {
    if (this.holes.length >= HOLES_MAX) {
      this.listener.gap(window.line);
      return;
    }
    const hole: Hole = { window, from, to, dueMs: nowMs + HOLE_MS, missing: to - from + 1 };
    this.holes.push(hole);
    const holes = this.holesByWindow.get(window);
    if (holes === undefined) this.holesByWindow.set(window, [hole]);
    else holes.push(hole);
  }

  private fill(window: LineWindow, sequence: number): void {
    const holes = this.holesByWindow.get(window);
    if (holes === undefined) return;
    for (const hole of holes) if (hole.from <= sequence && sequence <= hole.to) hole.missing--;
  }

  /** Counts the holes that were not filled in time: call it once per turn. */
  countGaps(nowMs: number): void {
    let due = 0;
    for (const hole of this.holes) {
      if (hole.dueMs > nowMs) break;
      due++;
      if (hole.missing > 0) this.listener.gap(hole.window.line);
      this.forget(hole);
    }
    if (due > 0) this.holes.splice(0, due);
  }

  /** Holes of a window fall due in the order in which they opened. */
  private forget(hole: Hole): void {
    const holes = this.holesByWindow.get(hole.window);
    if (holes?.[0] !== hole) return;
    if (holes.length === 1) this.holesByWindow.delete(hole.window);
    else holes.shift();
  }

  of(slot: number): readonly LineWindow[] {
    return this.bySlot[slot] ?? NO_WINDOWS;
  }

  /** Puts back what an owner part says. */
  restore(slot: number, restored: LineWindow): void {
    const window = this.find(slot, restored.line);
    if (window === undefined) this.add(slot, restored);
    else Object.assign(window, restored);
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

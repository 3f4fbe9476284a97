/**
 * When feed sessions are looked over for those long unused, and by which time. Marks carry wall time, as they outlive
 * their owner; a wall clock that is set far ahead must not make every session look unused, and its resends new.
 */
const EVERY_MS = 60_000;
/** More than corrections and the rounding of the stamps. */
const JUMP_S_MIN = 2;

export class MarkExpiry {
  private lookedMs = Number.NEGATIVE_INFINITY;
  private lookedS = 0;
  private jumpedS = 0;

  /**
   * @param nowS wall time, s since the Unix epoch
   * @param nowMs monotonic
   * @returns the wall time less all jumps ahead; null while it is not time to look
   */
  due(nowS: number, nowMs: number): number | null {
    const passedMs = nowMs - this.lookedMs;
    if (passedMs < EVERY_MS) return null;
    const aheadS = nowS - this.lookedS - passedMs / 1000;
    if (aheadS > JUMP_S_MIN && passedMs < Number.POSITIVE_INFINITY) this.jumpedS += aheadS;
    this.lookedMs = nowMs;
    this.lookedS = nowS;
    return nowS - this.jumpedS;
  }
}

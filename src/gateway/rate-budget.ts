/** A token bucket: a burst at once, then a steady rate. */
export class RateBudget {
  private tokens: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private atMs: number,
  ) {
    this.tokens = burst;
  }

  /** Takes one token; false when there is none. */
  take(nowMs: number): boolean {
    this.tokens = Math.min(this.burst, this.tokens + ((nowMs - this.atMs) / 1000) * this.perSecond);
    this.atMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

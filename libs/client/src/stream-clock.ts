/** Time as the client sees it; tests pass their own. */
export interface StreamClock {
  /** ms since the Unix epoch at the start, from then on never set back. */
  nowMs(): number;
  /** Calls once after this many ms; the answer cancels it. */
  after(delayMs: number, call: () => void): () => void;
}

export const systemStreamClock: StreamClock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * What this process has acknowledged, per feed session: the highest sequence. A hint for handlers that come back, and
 * how a repeat is known without asking the store. Bounded: the sessions longest without an acknowledgement are
 * forgotten, and their repeats are offered again, which the log's owner drops.
 */
export class Acknowledged {
  private readonly lastBySession = new Map<string, number>();

  /** @param sessionsMax about 150 bytes each */
  constructor(private readonly sessionsMax = 10_000) {}

  /** Null when nothing is known. */
  last(source: string, session: string): number | null {
    return this.lastBySession.get(keyOf(source, session)) ?? null;
  }

  /** A batch is stored, and everything of its session before it. */
  note(source: string, session: string, sequence: number): void {
    const key = keyOf(source, session);
    const before = this.lastBySession.get(key) ?? sequence;
    this.lastBySession.delete(key);
    this.lastBySession.set(key, Math.max(before, sequence));
    if (this.lastBySession.size <= this.sessionsMax) return;
    for (const oldest of this.lastBySession.keys()) {
      this.lastBySession.delete(oldest);
      return;
    }
  }

  get size(): number {
    return this.lastBySession.size;
  }
}

function keyOf(source: string, session: string): string {
  // Names have no space (feedName).
  return `${source} ${session}`;
}

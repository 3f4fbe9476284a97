/** TickLog in memory: the same limits and answers as on Redis. */
import type { MemoryStore } from './memory-store.js';
import type { Append, AppendAnswer, TickLog, TickLogLimits } from './tick-log.js';

export class MemoryTickLog implements TickLog {
  constructor(
    private readonly store: MemoryStore,
    private readonly limits: TickLogLimits,
  ) {}

  async append(partition: number, { run, entries, newMarks }: Append): Promise<AppendAnswer> {
    if (run !== this.store.run) return { kind: 'run', run: this.store.run };
    const kept = this.store.partition(partition);
    if (entries.length > 0 && kept.log.length + entries.length > this.limits.entriesMax)
      return { kind: 'full' };
    const marks = kept.meta?.marks;
    if (marks !== undefined && marks.size >= this.limits.marksMax) {
      if (newMarks.some((mark) => !marks.has(mark))) return { kind: 'sessions_full' };
    }
    for (const bytes of entries) kept.log.push({ id: ++kept.logTop, bytes });
    return { kind: 'stored' };
  }

  together(issue: () => void): void {
    issue();
  }

  /** Memory is never lost while its process lives. */
  watch(): () => void {
    return () => undefined;
  }
}

/** TickLog in memory: the same limits and answers as on Redis. */
import type { MemoryStore } from './memory-store.js';
import {
  type Append,
  type AppendAnswer,
  entriesMaxFor,
  type TickLog,
  type TickLogLimits,
} from './tick-log.js';

export class MemoryTickLog implements TickLog {
  constructor(
    private readonly store: MemoryStore,
    private readonly limits: TickLogLimits,
  ) {}

  async append(partition: number, append: Append): Promise<AppendAnswer> {
    const { run, entries, newMarks } = append;
    if (run !== this.store.run) return { kind: 'run', run: this.store.run };
    const kept = this.store.partition(partition);
    const entriesMax = entriesMaxFor(append, this.limits);
    if (entries.length > 0 && kept.log.length + entries.length > entriesMax) return { kind: 'full' };
    const marks = kept.meta?.marks;
    if (marks !== undefined && marks.size >= this.limits.marksMax) {
      const unknown = newMarks.filter((mark) => !marks.has(mark));
      if (unknown.length > 0) return { kind: 'sessions_full', marks: unknown };
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

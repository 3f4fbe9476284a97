/** Log lines about faults that can repeat thousands of times a second: one line per kind in ten seconds, with a count. */
import type { Clock } from '../clock.js';
import type { Log } from '../ops/log.js';

const EVERY_MS = 10_000;

export class LiveLog {
  private readonly kinds = new Map<string, { saidMs: number; unsaid: number }>();

  constructor(
    private readonly log: Log,
    private readonly clock: Clock,
  ) {}

  /** @param message a fixed text: it names the kind */
  warn(message: string, fields: Readonly<Record<string, unknown>>): void {
    const now = this.clock.monotonicMs();
    const kind = this.kinds.get(message);
    if (kind !== undefined && now - kind.saidMs < EVERY_MS) {
      kind.unsaid++;
      return;
    }
    this.log.warn({ ...fields, unsaid: kind?.unsaid ?? 0 }, message);
    this.kinds.set(message, { saidMs: now, unsaid: 0 });
  }
}

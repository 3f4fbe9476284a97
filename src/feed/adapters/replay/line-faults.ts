/** Says which lines of a file were bad, the first ones each, then a sample: a bad file must not drown the log. */
import type { Clock } from '../../../clock.js';
import type { Log } from '../../../ops/log.js';

/** Lines that are logged one by one. */
const FAULTS_SHOWN = 10;
const QUIET_MS = 10_000;

export class LineFaults {
  private shown = 0;
  private unsaid = 0;
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly log: Log,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly file: string,
  ) {}

  /** @param line number of the line, from 1 */
  note(line: number, reason: string, message: string): void {
    const nowMs = this.clock.monotonicMs();
    if (this.shown >= FAULTS_SHOWN && nowMs - this.lastMs < QUIET_MS) {
      this.unsaid++;
      return;
    }
    this.log.warn(
      { adapter: 'replay', file: this.file, line, reason, unsaid: this.unsaid },
      `line ${line} was rejected (${reason}): ${message}`,
    );
    this.shown++;
    this.unsaid = 0;
    this.lastMs = nowMs;
  }
}

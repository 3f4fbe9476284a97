/**
 * Plays a file of ticks, under the source name `replay`: CSV or NDJSON, plain or gzipped, in the file's order and with
 * its exchange times, at the pace of those times, faster, or as fast as the door takes it. The file is streamed; a bad
 * line is counted and said, and never ends the replay.
 */
import type { RejectReason } from '#market-data';
import type { Clock } from '../../../clock.js';
import type { Config } from '../../../config.js';
import type { Log } from '../../../ops/log.js';
import type { BatchDoor } from '../../batch-door.js';
import { csvCells, delimiterOf } from '../csv-cells.js';
import { DoorSession, newSession } from '../door-session.js';
import { AdapterError, type FeedAdapter, wordsOf } from '../feed-adapter.js';
import { firstLine, readLines } from '../file-lines.js';
import type { Pauses } from '../pauses.js';
import { ColumnMapFault, columnMap } from './column-map.js';
import { LineFaults } from './line-faults.js';
import { Pace } from './pace.js';
import { CsvLines, type LineReader, NdjsonLines } from './ticks.js';

/** Two parts of the tick log: large enough for 100,000 ticks/s with one batch at the door, small enough to be busy for. */
export const BATCH_TICKS_MAX = 1_000;
/** A shorter wait would make batches of one tick; a tick is at most this late. */
export const WAIT_MS_MIN = 5;

export type ReplayConfig = Pick<Config, 'replaySpeed' | 'replayLoop' | 'replayColumns'>;

export interface ReplayParts {
  readonly file: string;
  readonly config: ReplayConfig;
  readonly door: BatchDoor;
  readonly clock: Clock;
  readonly pauses: Pauses;
  readonly random: () => number;
  readonly log: Log;
}

/** What a replay did so far. `rejected` has the door's reasons, and `line_unreadable` for lines that are no tick. */
export interface ReplayReport {
  readonly lines: number;
  readonly passes: number;
  readonly accepted: number;
  readonly rejected: Readonly<Record<string, number>>;
}

export class ReplayAdapter implements FeedAdapter {
  readonly name = 'replay';
  private readonly stopping = new AbortController();
  private readonly session: DoorSession;
  private readonly pace: Pace;
  private readonly faults: LineFaults;
  private reader: LineReader = new NdjsonLines();
  private running: Promise<void> = Promise.resolve();
  private lines = 0;
  private linesUnreadable = 0;
  private passes = 0;
  private ticks: object[] = [];
  /** Line of each tick in `ticks`. */
  private lineNumbers: number[] = [];

  constructor(private readonly parts: ReplayParts) {
    const { door, pauses, clock, random, config, log, file } = parts;
    const session = newSession(clock.nowUs(), random);
    this.session = new DoorSession(door, pauses, this.name, session, this.stopping.signal);
    this.pace = new Pace(config.replaySpeed, clock);
    this.faults = new LineFaults(log, clock, file);
  }

  async start(): Promise<void> {
    const { file, config, log } = this.parts;
    this.reader = await readerOf(file, config.replayColumns);
    const { replaySpeed: speed, replayLoop: loop } = config;
    log.info({ adapter: this.name, file, speed, loop }, 'replay started');
    this.running = this.run().catch((error: unknown) =>
      log.error({ adapter: this.name, file, err: error }, `replay broke off: ${wordsOf(error)}`),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Resolves when the replay has ended: at the file's end, unless it loops, or when it was stopped. */
  ended(): Promise<void> {
    return this.running;
  }

  report(): ReplayReport {
    const rejected: Record<string, number> = Object.fromEntries<number>(this.session.rejected);
    if (this.linesUnreadable > 0) rejected['line_unreadable'] = this.linesUnreadable;
    return { lines: this.lines, passes: this.passes, accepted: this.session.accepted, rejected };
  }

  counts(): Readonly<Record<string, number>> {
    return {
      accepted: this.session.accepted,
      rejected: this.session.rejectedTotal,
      busy: this.session.busy,
      lines_unreadable: this.linesUnreadable,
    };
  }

  private async run(): Promise<void> {
    const { file, log, config, clock } = this.parts;
    const beginMs = clock.monotonicMs();
    try {
      do await this.pass();
      while (config.replayLoop && !this.stopping.signal.aborted && this.session.accepted > 0);
    } finally {
      const elapsedMs = Math.round(clock.monotonicMs() - beginMs);
      log.info({ adapter: this.name, file, elapsedMs, ...this.report() }, 'replay ended');
    }
  }

  /** Plays the file once. */
  private async pass(): Promise<void> {
    this.pace.restart();
    let line = 0;
    let first = true;
    for await (const lines of readLines(this.parts.file)) {
      for (const text of lines) {
        line++;
        this.lines++;
        if (typeof text !== 'string') this.reject(line, text.message);
        else {
          const wait = this.take(text, line, first);
          if (text.trim() !== '') first = false;
          if (wait !== undefined) await wait;
        }
        if (this.stopping.signal.aborted) return;
      }
    }
    await this.flush();
    this.passes++;
  }

  /** @returns what has to be awaited before the next line, if anything */
  private take(text: string, line: number, first: boolean): Promise<void> | undefined {
    const reading = this.reader.read(text, first);
    if (reading.outcome === 'nothing') return undefined;
    if (reading.outcome === 'fault') {
      this.reject(line, reading.message);
      return undefined;
    }
    const waitMs = this.pace.waitMs(reading.timeUs);
    if (waitMs > 0) return this.wait(waitMs, reading.tick, line);
    this.add(reading.tick, line);
    return this.ticks.length >= BATCH_TICKS_MAX ? this.flush() : undefined;
  }

  /** What is due goes out first; then this tick's time comes. */
  private async wait(waitMs: number, tick: object, line: number): Promise<void> {
    const { clock, pauses } = this.parts;
    const dueMs = clock.monotonicMs() + waitMs;
    await this.flush();
    const leftMs = dueMs - clock.monotonicMs();
    if (leftMs > 0) await pauses.pause(Math.max(leftMs, WAIT_MS_MIN), this.stopping.signal);
    this.add(tick, line);
  }

  private add(tick: object, line: number): void {
    this.ticks.push(tick);
    this.lineNumbers.push(line);
  }

  private async flush(): Promise<void> {
    if (this.ticks.length === 0) return;
    const { lineNumbers } = this;
    const answer = await this.session.push(this.ticks);
    this.ticks = [];
    this.lineNumbers = [];
    for (const { index, reason, message } of answer?.rejected ?? []) {
      this.note(lineNumbers[index] ?? 0, reason, message);
    }
  }

  private reject(line: number, message: string): void {
    this.linesUnreadable++;
    this.note(line, 'line_unreadable', message);
  }

  private note(line: number, reason: RejectReason | 'line_unreadable', message: string): void {
    this.faults.note(line, reason, message);
  }
}

/** Looks at the file's first line: it must be there, and the column map must fit it. */
async function readerOf(file: string, columns: string | null): Promise<LineReader> {
  let line: string | undefined;
  try {
    line = await firstLine(file);
  } catch (error) {
    throw new AdapterError(
      'replay_file_unreadable',
      `TICKCAST_REPLAY is ${JSON.stringify(file)}, which cannot be read: ${wordsOf(error)}`,
      error,
    );
  }
  if (columns === null && !/\.(csv|tsv|txt)(\.gz)?$/i.test(file)) return new NdjsonLines();
  const delimiter = delimiterOf(line ?? '');
  const map = columnMap(columns, csvCells(line ?? '', delimiter) ?? []);
  if (map instanceof ColumnMapFault) {
    const setting = `TICKCAST_REPLAY_COLUMNS is ${columns === null ? 'not set' : JSON.stringify(columns)}`;
    throw new AdapterError('replay_columns_invalid', `${setting}, for ${file}: ${map.message}`);
  }
  return new CsvLines(map, delimiter);
}

/**
 * Writes down what passed: every accepted tick is appended to an NDJSON file that `replay` plays. The record never
 * delays the feed: when the disk does not keep up, whole batches are left out of the file, counted and said.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Tick } from '#market-data';
import type { Log } from '../../../ops/log.js';
import type { SymbolRegistry } from '../../../symbols/symbol-registry.js';
import type { StoredListener } from '../../batch-gate.js';
import { AdapterError, type FeedAdapter, wordsOf } from '../feed-adapter.js';
import { tickLine } from './ticks.js';

/** Text that waits for the disk: about 100,000 ticks. */
export const RECORD_PENDING_BYTES_MAX = 16 * 1024 * 1024;

export interface RecordParts {
  readonly file: string;
  readonly onStored: (listener: StoredListener) => () => void;
  readonly registry: Pick<SymbolRegistry, 'bySid'>;
  readonly log: Log;
  /** Bytes that may wait for the disk; beyond, ticks are left out. */
  readonly pendingBytesMax?: number;
}

export class RecordAdapter implements FeedAdapter {
  readonly name = 'record';
  private stream: WriteStream | undefined;
  private detach: (() => void) | undefined;
  private readonly pendingBytesMax: number;
  private written = 0;
  private dropped = 0;
  /** Whether ticks are being left out right now: said once when it begins, once when it ends. */
  private dropping = false;
  private failed = false;

  constructor(private readonly parts: RecordParts) {
    this.pendingBytesMax = parts.pendingBytesMax ?? RECORD_PENDING_BYTES_MAX;
  }

  async start(): Promise<void> {
    const { file, onStored, log } = this.parts;
    this.stream = await opened(file);
    this.stream.on('error', (error) => this.fail(error));
    this.detach = onStored((_, ticks) => this.append(ticks));
    log.info({ adapter: this.name, file }, 'record started: every accepted tick is appended');
  }

  /** Call it when nothing more will be stored; what waits is written first. */
  async stop(): Promise<void> {
    this.detach?.();
    const { stream } = this;
    if (stream === undefined) return;
    if (!this.failed)
      await new Promise<void>((resolve) => stream.end(resolve).once('error', () => resolve()));
    const { written, dropped } = this;
    this.parts.log.info({ adapter: this.name, file: this.parts.file, written, dropped }, 'record ended');
  }

  counts(): Readonly<Record<string, number>> {
    return { written: this.written, dropped: this.dropped };
  }

  private append(ticks: readonly Tick[]): void {
    const { stream } = this;
    if (stream === undefined || this.failed) {
      this.dropped += ticks.length;
      return;
    }
    if (stream.writableLength >= this.pendingBytesMax) this.leaveOut(ticks.length);
    else {
      if (this.dropping) this.resume();
      stream.write(this.linesOf(ticks));
      this.written += ticks.length;
    }
  }

  private linesOf(ticks: readonly Tick[]): string {
    const { registry } = this.parts;
    let lines = '';
    for (const tick of ticks) {
      const instrument = registry.bySid(tick.sid);
      // The door took the sid from this registry, which never forgets one.
      if (instrument === undefined) throw new RangeError(`Expected a known sid, was ${tick.sid}`);
      lines += tickLine(tick, instrument);
    }
    return lines;
  }

  private leaveOut(ticks: number): void {
    this.dropped += ticks;
    if (this.dropping) return;
    this.dropping = true;
    const { log, file } = this.parts;
    const words = 'the disk does not keep up: ticks are left out of the record (the feed goes on)';
    log.warn({ adapter: this.name, file, pendingBytesMax: this.pendingBytesMax }, words);
  }

  private resume(): void {
    this.dropping = false;
    const { log, file } = this.parts;
    log.warn({ adapter: this.name, file, dropped: this.dropped }, 'the record goes on after a hole');
  }

  private fail(error: Error): void {
    if (this.failed) return;
    this.failed = true;
    this.detach?.();
    const { log, file } = this.parts;
    log.error(
      { adapter: this.name, file, err: error },
      `record broke off (the feed goes on): ${error.message}`,
    );
  }
}

/** @throws AdapterError `record_file_unwritable` */
function opened(file: string): Promise<WriteStream> {
  return new Promise((resolve, reject) => {
    const stream = createWriteStream(file, { flags: 'a' });
    stream.once('open', () => {
      stream.removeAllListeners('error');
      resolve(stream);
    });
    stream.once('error', (error) =>
      reject(
        new AdapterError(
          'record_file_unwritable',
          `TICKCAST_RECORD is ${JSON.stringify(file)}, which cannot be appended to: ${wordsOf(error)}`,
          error,
        ),
      ),
    );
  });
}

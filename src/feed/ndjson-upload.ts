/**
 * A streamed upload: one tick per line, any length, bounded memory. Lines are offered in parts of GROUP_TICKS_MAX by
 * their place in the input, all under the sequence of the upload, so that a retry cuts alike and the log drops what it
 * has. For the same reason an upload that breaks off never stores its last, incomplete part. One that ended early may
 * go on: its parts keep the numbers that they have in the whole.
 */
import { GROUP_TICKS_MAX } from '#market-data';
import type { BatchAnswer, FeedBatch } from './batch-door.js';
import { LineCutter } from './line-cutter.js';
import { TickFault } from './tick-fault.js';
import { parseTicks } from './tick-json.js';
import type { UploadName } from './upload-name.js';
import { UploadTally } from './upload-tally.js';

/** Parts that wait for their answer before the next chunk is read: enough to keep an append of 8 ms busy. */
const PARTS_UNDER_WAY_MAX = 16;

type Busy = Extract<BatchAnswer, { outcome: 'busy' }>;

export class NdjsonUpload {
  readonly tally: UploadTally;
  /** Why the first part that was not stored was not; nothing after it was offered. */
  busy: Busy | null = null;
  private readonly cutter = new LineCutter();
  private places: unknown[] = [];
  private part: number;
  private underWay = 0;
  private wake: (() => void) | null = null;

  /** @param firstLine number of the body's first line in the whole upload, from 1: the first of a part */
  constructor(
    private readonly name: UploadName,
    private readonly offer: (batch: FeedBatch) => Promise<BatchAnswer>,
    firstLine = 1,
  ) {
    this.tally = new UploadTally('line', firstLine - 1);
    this.part = (firstLine - 1) / GROUP_TICKS_MAX;
  }

  /**
   * Reads to the end, or until a part is refused (`busy`). When it settles, nothing is under way any more.
   * @throws whatever the body throws
   */
  async read(body: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunk of body) {
        this.cutter.cut(chunk, this.take);
        await this.untilUnderWay(PARTS_UNDER_WAY_MAX);
        if (this.busy !== null) return;
      }
      this.cutter.end(this.take);
      this.offerPart();
    } finally {
      await this.untilUnderWay(0);
    }
  }

  private readonly take = (line: string | TickFault): void => {
    this.places.push(typeof line === 'string' ? tickOf(line) : line);
    if (this.places.length === GROUP_TICKS_MAX) this.offerPart();
  };

  private offerPart(): void {
    const ticks = this.places;
    this.places = [];
    if (ticks.length === 0 || this.busy !== null) return;
    const { source, session, sequence } = this.name;
    this.underWay++;
    void this.offer({ source, session, sequence, firstPart: this.part++, ticks }).then((answer) => {
      this.underWay--;
      if (answer.outcome === 'busy') this.busy ??= answer;
      else if (this.busy === null) this.tally.add(ticks.length, answer.accepted, answer.rejected);
      this.wake?.();
    });
  }

  private async untilUnderWay(count: number): Promise<void> {
    while (this.underWay > count) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** A blank line is an empty place. */
function tickOf(line: string): unknown {
  if (line.trim() === '') return undefined;
  try {
    return parseTicks(line);
  } catch (error) {
    return new TickFault(
      'malformed',
      `Expected a line of JSON, ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** What became of an upload so far, in the form of its answer. */
import type { Rejection } from './batch-door.js';

/** Rejections listed in one answer; `rejectedTotal` counts all. About 2 MB. */
export const REJECTED_LISTED_MAX = 10_000;

export interface UploadRejection extends Omit<Rejection, 'index'> {
  /** Place in the array, from 0. */
  readonly index?: number;
  /** Line of the NDJSON, from 1. */
  readonly line?: number;
}

export interface UploadAnswer {
  /** Ticks of this body that are stored. */
  readonly accepted: number;
  /** The first REJECTED_LISTED_MAX, in the order of the input. */
  readonly rejected: readonly UploadRejection[];
  readonly rejectedTotal: number;
  /**
   * NDJSON only: so many lines from the beginning of the whole upload are done with, blank and rejected ones among them.
   * A multiple of GROUP_TICKS_MAX, unless all are.
   */
  readonly storedLines?: number;
}

export class UploadTally {
  private accepted = 0;
  private rejectedTotal = 0;
  private readonly rejected: UploadRejection[] = [];

  /** @param storedLines lines of the whole upload that lie before this body */
  constructor(
    private readonly place: 'index' | 'line',
    private storedLines = 0,
  ) {}

  /**
   * The next places of the input are stored, apart from the rejected ones.
   * @param places how many
   */
  add(places: number, accepted: number, rejected: readonly Rejection[]): void {
    this.accepted += accepted;
    this.rejectedTotal += rejected.length;
    for (const { index, reason, message } of rejected) {
      if (this.rejected.length >= REJECTED_LISTED_MAX) break;
      const place = this.place === 'index' ? { index } : { line: this.storedLines + index + 1 };
      this.rejected.push({ ...place, reason, message });
    }
    this.storedLines += places;
  }

  answer(): UploadAnswer {
    const { accepted, rejected, rejectedTotal, storedLines } = this;
    return this.place === 'index'
      ? { accepted, rejected, rejectedTotal }
      : { accepted, rejected, rejectedTotal, storedLines };
  }
}

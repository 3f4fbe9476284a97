/**
 * The encoded records of one flush, one stretch of bytes per symbol: made once per lane and dialect, then copied into
 * the frames of all sessions. A set is frozen from the first half of a flush to the end of the second.
 */
import { MsgpackWriter } from '#wire';
import { grown, grownCapacity } from './images.js';

/** Frames copy in steps of 4 bytes up to this many beyond a fragment's end. */
const SLACK_BYTES = 32;

export class Fragments {
  private readonly out = new MsgpackWriter(16 * 1024);
  /** Pass in which the symbol's fragment was made; an older one means there is none. */
  madeIn = new Float64Array(1024);
  start = new Int32Array(1024);
  length = new Int32Array(1024);
  /** Bytes of the longest fragment since `clear`. */
  longest = 0;
  /** How many records a symbol's fragment holds: 1 for tickers, any number for trades. */
  records = new Int32Array(1024);

  get view(): DataView {
    return this.out.dataView;
  }

  /** All fragments, and at least 32 bytes behind them. */
  get bytes(): Uint8Array {
    return this.out.buffer;
  }

  /** Bytes of all fragments since `clear`. */
  get bytesUsed(): number {
    return this.out.at;
  }

  /** Begins anew: all fragments are gone. */
  clear(): void {
    this.out.at = 0;
    this.longest = 0;
  }

  has(sid: number, pass: number): boolean {
    return this.madeIn[sid] === pass;
  }

  /** Where to write the next fragment; finish it with `end`. */
  begin(): MsgpackWriter {
    return this.out;
  }

  /** What was written from `start` on is the fragment of this symbol. */
  end(sid: number, pass: number, start: number, records: number): void {
    if (sid >= this.start.length) this.reserve(sid);
    this.out.reserve(SLACK_BYTES);
    this.madeIn[sid] = pass;
    this.start[sid] = start;
    const length = this.out.at - start;
    this.length[sid] = length;
    if (length > this.longest) this.longest = length;
    this.records[sid] = records;
  }

  /** There is no fragment of this symbol any more. */
  forget(sid: number): void {
    if (sid < this.madeIn.length) this.madeIn[sid] = 0;
  }

  private reserve(sid: number): void {
    const capacity = grownCapacity(this.start.length, sid);
    this.madeIn = grown(this.madeIn, capacity);
    this.start = grown(this.start, capacity);
    this.length = grown(this.length, capacity);
    this.records = grown(this.records, capacity);
  }
}

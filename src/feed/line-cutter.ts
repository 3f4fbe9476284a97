/**
 * Cuts a stream of bytes into lines as they come, in bounded memory. A line that is too long is not gathered: it comes
 * out as a TickFault and the next one is read as usual.
 */
import { TickFault } from './tick-fault.js';

/** One tick has a few hundred bytes. */
export const LINE_BYTES_MAX = 16 * 1024;

const NEWLINE = 0x0a;

export class LineCutter {
  /** Pieces of the line that is not ended yet. */
  private pieces: Buffer[] = [];
  private bytes = 0;
  private first = true;

  /** Calls `take` with each line that ends in this chunk, without its line end. */
  cut(chunk: Buffer, take: (line: string | TickFault) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.gather(chunk.subarray(start, end));
      take(this.line());
      start = end + 1;
    }
    // The chunk's memory may be used again: what stays is copied.
    if (start < chunk.length) this.gather(Buffer.from(chunk.subarray(start)));
  }

  /** The last line, if it does not end in a line end. */
  end(take: (line: string | TickFault) => void): void {
    if (this.bytes > 0) take(this.line());
  }

  private gather(piece: Buffer): void {
    this.bytes += piece.length;
    if (this.bytes <= LINE_BYTES_MAX) this.pieces.push(piece);
    else this.pieces = [];
  }

  private line(): string | TickFault {
    const { bytes, pieces } = this;
    this.pieces = [];
    this.bytes = 0;
    if (bytes > LINE_BYTES_MAX)
      return new TickFault('malformed', `Expected a line of at most ${LINE_BYTES_MAX} bytes, was ${bytes}`);
    const line = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    const text = line.toString('utf8');
    if (!this.first) return text;
    this.first = false;
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  }
}

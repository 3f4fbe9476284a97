/** A text file as lines, streamed: plain or gzipped, never more than one chunk and one unfinished line in memory. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { LineCutter } from '../line-cutter.js';
import { TickFault } from '../tick-fault.js';

/** A line, or what was wrong with it: it was too long to be gathered. */
export type FileLine = string | TickFault;

/**
 * Reads a file in UTF-8; `.gz` is unpacked. Lines end with LF or CRLF; a byte order mark is dropped.
 * @returns the lines of one chunk at a time, in order; abandoning the iteration closes the file
 * @throws the system's or zlib's error when the file cannot be read (on)
 */
export async function* readLines(path: string): AsyncGenerator<readonly FileLine[]> {
  const file = createReadStream(path);
  const chunks: AsyncIterable<Buffer> = path.endsWith('.gz') ? unpack(file) : file;
  const cutter = new LineCutter();
  let lines: FileLine[] = [];
  const take = (line: FileLine) => lines.push(withoutReturn(line));
  try {
    for await (const chunk of chunks) {
      cutter.cut(chunk, take);
      if (lines.length > 0) yield lines;
      lines = [];
    }
    cutter.end(take);
    if (lines.length > 0) yield lines;
  } finally {
    file.destroy();
  }
}

/** pipe() does not pass errors on: a file that fails would leave its reader waiting for ever. */
function unpack(file: NodeJS.ReadableStream): AsyncIterable<Buffer> {
  const gunzip = createGunzip();
  file.once('error', (error: Error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}

function withoutReturn(line: FileLine): FileLine {
  return typeof line === 'string' && line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** The first line that is not blank, or undefined in an empty file. @throws as readLines */
export async function firstLine(path: string): Promise<string | undefined> {
  for await (const lines of readLines(path)) {
    for (const line of lines) if (typeof line === 'string' && line.trim() !== '') return line;
  }
  return undefined;
}

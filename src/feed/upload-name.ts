/**
 * The three headers that make a retry of an upload harmless: the log knows (source, session, sequence), and drops what
 * it has. All three, or none. A fourth lets an NDJSON upload that ended early go on where it was.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { GROUP_TICKS_MAX } from '#market-data';
import { Problem } from '../problem.js';
import { FEED_NAME_FORM, feedName } from './feed-messages.js';
import { describe } from './tick-fault.js';

export interface UploadName {
  readonly source: string;
  readonly session: string;
  readonly sequence: number;
}

const HEADERS = ['tickcast-source', 'tickcast-session', 'tickcast-sequence'] as const;
const SEQUENCE = /^(0|[1-9]\d{0,15})$/;
const LINE = /^[1-9]\d{0,15}$/;

/** Null when none of the headers is there. @throws Problem (malformed_header) */
export function uploadName(headers: IncomingHttpHeaders): UploadName | null {
  const [source, session, sequence] = HEADERS.map((header) => headers[header]);
  if (source === undefined && session === undefined && sequence === undefined) return null;
  return {
    source: name('Tickcast-Source', source),
    session: name('Tickcast-Session', session),
    sequence: sequenceOf(sequence),
  };
}

/**
 * `Tickcast-First-Line`: which line of the whole NDJSON upload its body begins with, from 1. Parts are cut and known by
 * their place in the whole, so it may only be the first line of a part, as `storedLines` + 1 always is.
 * @param mayGoOn whether it is a named upload, of lines
 * @returns 1 where the header is not there
 * @throws Problem (malformed_header)
 */
export function uploadFirstLine(headers: IncomingHttpHeaders, mayGoOn: boolean): number {
  const value = headers['tickcast-first-line'];
  if (value === undefined) return 1;
  if (!mayGoOn)
    throw new Problem('malformed_header', {
      detail: 'Expected Tickcast-First-Line with NDJSON and the three names of the upload only',
    });
  const line = typeof value === 'string' && LINE.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(line) && (line - 1) % GROUP_TICKS_MAX === 0) return line;
  throw new Problem('malformed_header', {
    detail: `Expected Tickcast-First-Line to be 1 above a multiple of ${GROUP_TICKS_MAX}, as storedLines + 1 is, was ${describe(value)}`,
  });
}

function name(header: string, value: unknown): string {
  const found = feedName(value);
  if (found !== undefined) return found;
  throw malformed(`Expected ${header} to be ${FEED_NAME_FORM}`, value);
}

function sequenceOf(value: unknown): number {
  const sequence = typeof value === 'string' && SEQUENCE.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(sequence)) return sequence;
  throw malformed('Expected Tickcast-Sequence to be an integer from 0 to 2^53 - 1', value);
}

function malformed(expected: string, found: unknown): Problem {
  const together = 'Tickcast-Source, Tickcast-Session and Tickcast-Sequence go together';
  return new Problem('malformed_header', { detail: `${expected}, was ${describe(found)}; ${together}` });
}

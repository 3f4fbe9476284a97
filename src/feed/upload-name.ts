/**
 * The three headers that make a retry of an upload harmless: the log knows (source, session, sequence), and drops what
 * it has. All three, or none.
 */
import type { IncomingHttpHeaders } from 'node:http';
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

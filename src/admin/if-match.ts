/** Versions of instruments as entity tags: `"17"` (RFC 9110 8.8.3, 13.1.1). */
import { Problem } from '../problem.js';

const TAG = '(?:W/)?"[\\x21\\x23-\\x7e\\x80-\\xff]*"';
const TAGS = new RegExp(`^[ \\t]*${TAG}[ \\t]*(?:,[ \\t]*${TAG}[ \\t]*)*$`);

export function entityTag(version: number): string {
  return `"${version}"`;
}

/**
 * The versions that If-Match allows. Tags that are weak or none of ours match nothing.
 * @returns null when every version is allowed: no header, or `*`
 * @throws Problem malformed_header
 */
export function versionsAllowed(ifMatch: string | undefined): readonly number[] | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null;
  if (!TAGS.test(ifMatch)) {
    throw new Problem('malformed_header', {
      detail: `Expected If-Match to be an entity tag such as "17", or *, was ${ifMatch}`,
      header: 'If-Match',
    });
  }
  return (ifMatch.match(new RegExp(TAG, 'g')) ?? []).flatMap((tag) => {
    const version = /^"([1-9]\d{0,15})"$/.exec(tag)?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

/** A body that is decoded as a whole: an array of ticks, or a map with `ticks`, in JSON or msgpack. */
import { decodeMsgpack } from '#wire';
import { Problem } from '../problem.js';
import { describe } from './tick-fault.js';
import { parseTicks } from './tick-json.js';

/** @throws Problem when it is not of the documented form, or has too many ticks */
export function ticksOfBody(bytes: Buffer, codec: 'json' | 'msgpack', ticksMax: number): readonly unknown[] {
  const decoded = decode(bytes, codec);
  const ticks = Array.isArray(decoded) ? decoded : ticksMember(decoded);
  if (!Array.isArray(ticks))
    throw new Problem('malformed_request', {
      detail: `Expected an array of ticks, or ticks to be one, was ${describe(ticks)}`,
    });
  if (ticks.length > ticksMax)
    throw new Problem('body_too_large', {
      detail: `Expected at most ${ticksMax} ticks, was ${ticks.length}; NDJSON may be of any length`,
    });
  return ticks;
}

function decode(bytes: Buffer, codec: 'json' | 'msgpack'): unknown {
  try {
    return codec === 'json' ? parseTicks(bytes.toString('utf8')) : decodeMsgpack(bytes);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new Problem(codec === 'json' ? 'malformed_json' : 'malformed_msgpack', { detail });
  }
}

function ticksMember(decoded: unknown): unknown {
  return typeof decoded === 'object' && decoded !== null ? (decoded as { ticks?: unknown }).ticks : decoded;
}

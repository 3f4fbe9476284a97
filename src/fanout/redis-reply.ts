/** Reads the untyped replies of scripts and stream commands, strings being Buffers. A wrong shape is a fault of ours. */
import type { TapeId } from './partition-store.js';

export function array(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError(`Expected an array from Redis, was ${typeof reply}`);
  return reply;
}

export function buffer(reply: unknown): Buffer {
  if (!Buffer.isBuffer(reply)) throw new TypeError(`Expected bytes from Redis, was ${typeof reply}`);
  return reply;
}

export function text(reply: unknown): string {
  return typeof reply === 'string' ? reply : buffer(reply).toString();
}

export function integer(reply: unknown): number {
  if (typeof reply !== 'number') throw new TypeError(`Expected an integer from Redis, was ${typeof reply}`);
  return reply;
}

/** Field and value side by side, as HGETALL answers inside a script. */
export function fieldsOf(reply: readonly unknown[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) fields.set(text(reply[i]), text(reply[i + 1]));
  return fields;
}

export function streamEntries(
  reply: unknown,
): { readonly id: string; readonly fields: readonly unknown[] }[] {
  return array(reply).map((entry) => {
    const [id, fields] = array(entry);
    return { id: text(id), fields: array(fields) };
  });
}

/** `epoch-number`; both are below 2^53. */
export function readTapeId(id: string): TapeId {
  const dash = id.indexOf('-');
  return { epoch: Number(id.slice(0, dash)), number: Number(id.slice(dash + 1)) };
}

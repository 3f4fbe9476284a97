/** A tick that was not taken: why, and what was found. */
import type { RejectReason } from '#market-data';

export class TickFault {
  constructor(
    readonly reason: RejectReason,
    /** What was expected and what was found, one line, at most a few hundred characters. */
    readonly message: string,
  ) {}
}

const TEXT_SHOWN_MAX = 40;

/** A value from a stranger as it is shown in a message: short, on one line, whatever it is. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length <= TEXT_SHOWN_MAX
        ? JSON.stringify(value)
        : `${JSON.stringify(value.slice(0, TEXT_SHOWN_MAX))}… (${value.length} characters)`;
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'undefined':
      return 'missing';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'an array';
      return value instanceof Uint8Array ? 'binary' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

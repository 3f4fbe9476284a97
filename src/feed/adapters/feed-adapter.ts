/**
 * A built-in feed handler: brings ticks through the same door as a handler on a socket, or (record) writes down what
 * passed. Every adapter is one folder with the same two files: `ticks.ts` makes or reads ticks and knows no timer,
 * `adapter.ts` starts, paces and stops. The next adapter is a copy of one of them, and one line in `adapters.ts`.
 */
import { ConfigError } from '../../config.js';

export interface FeedAdapter {
  /** Source of its batches, and its name in logs and metrics. */
  readonly name: string;
  /**
   * Resolves once it runs.
   * @throws AdapterError when a file or setting that it was given cannot be used
   */
  start(): Promise<void>;
  /** Resolves when nothing of it runs any more; a batch at the door is answered first. Never rejects. */
  stop(): Promise<void>;
  /** Numbers that only grow, by name, for the metrics. */
  counts(): Readonly<Record<string, number>>;
}

/** Why an adapter could not start, and what to look at. */
export const ADAPTER_ERRORS = {
  replay_file_unreadable: 'The file of TICKCAST_REPLAY does not exist or cannot be read.',
  replay_columns_invalid: 'TICKCAST_REPLAY_COLUMNS is malformed, or does not fit the file.',
  bars_file_unreadable: 'The file of TICKCAST_SIMULATOR_BARS does not exist or cannot be read.',
  bars_invalid: 'A line of TICKCAST_SIMULATOR_BARS is not a daily bar that its instrument can show.',
  record_file_unwritable: 'The file of TICKCAST_RECORD cannot be opened for appending.',
} as const;
export type AdapterErrorCode = keyof typeof ADAPTER_ERRORS;

/** Stops the start of the process as a wrong setting does; the message names the setting and what was found. */
export class AdapterError extends ConfigError {
  constructor(
    override readonly code: AdapterErrorCode,
    message: string,
    override readonly cause?: unknown,
  ) {
    super([`${message} (${code})`]);
  }
}

/** What a caught value says, for messages that pass on the system's own words. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

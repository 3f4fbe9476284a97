/**
 * How symbols are spread over partitions is fixed when a store is first used: with another number or hash, symbols
 * would be looked for away from their history.
 */
import { PARTITION_HASH } from '#market-data';
import { ConfigError } from '../config.js';

/** This process is set up for another store: starting it again does not help. */
export class LayoutMismatch extends ConfigError {
  override readonly code = 'layout_mismatch';

  constructor(fault: string) {
    super([fault]);
  }
}

export interface Layout {
  readonly partitions: string;
  readonly hash: string;
}

/** @throws LayoutMismatch when the stored layout is not the one that this process would use */
export function checkLayout(stored: Layout, partitions: number): void {
  if (stored.partitions !== String(partitions)) {
    throw new LayoutMismatch(
      `TICKCAST_PARTITIONS is "${partitions}", but this store was begun with ${stored.partitions}; ` +
        `set TICKCAST_PARTITIONS=${stored.partitions}, or use another TICKCAST_REDIS_PREFIX.`,
    );
  }
  if (stored.hash !== PARTITION_HASH) {
    throw new LayoutMismatch(
      `This store spreads symbols by ${stored.hash}, this version by ${PARTITION_HASH}; ` +
        'use the version that began it, or another TICKCAST_REDIS_PREFIX.',
    );
  }
}

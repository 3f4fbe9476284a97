/** Fixes the layout of a store at its first use, reads it at every other start, and stands by it while the process lives. */
import { PARTITION_HASH } from '#market-data';
import type { Log } from '../ops/log.js';
import { checkLayout, LayoutMismatch } from './layout.js';
import type { Timers } from './live-timers.js';
import type { Names } from './names.js';
import type { RedisCommands } from './redis-commands.js';
import { LAYOUT } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript } from './redis-script.js';
import { StoreUnavailable } from './store-unavailable.js';

const RETRY_MS = 250;

const layout = new RedisScript(LAYOUT);

/** @throws LayoutMismatch, StoreUnavailable */
export async function fixLayout(redis: RedisCommands, names: Names, partitions: number): Promise<void> {
  const reply = array(await layout.run(redis, [names.registry.layout], [partitions, PARTITION_HASH]));
  checkLayout({ partitions: text(reply[0]), hash: text(reply[1]) }, partitions);
}

/**
 * Fixes the layout again whenever the connection comes back: the store may be an emptied one, or another, and a process
 * with another layout may have come first. Then this one must write nothing more.
 */
export class LayoutGuard {
  private mismatch: string | null = null;
  private fixing = false;
  private readonly endWatch: () => void;

  /**
   * @param redis connections for commands
   * @param mismatched is told, once, that the store is laid out in another way
   */
  constructor(
    private readonly redis: RedisCommands,
    private readonly names: Names,
    private readonly partitions: number,
    private readonly timers: Timers,
    private readonly log: Log,
    private readonly mismatched: () => void,
  ) {
    const listener = { lost: () => undefined, back: () => void this.fix() };
    this.endWatch = redis.watch(listener, names.registry.layout);
  }

  /** Null while the layout is the one of this process; else what differs. */
  unready(): string | null {
    return this.mismatch;
  }

  private async fix(): Promise<void> {
    if (this.fixing || this.mismatch !== null) return;
    this.fixing = true;
    try {
      await fixLayout(this.redis, this.names, this.partitions);
    } catch (error) {
      this.fail(error);
    } finally {
      this.fixing = false;
    }
  }

  private fail(error: unknown): void {
    if (error instanceof StoreUnavailable) {
      this.timers.after(RETRY_MS, () => {
        if (!this.redis.isClosed) void this.fix();
      });
      return;
    }
    this.mismatch = error instanceof LayoutMismatch ? error.message : `layout not known: ${String(error)}`;
    this.log.fatal({ error: this.mismatch }, 'store has another layout: nothing is written to it any more');
    this.endWatch();
    this.mismatched();
  }
}

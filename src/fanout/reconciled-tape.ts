/**
 * A tape that after a lost connection shows nothing before the registry has caught up: a symbol that operators switched
 * off meanwhile must not be shown once more by the batches that were missed. A connection that was silent counts as
 * lost, be it that it stood still or that this process did: what comes first then is as old as the silence.
 *
 * From `down` until then reads fail, and live messages are left out: `up` is told afterwards, and whoever follows then
 * looks for what is missing. The registry's listeners run before that, so sessions hear of the switch first.
 */
import type { Clock } from '../clock.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { LiveLog } from './live-log.js';
import type { Timers } from './live-timers.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

const RETRY_MS = 50;

export class ReconciledTape implements Tape {
  private isOpen = true;
  /** Monotonic ms of the newest message, or since when there may be some. */
  private heardMs: number;
  /** Counts losses and the end of following: a reconciliation that began before the last one opens nothing. */
  private losses = 0;

  /** @param silentMs after such a silence of all partitions a message may be as old; each says something twice in that time */
  constructor(
    private readonly tape: Tape,
    private readonly registry: Pick<SymbolRegistry, 'reconcile'>,
    private readonly silentMs: number,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly rareLog: LiveLog,
  ) {
    this.heardMs = clock.monotonicMs();
  }

  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    const unfollow = await this.tape.follow({
      message: (partition, bytes) => {
        if (this.wasSilent() && this.isOpen) {
          this.isOpen = false;
          void this.reconcile(++this.losses, listener);
        }
        if (this.isOpen) listener.message(partition, bytes);
      },
      up: () => {
        if (this.isOpen) listener.up();
        else void this.reconcile(this.losses, listener);
      },
      down: () => {
        this.isOpen = false;
        this.losses++;
        listener.down();
      },
    });
    return () => {
      this.losses++;
      return unfollow();
    };
  }

  /** Whether nothing was heard for long, until now. */
  private wasSilent(): boolean {
    const nowMs = this.clock.monotonicMs();
    const wasSilent = nowMs - this.heardMs > this.silentMs;
    this.heardMs = nowMs;
    return wasSilent;
  }

  /** Reconciles until it has, then opens. Never rejects. */
  private async reconcile(loss: number, listener: TapeListener): Promise<void> {
    while (this.losses === loss) {
      try {
        await this.registry.reconcile();
        break;
      } catch (error) {
        this.rareLog.warn('the registry is not reconciled yet', { error: String(error) });
        await new Promise<void>((resolve) => this.timers.after(RETRY_MS, resolve));
      }
    }
    if (this.losses !== loss) return;
    this.heardMs = this.clock.monotonicMs();
    this.isOpen = true;
    listener.up();
  }

  load(partition: number): Promise<PartitionState> {
    return this.whenOpen(() => this.tape.load(partition));
  }

  readAfter(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.whenOpen(() => this.tape.readAfter(partition, epoch, number, count));
  }

  readBefore(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.whenOpen(() => this.tape.readBefore(partition, epoch, number, count));
  }

  ping(): Promise<void> {
    return this.tape.ping();
  }

  /** An answer that comes after a loss tells of the time before the registry has caught up, too: it is not shown. */
  private async whenOpen<T>(read: () => Promise<T>): Promise<T> {
    const { losses } = this;
    if (!this.isOpen) throw notReconciled();
    const answer = await read();
    if (!this.isOpen || this.losses !== losses) throw notReconciled();
    return answer;
  }
}

function notReconciled(): StoreUnavailable {
  return new StoreUnavailable('The registry has not caught up with the store since the connection was lost');
}

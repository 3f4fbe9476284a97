/**
 * Which partitions this node owns: those that prefer it among the living nodes. It looks every 500 ms, and at once when
 * a partition was given back; it gives back what belongs to another living node.
 */
import { preferredNode } from '#market-data';
import type { Clock } from '../clock.js';
import type { Log } from '../ops/log.js';
import type { LiveLog } from './live-log.js';
import type { Timers } from './live-timers.js';
import type { NodeRegister } from './node-register.js';
import type { Owner } from './owner.js';

const LOOK_MS = 500;
const BEAT_MS = 1_000;
/** Partitions acquired at once: more loads would hold up the commits of the others. */
const ACQUIRE_AT_ONCE = 4;

export interface OwnershipSettings {
  readonly node: string;
  readonly partitions: number;
  readonly leaseMs: number;
}

export class Ownership {
  private nodes: readonly string[] = [];
  private beatenMs = Number.NEGATIVE_INFINITY;
  /** After a lost connection the owners that still live come first, for one lease time. */
  private contendFromMs = Number.NEGATIVE_INFINITY;
  /** When the connection came back. */
  private backMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;
  private lookAgain = false;
  private cancelLook: () => void = () => undefined;
  private endWatch: () => void = () => undefined;
  private stopped = false;

  constructor(
    private readonly owner: Owner,
    private readonly register: NodeRegister,
    private readonly settings: OwnershipSettings,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly log: Log,
    private readonly rareLog: LiveLog,
  ) {}

  /** Nodes that lived at the last beat. */
  get liveNodes(): readonly string[] {
    return this.nodes;
  }

  start(): void {
    this.endWatch = this.register.watch({
      released: () => {
        // The node that gave it back may be gone: who prefers the partition is asked anew.
        this.beatenMs = Number.NEGATIVE_INFINITY;
        void this.look();
      },
      lost: () => {
        this.contendFromMs = Number.POSITIVE_INFINITY;
        this.backMs = Number.POSITIVE_INFINITY;
      },
      back: () => {
        this.backMs = this.clock.monotonicMs();
        this.contendFromMs = this.backMs + this.settings.leaseMs;
      },
    });
    this.plan(0);
  }

  /** Ends the looking; what is owned stays owned until the owner gives it back. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelLook();
    this.endWatch();
    await this.looking;
  }

  /** Before the partitions are given back, so that the others know at once to whom they go. */
  async leave(): Promise<void> {
    try {
      await this.register.leave(this.settings.node);
    } catch (error) {
      this.log.warn({ error: String(error) }, 'left without saying so');
    }
  }

  private plan(ms: number): void {
    if (this.stopped) return;
    this.cancelLook = this.timers.after(ms, () => {
      void this.look();
      this.plan(LOOK_MS);
    });
  }

  /** Looks once; a look that is asked for meanwhile follows it. Never rejects. */
  look(): Promise<void> {
    if (this.stopped) return Promise.resolve();
    if (this.looking !== undefined) {
      this.lookAgain = true;
      return this.looking;
    }
    this.looking = this.lookOnce().finally(() => {
      this.looking = undefined;
      if (!this.lookAgain) return;
      this.lookAgain = false;
      void this.look();
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    // A node that may not contend yet must not be seen either: the others would give back what it cannot take.
    if (!this.mayContend() && !this.ownsSince(this.backMs)) return;
    try {
      await this.beat();
      await this.giveBack();
      await this.acquireOwn();
    } catch (error) {
      this.rareLog.warn('partitions not looked after', { error: String(error) });
    }
  }

  private mayContend(): boolean {
    return this.clock.monotonicMs() >= this.contendFromMs;
  }

  /** Whether the store has confirmed since then that this node owns something: after an outage it only believes so. */
  private ownsSince(sinceMs: number): boolean {
    for (const { saidMs } of this.owner.owned()) if (saidMs >= sinceMs) return true;
    return false;
  }

  private async beat(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.beatenMs < BEAT_MS) return;
    this.nodes = await this.register.beat(this.settings.node);
    this.beatenMs = nowMs;
  }

  private isMine(partition: number): boolean {
    return preferredNode(partition, this.nodes) === this.settings.node;
  }

  private async giveBack(): Promise<void> {
    const foreign = [...this.owner.owned()].filter(({ partition }) => !this.isMine(partition));
    await Promise.all(foreign.map(({ partition }) => this.owner.release(partition)));
  }

  private async acquireOwn(): Promise<void> {
    if (!this.mayContend()) return;
    const wanted: number[] = [];
    for (let partition = 0; partition < this.settings.partitions; partition++) {
      if (this.isMine(partition) && !this.owner.owns(partition)) wanted.push(partition);
    }
    while (wanted.length > 0 && !this.stopped) {
      const some = wanted.splice(0, ACQUIRE_AT_ONCE);
      await Promise.all(some.map((partition) => this.tryAcquire(partition)));
    }
  }

  /** One partition that cannot be loaded must not keep the others waiting. */
  private async tryAcquire(partition: number): Promise<void> {
    try {
      await this.owner.acquire(partition);
    } catch (error) {
      this.rareLog.warn('partition not acquired', { partition, error: String(error) });
    }
  }
}

/** A feed handler that never gives up: another feed process when one is gone or says nothing, everything again that is open. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler } from '../../support/feed-handler.js';
import type { Seeded } from '../../support/seeded.js';
import type { Codec } from '../../support/stream-peer.js';

/** Nothing acknowledged for so long, though something waits: the process hangs, or its connection is half open. */
const SILENCE_MS_MAX = 2_500;
/** One that waits longer than the service keeps an offer is told busy instead. */
const SILENCE_MS_MAX_OF_PATIENT = 9_000;

export class SteadyHandler {
  /** When batches were acknowledged, ms on the test's clock. */
  readonly ackedMs: number[] = [];
  readonly refused: string[] = [];
  connects = 0;
  private readonly feed: FeedHandler;
  private pushed = 0;
  private movedMs = 0;
  private paused = false;
  private over = false;
  private next = 0;
  private running: Promise<void> | null = null;
  private watch: NodeJS.Timeout | undefined;

  /** @param urls of feed processes, taken in turn */
  constructor(
    readonly source: string,
    private readonly codec: Codec,
    private readonly urls: readonly string[],
    private readonly seeded: Seeded,
    private readonly patient = false,
  ) {
    this.feed = new FeedHandler(source, `${source}-1`, this.codec);
    this.feed.onAck = (seq) => {
      this.movedMs = performance.now();
      this.ackedMs.push(this.movedMs);
      const { rejected } = this.feed.acks.get(seq)!;
      for (const { index, reason } of rejected) this.refused.push(`${source} #${seq}[${index}]: ${reason}`);
    };
  }

  start(): void {
    this.movedMs = performance.now();
    this.running = this.run();
    this.watch = setInterval(() => this.look(), 200);
  }

  async stop(): Promise<void> {
    this.over = true;
    clearInterval(this.watch);
    this.feed.cut();
    await this.running;
  }

  /** @returns the batch's sequence */
  push(ticks: readonly unknown[]): number {
    if (this.open === 0) this.movedMs = performance.now();
    this.pushed++;
    return this.feed.push(ticks);
  }

  acknowledged(seq: number): boolean {
    return this.feed.acks.has(seq);
  }

  /** Batches that wait for their acknowledgement. */
  get open(): number {
    return this.pushed - this.feed.acks.size;
  }

  /** Breaches of the protocol that it saw. */
  get faults(): readonly string[] {
    return this.feed.faults;
  }

  get busy(): number {
    return this.feed.busy;
  }

  /** Connects anew, to the feed process at this place of the list. */
  moveTo(place: number): void {
    this.next = place;
    this.feed.cut();
  }

  /** Reads nothing any more: what it is told stays unread until `resend`. */
  pause(): void {
    this.paused = true;
    this.feed.pause();
  }

  /** Comes back as after a hang: connects elsewhere, and sends everything that it has not seen acknowledged. */
  resend(): void {
    this.paused = false;
    this.movedMs = performance.now();
    this.feed.cut();
  }

  private look(): void {
    const silenceMsMax = this.patient ? SILENCE_MS_MAX_OF_PATIENT : SILENCE_MS_MAX;
    if (this.paused || this.open === 0 || performance.now() - this.movedMs < silenceMsMax) return;
    this.movedMs = performance.now();
    this.feed.cut();
  }

  private async run(): Promise<void> {
    while (!this.over) {
      try {
        await this.feed.connect(this.urls[this.next++ % this.urls.length]!);
        this.connects++;
        await this.feed.closed;
      } catch {
        // Refused, or cut before it was ready: the next one.
      }
      await sleep(this.seeded.integer(50, 200));
    }
  }
}

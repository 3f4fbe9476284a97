/** A tape in one process that can lose, repeat and delay what it should deliver, and leave questions unanswered. */
import { Publisher } from './live-publisher.fixture.js';
import type { Random, VirtualTime } from './live-time.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

/** How badly the live channel and the store behave; all from 0 (well) to 1. */
export interface Weather {
  loss: number;
  repeat: number;
  delay: number;
  /** Questions that are not answered. */
  refusal: number;
  /** ms that an answer takes at most. */
  latencyMs: number;
}

export const FAIR: Weather = { loss: 0, repeat: 0, delay: 0, refusal: 0, latencyMs: 2 };

/** A tape of several partitions in one process, under some weather. */
export class StagedTape implements Tape {
  weather: Weather = { ...FAIR };
  asked: string[] = [];
  /** Questions in flight now, and at most. */
  running = 0;
  runningMax = 0;
  private listener: TapeListener | undefined;
  private connected = true;
  readonly publishers: Publisher[];

  constructor(
    private readonly time: VirtualTime,
    private readonly random: Random,
    partitions: number,
    symbolsEach = 4,
  ) {
    this.publishers = Array.from({ length: partitions }, (_, partition) => {
      const sids = Array.from({ length: symbolsEach }, (_, i) => partition * 100 + i + 1);
      return new Publisher(random, sids, (bytes) => this.send(partition, bytes));
    });
  }

  disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    this.listener?.down();
  }

  reconnect(): void {
    if (this.connected) return;
    this.connected = true;
    this.listener?.up();
  }

  /** Puts bytes on the live channel, under its weather. */
  send(partition: number, bytes: Uint8Array): void {
    const { random, weather } = this;
    if (!this.connected || random() < weather.loss) return;
    const copies = random() < weather.repeat ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delayMs = random() < weather.delay ? random() * 400 : 0;
      this.time.after(delayMs, () => this.listener?.message(partition, bytes));
    }
  }

  load(partition: number): Promise<PartitionState> {
    return this.answer(`load ${partition}`, () => this.publishers[partition]!.load());
  }

  readAfter(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.answer(`after ${partition} ${epoch}-${number}`, () =>
      this.publishers[partition]!.stored.tape.filter(
        (entry) => entry.epoch === epoch && entry.number > number,
      ).slice(0, count),
    );
  }

  readBefore(partition: number, epoch: number, number: number, count: number): Promise<readonly TapeEntry[]> {
    return this.answer(`before ${partition} ${epoch}-${number} ${count}`, () =>
      this.publishers[partition]!.stored.tape.filter(
        (entry) => entry.epoch === epoch && entry.number < number,
      )
        .reverse()
        .slice(0, count),
    );
  }

  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    this.listener = listener;
    if (this.connected) listener.up();
    return async () => {
      this.listener = undefined;
    };
  }

  ping(): Promise<void> {
    return this.answer('ping', () => undefined);
  }

  /** The store reads at one moment of the way there and back, and may say nothing. */
  private async answer<T>(question: string, read: () => T): Promise<T> {
    this.asked.push(question);
    this.running++;
    this.runningMax = Math.max(this.runningMax, this.running);
    try {
      await this.pass();
      const value = read();
      await this.pass();
      if (this.random() < this.weather.refusal) throw new StoreUnavailable('no answer');
      return value;
    } finally {
      this.running--;
    }
  }

  private pass(): Promise<void> {
    return new Promise((resolve) => {
      this.time.after((this.random() * this.weather.latencyMs) / 2, resolve);
    });
  }
}

/** One connection of a subscription: the channels that it should have, and those that its server has confirmed. */
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.js';
import type { ServerName } from './redis-server-map.js';

/** Plain channels are heard at every server; sharded ones at the server that has their slot. */
export type PubSub = 'plain' | 'sharded';

export interface LinkEvents {
  message(channel: string, bytes: Buffer): void;
  /** From here on everything that is published on it arrives. */
  confirmed(link: SubscriptionLink, channel: string): void;
  /** The server would not have some channel. */
  refused(error: unknown): void;
  /** The server says that channels have moved. */
  doubtful(): void;
  /** The connection broke; nothing is confirmed any more. */
  lost(link: SubscriptionLink): void;
}

export class SubscriptionLink {
  /** Channels that it should have. */
  wanted: readonly string[] = [];
  /** Confirmed channels, and when each was heard last, or confirmed, by the monotonic clock. */
  private readonly heardMs = new Map<string, number>();
  /** Channels that brought something. */
  private readonly spoken = new Set<string>();
  private readonly asked = new Set<string>();
  /** Answers to what was asked on a former connection say nothing. */
  private generation = 0;
  private ended = false;
  private complete: (() => void) | undefined;

  constructor(
    readonly server: ServerName,
    private readonly redis: Redis,
    private readonly pubSub: PubSub,
    private readonly events: LinkEvents,
    private readonly endConnection: (redis: Redis) => void,
    private readonly clock: Clock,
  ) {
    redis.on(pubSub === 'plain' ? 'messageBuffer' : 'smessageBuffer', (channel: Buffer, bytes: Buffer) => {
      if (this.ended) return;
      const name = channel.toString('latin1');
      if (this.heardMs.has(name)) {
        this.heardMs.set(name, clock.monotonicMs());
        this.spoken.add(name);
      }
      events.message(name, bytes);
    });
    redis.on('ready', () => this.subscribe());
    redis.on('close', () => this.broken());
    redis.on('moved', () => this.doubt());
  }

  get isEmpty(): boolean {
    return this.heardMs.size === 0;
  }

  /** Whether its connection stands. */
  get isHeard(): boolean {
    return this.redis.status === 'ready';
  }

  /** Confirmed channels on which nothing was heard since then. */
  silentSince(ms: number): readonly string[] {
    return [...this.heardMs].filter(([, heardMs]) => heardMs <= ms).map(([channel]) => channel);
  }

  /** Whether each wanted channel has brought a message over this connection. */
  get isHeardOnAll(): boolean {
    return this.wanted.every((channel) => this.spoken.has(channel));
  }

  has(channel: string): boolean {
    return this.heardMs.has(channel);
  }

  want(channels: readonly string[]): void {
    this.wanted = channels;
    this.subscribe();
  }

  /** @param complete is called once, when every wanted channel is confirmed */
  whenComplete(complete: () => void): void {
    this.complete = complete;
  }

  /** Another link has the channel. The server may be gone, or have said so itself. */
  leave(channel: string): void {
    if (!this.heardMs.delete(channel) || this.redis.status !== 'ready') return;
    const left = this.pubSub === 'plain' ? this.redis.unsubscribe(channel) : this.redis.sunsubscribe(channel);
    left.catch((error: Error) => this.fault(error));
  }

  fault(error: unknown): void {
    if (!this.ended) this.redis.emit('error', error);
  }

  close(): void {
    this.ended = true;
    this.endConnection(this.redis);
  }

  private broken(): void {
    this.forget();
    if (!this.ended) this.events.lost(this);
  }

  /** Which of them has moved is not said: all are asked for again. */
  private doubt(): void {
    if (this.ended) return;
    this.forget();
    this.events.doubtful();
  }

  private forget(): void {
    this.generation++;
    this.asked.clear();
    this.heardMs.clear();
    this.spoken.clear();
  }

  private subscribe(): void {
    if (this.ended || this.redis.status !== 'ready') return;
    const missing = this.wanted.filter((channel) => !this.heardMs.has(channel) && !this.asked.has(channel));
    if (missing.length === 0) return;
    for (const channel of missing) this.asked.add(channel);
    const { generation, redis } = this;
    if (this.pubSub === 'plain') {
      this.settle(redis.subscribe(...missing), missing, generation);
      return;
    }
    redis.stream.cork();
    // Channels of one command would have to share a slot.
    for (const channel of missing) this.settle(redis.ssubscribe(channel), [channel], generation);
    redis.stream.uncork();
  }

  private settle(answer: Promise<unknown>, channels: readonly string[], generation: number): void {
    answer.then(
      () => {
        if (this.ended || generation !== this.generation) return;
        for (const channel of channels) this.confirm(channel);
        if (!this.wanted.every((channel) => this.heardMs.has(channel))) return;
        const { complete } = this;
        this.complete = undefined;
        complete?.();
      },
      (error: unknown) => {
        if (this.ended || generation !== this.generation) return;
        for (const channel of channels) this.asked.delete(channel);
        this.events.refused(error);
      },
    );
  }

  private confirm(channel: string): void {
    this.asked.delete(channel);
    this.heardMs.set(channel, this.clock.monotonicMs());
    this.events.confirmed(this, channel);
  }
}

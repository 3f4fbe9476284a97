/**
 * Finds the connection of a subscription that hears nothing though somebody speaks. A channel may be silent because
 * nobody owns its partition: then a new connection helps nobody, and all gateways making one would hurt. So the store is
 * asked whether somebody speaks.
 */
import type { Clock } from '../clock.js';
import type { ServerName } from './redis-server-map.js';
import type { SubscriptionLink } from './redis-subscription-link.js';

/** However often a new connection does not help. */
const REST_MS_MAX = 30_000;
/** After so long a new connection is tried though nobody is known to speak: who says so may be cut off itself. */
const UNSPOKEN_MS_MAX = 20_000;

export interface Silence {
  /** A channel that says nothing for so long is doubted. */
  readonly ms: number;
  /** Whether somebody speaks on it just now, as far as the store knows. */
  isSpoken(channel: string): Promise<boolean>;
}

interface Doubt {
  looks: number;
  fromMs: number;
  asking: boolean;
}

export class SilenceWatch {
  private readonly doubts = new Map<ServerName, Doubt>();

  /** @param deaf is told of a server whose connection does not hear what is spoken there */
  constructor(
    private readonly silence: Silence,
    private readonly clock: Clock,
    private readonly deaf: (server: ServerName) => void,
  ) {}

  look(links: ReadonlyMap<ServerName, SubscriptionLink>): void {
    for (const server of this.doubts.keys()) if (!links.has(server)) this.doubts.delete(server);
    for (const [server, link] of links) {
      const silent = link.silentSince(this.clock.monotonicMs() - this.silence.ms);
      if (silent.length > 0) void this.doubt(server, link, silent);
      else if (link.isHeardOnAll) this.doubts.delete(server);
    }
  }

  /** Never rejects. */
  private async doubt(
    server: ServerName,
    link: SubscriptionLink,
    channels: readonly string[],
  ): Promise<void> {
    let doubt = this.doubts.get(server);
    if (doubt === undefined) {
      doubt = { looks: 0, fromMs: 0, asking: false };
      this.doubts.set(server, doubt);
    }
    if (doubt.asking || this.clock.monotonicMs() < doubt.fromMs) return;
    doubt.asking = true;
    const answers = await Promise.all(channels.map((channel) => this.isSpoken(channel)));
    doubt.asking = false;
    const nowMs = this.clock.monotonicMs();
    if (!answers.includes(true) && link.silentSince(nowMs - UNSPOKEN_MS_MAX).length === 0) return;
    doubt.fromMs = nowMs + Math.min(this.silence.ms * 2 ** doubt.looks++, REST_MS_MAX);
    this.deaf(server);
  }

  private async isSpoken(channel: string): Promise<boolean> {
    try {
      return await this.silence.isSpoken(channel);
    } catch {
      // A store that does not answer has its own guard; nothing is known of the channel.
      return false;
    }
  }
}

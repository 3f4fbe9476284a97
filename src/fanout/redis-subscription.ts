/**
 * A subscription to some channels, each at the server that has it, over one connection to each of these servers. It
 * trusts nobody: it subscribes again after every reconnect and wherever a channel has moved, to the new server before
 * it leaves the old one, and where a channel that is spoken on says nothing a second connection subscribes before the
 * first one is given up.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.js';
import { unavailable } from './redis-errors.js';
import type { ServerMap, ServerName } from './redis-server-map.js';
import { type Silence, SilenceWatch } from './redis-silence.js';
import { type LinkEvents, type PubSub, SubscriptionLink } from './redis-subscription-link.js';

/** What was refused, or sent elsewhere, is asked for again. */
const RETRY_MS = 100;
/** For the channels of other servers, when those of one are subscribed. */
const UP_MS_MAX = 100;
/** Silence is looked for this often in its time. */
const LOOKS_PER_SILENCE = 3;

export interface SubscriptionListener {
  message(channel: string, bytes: Buffer): void;
  /** Subscribed (again), to some of the channels at least: their messages may have been missed before this. */
  up(): void;
  /** No channel is subscribed to any more. */
  down(): void;
}

export interface SubscriptionOptions {
  /** Live messages go to the server that has the slot of the channel, where there are several; others go to all. */
  readonly isLive: boolean;
  /** Left out: the channels may be silent. */
  readonly silence?: Silence;
}

export class RedisSubscription {
  private readonly links = new Map<ServerName, SubscriptionLink>();
  /** By server: the second connections that are to take the place of silent ones. */
  private readonly successors = new Map<ServerName, SubscriptionLink>();
  private readonly homes = new Map<string, SubscriptionLink>();
  private channels: readonly string[] = [];
  private listener: SubscriptionListener | undefined;
  private options: SubscriptionOptions = { isLive: false };
  private isUp = false;
  private retry: NodeJS.Timeout | undefined;
  private telling: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private endMapWatch: () => void = () => undefined;
  private firstUp: () => void = () => undefined;

  /** @param open connects to a server of the map */
  constructor(
    private readonly map: ServerMap,
    private readonly open: (server: ServerName) => Redis,
    private readonly endConnection: (redis: Redis) => void,
    private readonly clock: Clock,
  ) {}

  /** Subscribes from now on until it is ended. Called once. Resolves when `up` was told for the first time. */
  follow(
    channels: readonly string[],
    listener: SubscriptionListener,
    options: SubscriptionOptions,
  ): Promise<void> {
    if (this.listener !== undefined) throw new Error('Expected one follow() of a subscription');
    this.channels = channels;
    this.listener = listener;
    this.options = options;
    const first = new Promise<void>((resolve) => {
      this.firstUp = resolve;
    });
    this.endMapWatch = this.map.watch(() => this.arrange());
    const { silence } = options;
    if (silence !== undefined) {
      const watch = new SilenceWatch(silence, this.clock, (server) => this.succeed(server));
      this.looking = setInterval(() => watch.look(this.links), silence.ms / LOOKS_PER_SILENCE);
    }
    this.arrange();
    return first;
  }

  /** Ends it and its connections. */
  close(): void {
    this.endMapWatch();
    for (const timer of [this.retry, this.telling]) clearTimeout(timer);
    clearInterval(this.looking);
    this.listener = undefined;
    for (const link of [...this.links.values(), ...this.successors.values()]) link.close();
    this.links.clear();
    this.successors.clear();
    this.homes.clear();
  }

  /** Every channel at the server that has it, a connection to each of these, and no others. */
  private arrange(): void {
    if (this.listener === undefined) return;
    const channelsByServer = this.channelsByServer();
    for (const [server, channels] of channelsByServer) {
      let link = this.links.get(server);
      if (link === undefined) {
        link = this.openLink(server);
        this.links.set(server, link);
      }
      link.want(channels);
      this.successors.get(server)?.want(channels);
    }
    for (const [server, successor] of this.successors) {
      if (channelsByServer.has(server)) continue;
      this.successors.delete(server);
      this.give(successor);
    }
    for (const [server, link] of this.links) {
      if (channelsByServer.has(server)) continue;
      link.want([]);
      // What has a home here is heard until it has another.
      if (link.isHeard && !link.isEmpty) continue;
      this.links.delete(server);
      this.give(link);
    }
  }

  private channelsByServer(): Map<ServerName, string[]> {
    const channelsByServer = new Map<ServerName, string[]>();
    for (const channel of this.channels) {
      const server = this.map.serverOf(channel);
      if (server === undefined) continue;
      const channels = channelsByServer.get(server);
      if (channels === undefined) channelsByServer.set(server, [channel]);
      else channels.push(channel);
    }
    return channelsByServer;
  }

  private openLink(server: ServerName): SubscriptionLink {
    const events: LinkEvents = {
      message: (channel, bytes) => this.listener?.message(channel, bytes),
      confirmed: (link, channel) => this.settle(link, channel),
      refused: (error) => this.refused(error, server),
      doubtful: () => {
        this.map.doubt();
        this.arrangeLater();
      },
      lost: (link) => this.lost(link),
    };
    return new SubscriptionLink(
      server,
      this.open(server),
      this.pubSub,
      events,
      this.endConnection,
      this.clock,
    );
  }

  private get pubSub(): PubSub {
    return this.options.isLive && this.map.isSharded ? 'sharded' : 'plain';
  }

  /** A channel is subscribed to at its new home: it leaves the former one. */
  private settle(link: SubscriptionLink, channel: string): void {
    // It has moved on meanwhile, and is asked for there.
    if (this.map.serverOf(channel) !== link.server) return;
    const former = this.homes.get(channel);
    this.homes.set(channel, link);
    if (former !== link) former?.leave(channel);
    this.arrangeLater(0);
    if (this.channels.every((one) => this.homes.get(one)?.has(one) === true)) this.tellUp();
    else this.telling ??= setTimeout(() => this.tellUp(), UP_MS_MAX);
  }

  private tellUp(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.isUp = true;
    this.listener?.up();
    this.firstUp();
  }

  private lost(link: SubscriptionLink): void {
    this.map.doubt();
    for (const [channel, home] of this.homes) if (home === link) this.homes.delete(channel);
    this.arrangeLater();
    if (this.homes.size > 0 || !this.isUp) return;
    this.isUp = false;
    clearTimeout(this.telling);
    this.telling = undefined;
    this.listener?.down();
  }

  private refused(error: unknown, server: ServerName): void {
    if (error instanceof Error && error.message.startsWith('MOVED ')) this.map.moved(error.message, server);
    else this.links.get(server)?.fault(unavailable(error));
    this.arrangeLater();
  }

  private arrangeLater(ms = RETRY_MS): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.arrange();
    }, ms);
  }

  private give(link: SubscriptionLink): void {
    for (const [channel, home] of this.homes) if (home === link) this.homes.delete(channel);
    link.close();
  }

  /** A second connection, asked for anew, takes the place of one that does not hear. */
  private succeed(server: ServerName): void {
    const silent = this.links.get(server);
    if (this.listener === undefined || silent === undefined) return;
    this.map.doubt();
    this.successors.get(server)?.close();
    const successor = this.openLink(server);
    this.successors.set(server, successor);
    successor.want(silent.wanted);
    successor.whenComplete(() => {
      if (this.successors.get(server) !== successor) return;
      this.successors.delete(server);
      this.links.set(server, successor);
      this.give(silent);
    });
  }
}

/**
 * Commands, each to the server that has its key, over one connection to each server: what is issued for one server
 * arrives in that order, and a command that was not answered is never run a second time from here.
 */
import type { Redis } from 'ioredis';
import type { ConnectionListener } from './partition-store.js';
import { EncodedCommand } from './redis-encoded-command.js';
import { unavailable } from './redis-errors.js';
import type { ServerMap, ServerName } from './redis-server-map.js';
import { StoreUnavailable } from './store-unavailable.js';

export type CommandArgument = string | number | Buffer;

/** A server says once that another has the slot; a second time when that one has just given it on. */
const REDIRECTIONS_MAX = 2;

interface Watcher {
  readonly listener: ConnectionListener;
  /** Undefined: all servers. */
  readonly key: string | undefined;
  /** Who has the key. */
  server: ServerName | undefined;
  lost: boolean;
}

export class RedisCommands {
  private readonly connections = new Map<ServerName, Redis>();
  private readonly watchers = new Set<Watcher>();
  private readonly whenServing = new Set<() => void>();
  private readonly endWatch: () => void;
  private closed = false;

  /** @param open connects to a server of the map */
  constructor(
    private readonly map: ServerMap,
    private readonly open: (server: ServerName) => Redis,
    private readonly endConnection: (redis: Redis) => void,
  ) {
    this.endWatch = map.watch(() => this.follow());
    this.follow();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether live messages are published with SPUBLISH. */
  get isSharded(): boolean {
    return this.map.isSharded;
  }

  /**
   * @param key which the command is about, or one of them
   * @returns the reply with strings as Buffers
   * @throws StoreUnavailable
   */
  call(key: string, command: string, args: readonly CommandArgument[]): Promise<unknown> {
    return this.redirected(key, (redis) => redis.callBuffer(command, [...args]));
  }

  /**
   * A command that was encoded elsewhere.
   * @param name in small letters
   * @param bytes the whole command, its name included; not changed any more
   * @returns the reply with strings as Buffers
   * @throws StoreUnavailable
   */
  send(key: string, name: string, bytes: Buffer): Promise<unknown> {
    return this.redirected(key, (redis) => redis.sendCommand(new EncodedCommand(name, bytes)));
  }

  private async redirected(key: string, issue: (redis: Redis) => unknown): Promise<unknown> {
    for (let redirections = 0; ; redirections++) {
      const asked = this.map.serverOf(key);
      try {
        return await issue(this.server(key));
      } catch (error) {
        if (redirections < REDIRECTIONS_MAX && this.wasMoved(error, asked)) continue;
        throw unavailable(error);
      }
    }
  }

  /** For what must go over one connection. @throws StoreUnavailable while nobody is known to have the key */
  server(key: string): Redis {
    if (this.closed) throw new StoreUnavailable('The connections to Redis are closed');
    const server = this.map.serverOf(key);
    const redis = server === undefined ? undefined : this.connections.get(server);
    if (redis === undefined) throw new StoreUnavailable(`No server is known to have ${key}`);
    return redis;
  }

  /** Whether this answer of the server of `key` sends elsewhere: `server` is another one then. */
  movedBy(error: unknown, key: string, asked: Redis): boolean {
    for (const [server, redis] of this.connections)
      if (redis === asked) return this.wasMoved(error, server) && this.server(key) !== asked;
    return false;
  }

  private wasMoved(error: unknown, asked: ServerName | undefined): boolean {
    if (asked === undefined || !(error instanceof Error) || !error.message.startsWith('MOVED ')) return false;
    return this.map.moved(error.message, asked);
  }

  /** Resolves when every server has answered. @throws StoreUnavailable */
  async ping(): Promise<void> {
    if (this.map.servers.length === 0) throw new StoreUnavailable('No server is known yet');
    try {
      await Promise.all([...this.connections.values()].map((redis) => redis.ping()));
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Commands issued inside go out in one write to each server, which wakes it once. */
  together(issue: () => void): void {
    const streams = [...this.connections.values()]
      .filter((redis) => redis.status === 'ready')
      .map((redis) => redis.stream);
    for (const stream of streams) stream.cork();
    try {
      issue();
    } finally {
      for (const stream of streams) stream.uncork();
    }
  }

  /** Resolves when every server that has keys takes commands. */
  serving(): Promise<void> {
    return new Promise((resolve) => {
      this.whenServing.add(resolve);
      this.tellServing();
    });
  }

  /**
   * Tells of a connection that broke, and of one that serves again, be it to another server; the first connecting is
   * neither. With several servers each that comes back is told.
   * @param key whose server is meant; left out: all
   * @returns ends it
   */
  watch(listener: ConnectionListener, key?: string): () => void {
    const server = key === undefined ? undefined : this.map.serverOf(key);
    const watcher: Watcher = { listener, key, server, lost: false };
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  /** Ends its connections. */
  close(): void {
    this.closed = true;
    this.endWatch();
    this.watchers.clear();
    for (const redis of this.connections.values()) this.endConnection(redis);
    this.connections.clear();
  }

  /** The map has changed. */
  private follow(): void {
    const { servers } = this.map;
    for (const server of servers) if (!this.connections.has(server)) this.connectTo(server);
    for (const [server, redis] of this.connections) {
      if (servers.includes(server)) continue;
      this.connections.delete(server);
      // One that broke was told of then.
      if (redis.status === 'ready') this.tellLost(server);
      this.endConnection(redis);
    }
    this.tellMoved();
    this.tellBack();
    this.tellServing();
  }

  private connectTo(server: ServerName): void {
    const redis = this.open(server);
    this.connections.set(server, redis);
    let wasReady = false;
    redis.on('ready', () => {
      wasReady = true;
      this.tellBack();
      this.tellServing();
    });
    redis.on('close', () => {
      this.map.doubt();
      if (wasReady && this.connections.get(server) === redis) this.tellLost(server);
      wasReady = false;
    });
  }

  private isReady(server: ServerName | undefined): boolean {
    return server !== undefined && this.connections.get(server)?.status === 'ready';
  }

  private tellLost(server: ServerName): void {
    for (const watcher of [...this.watchers]) {
      if (watcher.key !== undefined && watcher.server !== server) continue;
      watcher.lost = true;
      watcher.listener.lost();
    }
  }

  /** Another server has a key, be it that nothing broke: it may not have all that the former one had. */
  private tellMoved(): void {
    for (const watcher of [...this.watchers]) {
      if (watcher.key === undefined) continue;
      const former = watcher.server;
      watcher.server = this.map.serverOf(watcher.key);
      if (former === undefined || watcher.server === former || watcher.lost) continue;
      watcher.lost = true;
      watcher.listener.lost();
    }
  }

  private tellBack(): void {
    const { servers } = this.map;
    for (const watcher of [...this.watchers]) {
      if (!watcher.lost) continue;
      if (watcher.key !== undefined) {
        if (!this.isReady(watcher.server)) continue;
        watcher.lost = false;
      } else watcher.lost = !servers.every((server) => this.isReady(server));
      watcher.listener.back();
    }
  }

  private tellServing(): void {
    const { servers } = this.map;
    if (servers.length === 0 || !servers.every((server) => this.isReady(server))) return;
    for (const resolve of this.whenServing) resolve();
    this.whenServing.clear();
  }
}

/**
 * All feed sockets of this process: bytes to their sessions, replies back, pings, and the orderly end. Plain; the
 * gateway class beside it only passes sockets in.
 */
import type { RawData, WebSocket } from 'ws';
import { CLOSE_CODES } from '#wire';
import type { Metrics } from '../ops/metrics.js';
import { feedCodec } from './feed-codec.js';
import { FeedSession, type FeedSessionParts, type FeedWire } from './feed-session.js';

/** Replies that a handler has not read: beyond, its batches wait, and it is read from no more. */
const REPLY_BYTES_FULL = 1024 * 1024;
/** Beyond this it is closed: one ack of a full batch of bad ticks is about 2 MB, the rest are answers to pings. */
export const REPLY_BYTES_MAX = 8 * 1024 * 1024;
/** A handler that reads nothing of what waits for it for so long is closed. */
export const UNREAD_MS_MAX = 10_000;
/** A ping this often; a handler that answered neither of two is gone, whatever TCP says. */
export const PING_INTERVAL_MS = 15_000;
const PINGS_MISSED_MAX = 2;
/** Batches under way get this long to be answered when the process stops: two appends and a retry. */
const ANSWER_MS_MAX = 5_000;
/** A socket that does not finish its closing handshake is cut. */
const CLOSE_MS_MAX = 1_000;

export interface FeedSocketsParts extends FeedSessionParts {
  /** 0 to 1. */
  readonly random: () => number;
  /** Upper bound of the retryAfterMs in goodbye. */
  readonly reconnectSpreadMs: number;
  /** Default PING_INTERVAL_MS. */
  readonly pingIntervalMs?: number;
  /** Default UNREAD_MS_MAX. */
  readonly unreadMsMax?: number;
}

/** One socket with its session. */
class FeedConnection implements FeedWire {
  readonly session: FeedSession;
  private pingsMissed = 0;
  private cut: NodeJS.Timeout | undefined;
  private paused = false;
  private unread: NodeJS.Timeout | undefined;
  private readonly unreadMsMax: number;

  constructor(
    private readonly socket: WebSocket,
    parts: FeedSocketsParts,
  ) {
    this.unreadMsMax = parts.unreadMsMax ?? UNREAD_MS_MAX;
    this.session = new FeedSession(parts, feedCodec(socket.protocol), this);
    socket.on('message', (message, binary) => this.session.receive(bytesOf(message), binary));
    socket.on('pong', () => {
      this.pingsMissed = 0;
    });
    socket.on('close', () => {
      clearTimeout(this.cut);
      clearTimeout(this.unread);
      this.session.closed();
    });
  }

  get full(): boolean {
    return this.socket.readyState === this.socket.OPEN && this.socket.bufferedAmount > REPLY_BYTES_FULL;
  }

  send(message: string | Uint8Array): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > REPLY_BYTES_MAX)
      return this.end('slow_consumer', 'replies are not read');
    this.socket.send(message, this.sent);
    if (this.full) this.awaitReader();
  }

  /** A reply is with the kernel. */
  private readonly sent = (error?: Error | null): void => {
    // A socket that failed is closed: its session hears of it by that.
    if (error !== undefined && error !== null) return;
    if (this.full) {
      this.awaitReader();
    } else if (this.unread !== undefined) {
      clearTimeout(this.unread);
      this.unread = undefined;
      this.session.drained();
    }
  };

  /** Begins anew with each reply that is read: a slow handler is not one that does not read. */
  private awaitReader(): void {
    clearTimeout(this.unread);
    this.unread = setTimeout(() => this.end('slow_consumer', 'replies are not read'), this.unreadMsMax);
  }

  close(reason: string): void {
    this.end('protocol_error', reason);
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    this.paused = false;
    this.socket.resume();
  }

  end(code: 'slow_consumer' | 'protocol_error' | 'service_restart', reason: string): void {
    if (this.cut !== undefined) return;
    clearTimeout(this.unread);
    this.resume();
    this.socket.close(CLOSE_CODES[code], reason);
    this.cut = setTimeout(() => this.socket.terminate(), CLOSE_MS_MAX);
  }

  /** Pongs of a socket that is not read from wait unread: only a reading one can miss them. */
  ping(): void {
    if (this.paused) return;
    if (this.pingsMissed >= PINGS_MISSED_MAX) return this.socket.terminate();
    this.pingsMissed++;
    this.socket.ping();
  }
}

export class FeedSockets {
  private readonly connections = new Map<WebSocket, FeedConnection>();
  private readonly pings: NodeJS.Timeout;

  constructor(private readonly parts: FeedSocketsParts) {
    this.pings = setInterval(() => this.ping(), parts.pingIntervalMs ?? PING_INTERVAL_MS).unref();
  }

  get size(): number {
    return this.connections.size;
  }

  /** A socket whose upgrade was made just now. Errors are counted where it was made. */
  open(socket: WebSocket): void {
    this.connections.set(socket, new FeedConnection(socket, this.parts));
    socket.on('close', () => this.connections.delete(socket));
  }

  /** Answers what was taken (bounded in time), says goodbye and closes. Resolves when all are closed. */
  async stop(): Promise<void> {
    clearInterval(this.pings);
    await Promise.all([...this.connections].map(([socket, connection]) => this.stopOne(socket, connection)));
  }

  private async stopOne(socket: WebSocket, connection: FeedConnection): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    await atMost(ANSWER_MS_MAX, connection.session.stop());
    connection.session.goodbye(Math.floor(this.parts.random() * this.parts.reconnectSpreadMs));
    connection.end('service_restart', 'shutdown');
    await closed;
  }

  private ping(): void {
    for (const connection of this.connections.values()) connection.ping();
  }

  register(metrics: Metrics): void {
    metrics.gauge('tickcast_feed_sockets', 'Open feed sockets.', [], () => [[{}, this.size]]);
  }
}

function bytesOf(message: RawData): Uint8Array {
  if (Array.isArray(message)) return Buffer.concat(message);
  return message instanceof ArrayBuffer ? new Uint8Array(message) : message;
}

/** Resolves with the promise, or when the time is over. */
async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

/**
 * A feed handler written from section 10 of docs/protocol.md: it numbers its batches, keeps each until it is
 * acknowledged, goes back when it is told busy, and sends again after a lost connection, here or elsewhere.
 */
import { Packr, Unpackr } from 'msgpackr';
import { WebSocket } from 'ws';
import { FEED_KEY } from './installation.js';
import type { Closed, Codec } from './stream-peer.js';
import { Waiters } from './waiters.js';

export interface Ack {
  readonly accepted: number;
  readonly rejected: readonly { readonly index: number; readonly reason: string; readonly message: string }[];
}
export type RawTick = Readonly<Record<string, unknown>>;
type Reply =
  | ({ readonly op: 'ack'; readonly seq: number } & Ack)
  | { readonly op: 'busy'; readonly resendFrom: number; readonly retryAfterMs: number }
  | { readonly op: 'ready' | 'goodbye' | 'pong' | 'error' };

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', mapsAsObjects: true });
/** Below the service's limit of 64, so that only a store that stalls makes it busy. */
const IN_FLIGHT_MAX = 32;

const connected = new Set<FeedHandler>();

export class FeedHandler {
  readonly acks = new Map<number, Ack>();
  /** Everything that breaks the page: acknowledgements out of order, or other than before. */
  readonly faults: string[] = [];
  readonly waiters = new Waiters();
  busy = 0;
  /** Told of each batch when it is acknowledged for the first time. */
  onAck: ((seq: number) => void) | null = null;
  goodbye = false;
  closed: Promise<Closed> = Promise.resolve({ code: 0, reason: '' });
  private socket: WebSocket | null = null;
  private readonly batches = new Map<number, readonly unknown[]>();
  private lastSeq = 0;
  /** Everything below is acknowledged. */
  private unacknowledged = 1;
  private nextToSend = 1;
  private ready = false;

  constructor(
    readonly source: string,
    readonly session: string,
    private readonly codec: Codec = 'json',
  ) {}

  /** Connects to a feed process and goes on with what is not acknowledged. Resolves when it is `ready`. */
  async connect(url: string): Promise<void> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/feed`, [`tickcast.v1.${this.codec}`], {
      headers: { authorization: `Bearer ${FEED_KEY}` },
    });
    this.socket = socket;
    connected.add(this);
    this.ready = false;
    this.goodbye = false;
    this.nextToSend = this.unacknowledged;
    socket.on('open', () => this.send({ op: 'hello', source: this.source, session: this.session }));
    socket.on('message', (message: Buffer) => {
      if (socket !== this.socket) return;
      this.take(this.codec === 'json' ? JSON.parse(message.toString()) : unpackr.unpack(message));
      this.waiters.look();
    });
    socket.on('error', () => undefined);
    let gone = false;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        gone = true;
        resolve({ code, reason: reason.toString() });
        this.waiters.look();
      });
    });
    await this.waiters.until('ready', () => this.ready || gone);
    if (!this.ready) throw new Error(`Expected ready, the connection ended: ${url}`);
  }

  /** Puts a batch behind the others; it goes out at once where there is a connection. @returns its sequence */
  push(ticks: readonly unknown[]): number {
    this.batches.set(++this.lastSeq, ticks);
    this.sendNext();
    return this.lastSeq;
  }

  /** Resolves with the acknowledgement of a batch. */
  async acknowledged(seq: number): Promise<Ack> {
    await this.waiters.until(`batch ${seq} of ${this.session} to be acknowledged`, () => this.acks.has(seq));
    return this.acks.get(seq)!;
  }

  /** Resolves when every batch so far is acknowledged. */
  async allAcknowledged(): Promise<void> {
    if (this.lastSeq > 0) await this.acknowledged(this.lastSeq);
  }

  /** Stops reading from the socket: acknowledgements stay unread, batches still go out. */
  pause(): void {
    this.socket?.pause();
  }

  /** Cuts the connection at once, whatever is under way. */
  cut(): void {
    this.socket?.terminate();
    this.socket = null;
    this.ready = false;
  }

  async close(): Promise<void> {
    this.socket?.close();
    await this.closed;
  }

  private send(message: Readonly<Record<string, unknown>>): void {
    this.socket?.send(this.codec === 'json' ? JSON.stringify(message) : packr.pack(message));
  }

  private sendNext(): void {
    while (
      this.ready &&
      this.nextToSend <= this.lastSeq &&
      this.nextToSend < this.unacknowledged + IN_FLIGHT_MAX
    ) {
      const seq = this.nextToSend++;
      this.send({ op: 'ticks', seq, ticks: this.batches.get(seq)! });
    }
  }

  private take(reply: Reply): void {
    switch (reply.op) {
      case 'ready':
        this.ready = true;
        return this.sendNext();
      case 'ack':
        return this.ack(reply.seq, { accepted: reply.accepted, rejected: reply.rejected });
      case 'busy':
        return this.goBack(reply.resendFrom, reply.retryAfterMs);
      case 'goodbye':
        this.goodbye = true;
        return;
      default:
        this.faults.push(`unexpected ${JSON.stringify(reply)}`);
    }
  }

  private ack(seq: number, ack: Ack): void {
    const before = this.acks.get(seq);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(ack))
      this.faults.push(`batch ${seq}: ${JSON.stringify(before)}, then ${JSON.stringify(ack)}`);
    if (before === undefined && seq !== this.unacknowledged)
      this.faults.push(`batch ${seq} acknowledged, expected ${this.unacknowledged}`);
    this.acks.set(seq, ack);
    if (before === undefined) this.onAck?.(seq);
    this.batches.delete(seq);
    this.unacknowledged = Math.max(this.unacknowledged, seq + 1);
    this.sendNext();
  }

  private goBack(resendFrom: number, retryAfterMs: number): void {
    this.busy++;
    // The batches that were under way behind it are answered busy too, and mean the same.
    if (this.nextToSend === resendFrom) return;
    this.nextToSend = resendFrom;
    const { socket } = this;
    this.ready = false;
    setTimeout(() => {
      if (socket !== this.socket || socket === null) return;
      this.ready = true;
      this.sendNext();
    }, retryAfterMs);
  }
}

afterAll(() => {
  for (const handler of connected) handler.cut();
});

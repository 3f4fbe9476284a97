/**
 * A streaming client written from docs/protocol.md alone, on plain `ws`: it shares no code with the service or its
 * client library, so that what it understands is what the page promises.
 */
import { Packr } from 'msgpackr';
import { type ClientOptions, WebSocket } from 'ws';
import { PeerState } from './peer-state.js';
import { type Id, type RecordOf, RecordReader, type StreamRecord, type Subscribed } from './records.js';
import { Waiters } from './waiters.js';

export type Codec = 'json' | 'msgpack';

export interface PeerOptions {
  readonly codec?: Codec;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long `welcome` is waited for. */
  readonly openMsMax?: number;
  /** Called with every record, before it is applied. */
  readonly onRecord?: (record: StreamRecord) => void;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const packr = new Packr({ useRecords: false });
const open = new Set<StreamPeer>();

export class StreamPeer {
  readonly state = new PeerState();
  readonly closed: Promise<Closed>;
  welcome: RecordOf<'welcome'> | null = null;
  goodbye: RecordOf<'goodbye'> | null = null;
  readonly errors: RecordOf<'error'>[] = [];
  readonly waiters = new Waiters();
  /** Messages are read from the socket and dropped, for clients whose content does not matter. */
  deaf = false;
  isClosed = false;
  private nextId = 1;
  private readonly reader = new RecordReader((sid) => this.state.bySid.get(sid)?.scales);
  private readonly answers = new Map<Id, StreamRecord[]>();

  private constructor(
    readonly socket: WebSocket,
    readonly codec: Codec,
    private readonly onRecord: ((record: StreamRecord) => void) | undefined,
  ) {
    socket.on('message', (message: Buffer, binary: boolean) => this.receive(message, binary));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        open.delete(this);
        this.isClosed = true;
        resolve({ code, reason: reason.toString() });
        this.waiters.look();
      });
    });
    open.add(this);
  }

  /**
   * Connects; resolves after `welcome`.
   * @param url `http://host:port` of a gateway
   * @throws when the connection ends before that, or nothing comes in time; nothing is left open then
   */
  static async open(
    url: string,
    { codec = 'msgpack', headers = {}, openMsMax, onRecord }: PeerOptions = {},
  ): Promise<StreamPeer> {
    const options: ClientOptions = { headers, perMessageDeflate: false };
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, [`tickcast.v1.${codec}`], options);
    const peer = new StreamPeer(socket, codec, onRecord);
    await peer
      .until('welcome', () => peer.welcome !== null || peer.isClosed, openMsMax)
      .catch((error: Error) => {
        peer.terminate();
        throw error;
      });
    if (peer.welcome === null) throw new Error(`Expected welcome, the connection ended: ${url}`);
    return peer;
  }

  private receive(message: Buffer, binary: boolean): void {
    if (this.deaf) return;
    try {
      if (binary !== (this.codec === 'msgpack')) throw new Error('Expected frames of the chosen codec');
      for (const record of this.reader.read(message, binary)) this.take(record);
    } catch (error) {
      this.state.fault(String(error));
    }
    this.waiters.look();
  }

  private take(record: StreamRecord): void {
    this.onRecord?.(record);
    if (this.goodbye !== null) this.state.fault(`${record.type} after goodbye`);
    if ((this.welcome === null) !== (record.type === 'welcome'))
      this.state.fault(`${record.type} where welcome comes first, and once`);
    if (record.type === 'welcome') this.welcome = record;
    if (record.type === 'goodbye') this.goodbye = record;
    if (record.type === 'error') this.errors.push(record);
    if ('id' in record && record.type !== 'trade') this.answer(record.id as Id, record);
    this.state.apply(record);
  }

  private answer(id: Id, record: StreamRecord): void {
    const answers = this.answers.get(id) ?? [];
    answers.push(record);
    this.answers.set(id, answers);
  }

  /** Sends bytes or text as they are. */
  sendRaw(message: string | Uint8Array): void {
    this.socket.send(message);
  }

  send(command: unknown): void {
    this.sendRaw(this.codec === 'json' ? JSON.stringify(command) : packr.pack(command));
  }

  /**
   * Sends a command under an id of its own; resolves with all pages of its answer.
   * @throws when the connection ends before that
   */
  async ask(command: Readonly<Record<string, unknown>>): Promise<StreamRecord[]> {
    const id = this.nextId++;
    this.send({ ...command, id });
    const isWhole = () => {
      const last = this.answers.get(id)?.at(-1);
      return last !== undefined && !('more' in last && last.more);
    };
    const what = `the answer to ${JSON.stringify(command).slice(0, 200)}`;
    await this.until(what, () => isWhole() || this.isClosed);
    if (!isWhole()) throw new Error(`Expected ${what}, the connection ended`);
    return this.answers.get(id)!;
  }

  /** @returns the channels as they were granted @throws when any was refused */
  async subscribe(
    channels: readonly string[],
    more: { readonly hz?: number; readonly from?: Readonly<Record<string, readonly [number, number]>> } = {},
  ): Promise<Subscribed[]> {
    for (const [channel, point] of Object.entries(more.from ?? {}))
      this.state.resumeAt(channel.slice('trade:'.length), point);
    const pages = await this.ask({ op: 'subscribe', channels, ...more });
    const granted: Subscribed[] = [];
    for (const page of pages) {
      if (page.type !== 'subscribed') throw new Error(`Expected subscribed, was ${JSON.stringify(page)}`);
      if (page.errors.length > 0) throw new Error(`Expected no errors, was ${JSON.stringify(page.errors)}`);
      granted.push(...page.channels);
    }
    return granted;
  }

  /**
   * Resolves once this holds after some message, or after the connection ended.
   * @throws after a time that only a hung service needs, naming what was awaited and every breach so far
   */
  until(what: string, holds: () => boolean, timeoutMs?: number): Promise<void> {
    return this.waiters.until(what, holds, timeoutMs).catch((error: Error) => {
      throw new Error(
        `${error.message}; closed: ${this.isClosed}; breaches: ${this.state.faults.join('; ') || 'none'}`,
      );
    });
  }

  /** Resolves once every symbol of these has an image. */
  untilImages(symbols: readonly string[]): Promise<void> {
    const { bySymbol } = this.state;
    return this.until(`images of ${symbols.slice(0, 5).join(', ')}`, () =>
      symbols.every((symbol) => bySymbol.get(symbol)?.image != null),
    );
  }

  /** Stops reading from the socket: its buffers fill up, pings stay unanswered. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.socket.resume();
    this.socket.close();
    await this.closed;
  }

  terminate(): void {
    this.socket.terminate();
  }
}

/** Ends every connection that a test left open. */
export function terminatePeers(): void {
  for (const peer of open) peer.terminate();
}

afterAll(terminatePeers);

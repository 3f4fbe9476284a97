/**
 * One socket from its opening to its end: messages in either codec become records, and silence becomes an end. A
 * socket whose other side is gone stays "open" for minutes; heartbeats that do not come say it within seconds.
 */
import {
  type GoodbyeRecord,
  JsonStreamDecoder,
  MsgpackStreamDecoder,
  MsgpackWriter,
  type StreamDecoder,
  type StreamRecord,
  SUBPROTOCOL_JSON,
  SUBPROTOCOL_MSGPACK,
} from '#wire';
import type { StreamClock } from './stream-clock.js';
import type { StreamSocket, StreamSocketConstructor } from './stream-socket.js';

export const CODECS = ['msgpack', 'json'] as const;
export type Codec = (typeof CODECS)[number];

/** From the first SYN to `welcome`. */
export const WELCOME_MS_MAX = 10_000;
/** Two heartbeats may be late or lost on the way, not three. */
const HEARTBEATS_MISSED_MAX = 2.5;
/** What browsers report for a connection that ended without a close frame. */
const ABNORMAL = 1006;

export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** What the service said before it closed, or null. */
  readonly goodbye: GoodbyeRecord | null;
}

export interface ConnectionListener {
  record(record: StreamRecord): void;
  /** Called once; nothing is called afterwards. */
  ended(ending: Ending): void;
}

export interface ConnectionCounters {
  messages: number;
  bytes: number;
}

export class StreamConnection {
  /** ms on the clock of the newest message, at first of the attempt to connect. */
  lastMessageAtMs: number;
  private readonly socket: StreamSocket;
  private readonly decoder: StreamDecoder;
  private readonly commands = new MsgpackWriter(256);
  private goodbye: GoodbyeRecord | null = null;
  private silenceMsMax = WELCOME_MS_MAX;
  private cancelWatch: () => void;
  private over = false;

  /** Begins to connect at once. The constructor of a browser's socket throws at a malformed URL. */
  constructor(
    url: string,
    private readonly codec: Codec,
    Socket: StreamSocketConstructor,
    private readonly clock: StreamClock,
    private readonly counters: ConnectionCounters,
    private readonly listener: ConnectionListener,
  ) {
    this.decoder = codec === 'json' ? new JsonStreamDecoder() : new MsgpackStreamDecoder();
    this.lastMessageAtMs = clock.nowMs();
    this.socket = new Socket(url, [codec === 'json' ? SUBPROTOCOL_JSON : SUBPROTOCOL_MSGPACK]);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = ({ code, reason }) => this.end(code, reason);
    // Says nothing that the close after it does not; without a listener `ws` would throw it.
    this.socket.onerror = ignore;
    this.cancelWatch = clock.after(this.silenceMsMax, () => this.watch());
  }

  /** After `welcome`: from now on silence is measured against this. */
  expectHeartbeats(heartbeatMs: number): void {
    this.silenceMsMax = heartbeatMs * HEARTBEATS_MISSED_MAX;
    this.cancelWatch();
    this.watch();
  }

  /** @param command a map of the protocol; the socket must have opened */
  send(command: Readonly<Record<string, unknown>>): void {
    if (this.codec === 'json') {
      this.socket.send(JSON.stringify(command));
      return;
    }
    this.commands.at = 0;
    this.commands.value(command);
    this.socket.send(new Uint8Array(this.commands.view()));
  }

  /** Ends from this side; `ended` is called at once. */
  close(code: number, reason: string): void {
    if (this.over) return;
    // A close frame has room for 123 bytes of reason; a longer one throws.
    this.socket.close(code, reason.slice(0, 40));
    this.end(code, reason);
  }

  private receive(message: unknown): void {
    this.lastMessageAtMs = this.clock.nowMs();
    this.counters.messages++;
    let records: readonly StreamRecord[];
    try {
      records = this.decode(message);
    } catch (error) {
      // 4000 is what a service would say to a client that does so; here it comes back, as the service may be mended.
      this.socket.close(4000, 'protocol_error');
      this.end(ABNORMAL, `Undecodable message: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    for (const record of records) {
      if (this.over) return;
      if (record.type === 'goodbye') this.goodbye = record;
      this.listener.record(record);
    }
  }

  private decode(message: unknown): readonly StreamRecord[] {
    if (typeof message === 'string') {
      this.counters.bytes += message.length;
      return this.decoder.decode(message);
    }
    if (!(message instanceof ArrayBuffer)) throw new Error(`Expected text or bytes, was ${typeof message}`);
    this.counters.bytes += message.byteLength;
    return this.decoder.decode(new Uint8Array(message));
  }

  private watch(): void {
    const silentMs = this.clock.nowMs() - this.lastMessageAtMs;
    if (silentMs < this.silenceMsMax) {
      this.cancelWatch = this.clock.after(this.silenceMsMax - silentMs, () => this.watch());
      return;
    }
    this.socket.close();
    this.end(ABNORMAL, `No message for ${Math.round(silentMs)} ms`);
  }

  private end(code: number, reason: string): void {
    if (this.over) return;
    this.over = true;
    this.cancelWatch();
    this.socket.onmessage = null;
    this.socket.onclose = null;
    this.listener.ended({ code, reason, goodbye: this.goodbye });
  }
}

function ignore(): undefined {
  return undefined;
}

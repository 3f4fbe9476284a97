/** A small real WebSocket server that says what a test tells it to say, in the dialect that the client chose. */
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type ControlRecord,
  nativeJson,
  nativeMsgpack,
  type StreamLimits,
  SUBPROTOCOL_JSON,
  SUBPROTOCOL_MSGPACK,
  type SubscribedChannel,
} from '#wire';
import { type HeldRecord, messageOf } from '../../wire/src/native-messages.fixture.js';

export const LIMITS: StreamLimits = {
  frameBytesMax: 65_536,
  channelsPerCommandMax: 500,
  channelsPerSessionMax: 1_000,
  symbolsPerSessionMax: 100_000,
  commandsPerSecond: 5,
  commandBurst: 20,
};
export const HEARTBEAT_MS = 1_000;

export const INSTRUMENTS = {
  AAPL: { sid: 17, symbol: 'AAPL', priceScale: 2, sizeScale: 0, volumeScale: 0 },
  'BTC/USD': { sid: 18, symbol: 'BTC/USD', priceScale: 2, sizeScale: 8, volumeScale: 2 },
} as const;
export type Listed = keyof typeof INSTRUMENTS;

export interface SentCommand {
  readonly op: string;
  readonly id: string | number;
  readonly channels?: readonly string[];
  readonly hz?: number;
  readonly from?: Readonly<Record<string, readonly [number, number]>>;
  readonly token?: string;
}

/** One client as the service sees it. */
export class ServedClient {
  private readonly commands: SentCommand[] = [];
  private readonly waiting: ((command: SentCommand) => void)[] = [];
  readonly closed: Promise<{ readonly code: number }>;

  constructor(private readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.once('close', (code) => resolve({ code })));
    socket.on('message', (message: Buffer) => {
      const command = this.dialect.decode(new Uint8Array(message)) as SentCommand;
      const taker = this.waiting.shift();
      if (taker === undefined) this.commands.push(command);
      else taker(command);
    });
  }

  private get dialect() {
    return this.socket.protocol === SUBPROTOCOL_JSON ? nativeJson : nativeMsgpack;
  }

  /** Commands that nobody has taken yet. */
  get untaken(): number {
    return this.commands.length;
  }

  command(): Promise<SentCommand> {
    const command = this.commands.shift();
    return command === undefined
      ? new Promise((resolve) => this.waiting.push(resolve))
      : Promise.resolve(command);
  }

  say(record: ControlRecord): void {
    this.raw(this.dialect.control(record));
  }

  send(...records: readonly HeldRecord[]): void {
    this.raw(messageOf(this.dialect, records, INSTRUMENTS));
  }

  raw(message: Uint8Array): void {
    this.socket.send(message, { binary: this.dialect.binary });
  }

  welcome(more: { readonly subject?: string | null; readonly limits?: Partial<StreamLimits> } = {}): void {
    const { subject = 'anonymous', limits = {} } = more;
    this.say({
      type: 'welcome',
      connection: 'c-1',
      subject,
      heartbeatMs: HEARTBEAT_MS,
      limits: { ...LIMITS, ...limits },
    });
  }

  /** Takes a subscribe command and grants all of it. */
  async grant(
    positions: Readonly<Record<string, { readonly epoch: number; readonly seq: number }>> = {},
  ): Promise<SentCommand> {
    const command = await this.command();
    const channels = (command.channels ?? []).map((channel): SubscribedChannel => {
      const [kind, symbol] = channel.split(':') as [string, Listed];
      return {
        channel,
        ...INSTRUMENTS[symbol],
        fields: [],
        hz: kind === 'ticker' ? (command.hz ?? 20) : null,
        status: 'open',
        position: kind === 'trade' ? (positions[symbol] ?? null) : null,
      };
    });
    this.say({ type: 'subscribed', id: command.id, channels, errors: [], more: false });
    return command;
  }

  close(code: number, reason = ''): void {
    this.socket.close(code, reason);
  }

  /** Gone without a word. */
  cut(): void {
    this.socket.terminate();
  }
}

export class StreamService {
  private readonly server: WebSocketServer;
  private readonly arrived: ServedClient[] = [];
  private readonly waiting: ((client: ServedClient) => void)[] = [];

  private constructor() {
    this.server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      handleProtocols: (offered) =>
        [SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON].find((known) => offered.has(known)) ?? false,
    });
    this.server.on('connection', (socket) => {
      const client = new ServedClient(socket);
      const taker = this.waiting.shift();
      if (taker === undefined) this.arrived.push(client);
      else taker(client);
    });
  }

  static start(): Promise<StreamService> {
    const service = new StreamService();
    return new Promise((resolve) => service.server.once('listening', () => resolve(service)));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1/stream`;
  }

  client(): Promise<ServedClient> {
    const client = this.arrived.shift();
    return client === undefined
      ? new Promise((resolve) => this.waiting.push(resolve))
      : Promise.resolve(client);
  }

  stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

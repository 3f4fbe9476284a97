/**
 * Follows symbols on a Tickcast service through whatever happens to the connection. What was asked for is kept: after
 * a reconnect, to whichever gateway, everything is asked for again, and trades go on after the last one that came.
 */
import type {
  ChannelError,
  CommandId,
  ErrorRecord,
  HeartbeatRecord,
  StreamRecord,
  SubscribedChannel,
  SubscribedRecord,
  TradeRecord,
  UpdateRecord,
  WelcomeRecord,
} from '#wire';
import { Channels } from './channels.js';
import { CommandLine } from './command-line.js';
import { Listeners, throwLater } from './listeners.js';
import { reconnectDelayMs } from './reconnect-delay.js';
import { type StreamClock, systemStreamClock } from './stream-clock.js';
import { type Codec, type ConnectionCounters, type Ending, StreamConnection } from './stream-connection.js';
import { type StreamSocketConstructor, socketOfRuntime } from './stream-socket.js';
import type { StreamState } from './stream-state.js';
import { type BookCounters, SymbolBook } from './symbol-book.js';
import type { SymbolState, TradeGap } from './symbol-state.js';

export interface StreamClientOptions {
  /** `ws(s)://host[:port]/v1/stream` */
  readonly url: string;
  /** msgpack is a third of the bytes; JSON can be read in the browser's network tab. */
  readonly codec?: Codec;
  /** Asked for at every connection that must authenticate; not needed where the service lets anonymous clients in. */
  readonly token?: string | (() => string | Promise<string>);
  /** The runtime's own when left out. */
  readonly WebSocket?: StreamSocketConstructor;
  readonly clock?: StreamClock;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** Gets what a listener throws; left out: thrown later, as an uncaught error. */
  readonly report?: (error: unknown) => void;
}

/** What can be listened to, and what a listener is called with. */
export interface StreamCalls {
  state: readonly [state: StreamState];
  /** A whole new image of a symbol. */
  image: readonly [state: SymbolState];
  /** `state.image` has these changes in it. */
  update: readonly [state: SymbolState, update: UpdateRecord];
  trade: readonly [trade: TradeRecord, state: SymbolState];
  gap: readonly [gap: TradeGap, state: SymbolState];
  status: readonly [state: SymbolState];
  stale: readonly [state: SymbolState];
  fresh: readonly [state: SymbolState];
  /** A channel was granted; a wildcard is told once per symbol. */
  subscribed: readonly [channel: SubscribedChannel];
  /** A channel was refused. It stays wanted, and is asked for again on the next connection. */
  refused: readonly [error: ChannelError];
  heartbeat: readonly [heartbeat: HeartbeatRecord];
  /** An error that answers no channel. */
  error: readonly [error: ErrorRecord];
}

export interface StreamCounters extends Readonly<BookCounters>, Readonly<ConnectionCounters> {
  /** Sockets that were opened, the first included. */
  readonly connections: number;
}

const NORMAL = 1000;
const UNAUTHENTICATED = 4001;

export class StreamClient {
  private readonly options: StreamClientOptions;
  private readonly clock: StreamClock;
  private readonly random: () => number;
  private readonly listeners: Listeners<{ [name in keyof StreamCalls]: StreamCalls[name] }>;
  private readonly channels = new Channels();
  private readonly book: SymbolBook;
  private readonly connectionCounters: ConnectionCounters = { messages: 0, bytes: 0 };
  private connections = 0;
  private now: StreamState = { kind: 'idle' };
  private connection: StreamConnection | undefined;
  private line: CommandLine | undefined;
  private authId: CommandId = null;
  private welcome: WelcomeRecord | undefined;
  private attempt = 0;
  private cancelRetry: (() => void) | undefined;
  private leaving = false;
  private pumpSoon = false;
  private newestFeedTimeUs: number | null = null;

  constructor(options: StreamClientOptions) {
    this.options = options;
    this.clock = options.clock ?? systemStreamClock;
    this.random = options.random ?? Math.random;
    this.listeners = new Listeners(options.report ?? throwLater);
    const tell = this.listeners;
    this.book = new SymbolBook(
      {
        image: (state) => tell.tell('image', state),
        update: (state, update) => tell.tell('update', state, update),
        trade: (trade, state) => tell.tell('trade', trade, state),
        gap: (gap, state) => tell.tell('gap', gap, state),
        status: (state) => tell.tell('status', state),
        stale: (state) => tell.tell('stale', state),
        fresh: (state) => tell.tell('fresh', state),
      },
      () => this.clock.nowMs(),
    );
  }

  get state(): StreamState {
    return this.now;
  }

  get counters(): StreamCounters {
    return { ...this.book.counters, ...this.connectionCounters, connections: this.connections };
  }

  /** When the newest message of this connection came, ms on the client's clock; null without a connection. */
  get lastMessageAtMs(): number | null {
    return this.connection?.lastMessageAtMs ?? null;
  }

  /** Newest tick time that the gateway has seen, as its last heartbeat said, µs; null before. */
  get feedTimeUs(): number | null {
    return this.newestFeedTimeUs;
  }

  /** What is known of a symbol; undefined when no channel of it was granted. */
  symbol(symbol: string): SymbolState | undefined {
    return this.book.get(symbol);
  }

  symbols(): IterableIterator<SymbolState> {
    return this.book.states();
  }

  /** Channels that are wanted, as they were given. */
  get wanted(): readonly string[] {
    return this.channels.names;
  }

  /** @returns call it to stop listening */
  on<Name extends keyof StreamCalls>(name: Name, listener: (...args: StreamCalls[Name]) => void): () => void {
    return this.listeners.on(name, listener);
  }

  /**
   * Asks for channels now and after every reconnect. Asking again gives the images again, or another rate.
   * @param channels `ticker:AAPL`, `trade:BTC/USD`, `status:*`, `ticker:BTC*`
   * @param options.hz wished updates per second of the ticker channels; left out: the service's rate
   * @throws RangeError at something that is no channel, and beyond 100,000 channels
   */
  subscribe(channels: readonly string[], options: { readonly hz?: number } = {}): void {
    for (const channel of channels) this.channels.want(channel, options.hz ?? null);
    this.pumpLater();
  }

  /** Forgets channels, and the state of the symbols that no other channel covers. Unknown ones are no error. */
  unsubscribe(channels: readonly string[]): void {
    let dropped = false;
    for (const channel of channels) dropped = this.channels.drop(channel) || dropped;
    if (!dropped) return;
    this.book.keep((kind, symbol) => this.channels.covers(kind, symbol));
    this.pumpLater();
  }

  /** Connects, and stays connected until `close` or a code that says not to come back. Once open it does nothing. */
  connect(): void {
    if (this.now.kind !== 'idle' && this.now.kind !== 'closed') return;
    this.attempt = 0;
    this.leaving = false;
    this.open();
  }

  /** Ends the waiting between two attempts: the network is back, or somebody is looking again. */
  retryNow(): void {
    if (this.now.kind === 'waiting') this.open();
  }

  close(): void {
    this.leaving = true;
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    if (this.connection !== undefined) this.connection.close(NORMAL, 'closed by the client');
    else if (this.now.kind === 'waiting') this.become({ kind: 'closed', code: NORMAL, reason: '' });
  }

  private become(state: StreamState): void {
    this.now = state;
    this.listeners.tell('state', state);
  }

  private open(): void {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    this.connections++;
    this.connection = new StreamConnection(
      this.options.url,
      this.options.codec ?? 'msgpack',
      this.options.WebSocket ?? socketOfRuntime(),
      this.clock,
      this.connectionCounters,
      { record: (record) => this.receive(record), ended: (ending) => this.ended(ending) },
    );
    this.become({ kind: 'connecting', attempt: this.attempt });
  }

  private ended({ code, reason, goodbye }: Ending): void {
    this.connection = undefined;
    this.welcome = undefined;
    this.line?.end();
    this.line = undefined;
    this.authId = null;
    const delayMs = this.leaving
      ? null
      : reconnectDelayMs(code, goodbye?.retryAfterMs ?? null, this.attempt, this.random);
    const why = goodbye?.reason ?? reason;
    if (delayMs === null) {
      this.become({ kind: 'closed', code, reason: why });
      return;
    }
    this.attempt++;
    this.cancelRetry = this.clock.after(delayMs, () => this.open());
    this.become({ kind: 'waiting', retryAtMs: this.clock.nowMs() + delayMs, code, reason: why });
  }

  private receive(record: StreamRecord): void {
    switch (record.type) {
      case 'update':
      case 'image':
      case 'trade':
      case 'position':
      case 'gap':
        return this.book.apply(record);
      case 'heartbeat':
        // A session that lived for a heartbeat was a good one: the next loss starts from the shortest delay.
        this.attempt = 0;
        this.newestFeedTimeUs = record.feedTimeUs;
        return this.listeners.tell('heartbeat', record);
      case 'status':
        return this.book.status(record);
      case 'stale':
        return this.book.stale(record);
      case 'fresh':
        return this.book.fresh(record);
      case 'instrument':
        if (this.covered(record.symbol)) this.book.announced(record);
        return;
      default:
        return this.receiveAnswer(record);
    }
  }

  private receiveAnswer(record: StreamRecord): void {
    switch (record.type) {
      case 'welcome':
        return this.welcomed(record);
      case 'authenticated':
        if (record.id === this.authId) this.opened(record.subject);
        return;
      case 'subscribed':
        return this.subscribed(record);
      case 'unsubscribed':
        // Its errors say that a channel was not subscribed, which is what was asked for.
        if (!record.more) this.line?.answered(record.id);
        return;
      case 'error':
        return this.failed(record);
      default:
        return;
    }
  }

  private welcomed(welcome: WelcomeRecord): void {
    const { connection } = this;
    if (connection === undefined) return;
    this.welcome = welcome;
    connection.expectHeartbeats(welcome.heartbeatMs);
    this.line = new CommandLine(
      this.channels,
      welcome.limits,
      this.clock,
      (symbol) => this.book.get(symbol)?.tradePosition ?? null,
      (command) => connection.send(command),
    );
    if (welcome.subject !== null) this.opened(welcome.subject);
    else void this.authenticate(connection, this.line);
  }

  private async authenticate(connection: StreamConnection, line: CommandLine): Promise<void> {
    const { token } = this.options;
    if (token === undefined) return connection.close(UNAUTHENTICATED, 'The service wants a token');
    let text: string;
    try {
      text = typeof token === 'string' ? token : await token();
    } catch (error) {
      // The source of tokens may be back at the next attempt: 4102 waits with back-off.
      return connection.close(4102, `No token: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (this.connection === connection) this.authId = line.auth(text);
  }

  private opened(subject: string): void {
    if (this.welcome === undefined) return;
    this.book.beginConnection();
    this.channels.tellAgain();
    this.become({ kind: 'open', connection: this.welcome.connection, subject });
    this.line?.pump();
  }

  private subscribed(record: SubscribedRecord): void {
    for (const channel of record.channels) {
      const { sid, symbol } = channel;
      if (sid !== null && symbol !== null && this.covered(symbol))
        this.book.granted({ ...channel, sid, symbol });
      this.listeners.tell('subscribed', channel);
    }
    for (const error of record.errors) this.listeners.tell('refused', error);
    if (!record.more) this.line?.answered(record.id);
  }

  private covered(symbol: string): boolean {
    return (
      this.channels.covers('ticker', symbol) ||
      this.channels.covers('trade', symbol) ||
      this.channels.covers('status', symbol)
    );
  }

  private failed(error: ErrorRecord): void {
    if (this.authId !== null && error.id === this.authId) {
      this.listeners.tell('error', error);
      this.connection?.close(UNAUTHENTICATED, error.code);
      return;
    }
    const { code, message } = error;
    const channels = this.line?.refused(error) ?? [];
    for (const channel of channels) this.listeners.tell('refused', { channel, code, message });
    if (channels.length === 0) this.listeners.tell('error', error);
  }

  /** Channels that are asked for one after the other in one go share a command. */
  private pumpLater(): void {
    if (this.pumpSoon) return;
    this.pumpSoon = true;
    queueMicrotask(() => {
      this.pumpSoon = false;
      if (this.now.kind === 'open') this.line?.pump();
    });
  }
}

/**
 * One gateway: batches in, frames out. It keeps the table of images and the rings of trades, the lanes that follow
 * them, and the sessions. Nothing here could not be rebuilt by another gateway, so no client is bound to this one.
 */
import { randomBytes } from 'node:crypto';
import { CLOSE_CODES, type CloseReason, type StreamLimits } from '#wire';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { ClientSocket } from './client-socket.js';
import { type Authenticate, Commands } from './commands.js';
import { DIALECTS } from './dialects.js';
import { Flusher, type FlushTimers, SLICE, type Slice } from './flusher.js';
import { Images } from './images.js';
import { Inbox } from './inbox.js';
import { Lane } from './lane.js';
import type { NativeSend } from './native-send.js';
import { Pulse } from './pulse.js';
import { ladder } from './rates.js';
import { Server } from './serve.js';
import { Session } from './session.js';
import { Staleness } from './staleness.js';
import { Subscriptions } from './subscriptions.js';
import { SymbolSwitch } from './symbol-switch.js';
import { TableWriter } from './table-writer.js';
import { TickerFollow } from './ticker-follow.js';
import { TradeFollow } from './trade-follow.js';
import { TradeLane } from './trade-lane.js';
import { TradeRings } from './trade-rings.js';

/** After goodbye and close, a client that does not answer is cut off. */
const TERMINATE_MS = 1000;

/** How often a drain looks whether all clients are gone. */
const GONE_MS = 25;

export interface GatewayDependencies {
  readonly config: Config;
  readonly registry: SymbolRegistry;
  readonly clock: Clock;
  readonly timers: FlushTimers;
  readonly authenticate: Authenticate;
  /** From 0 up to 1: spreads reconnects. */
  readonly random: () => number;
  /** Null: frames go through streams. */
  readonly native: NativeSend | null;
  readonly slice?: Slice;
}

export class Gateway {
  readonly sessions: Session[] = [];
  readonly rings: TradeRings;
  readonly lanes: readonly Lane[];
  readonly tradeLane: TradeLane;
  readonly server: Server;
  readonly flusher: Flusher;
  /** Where messages of clients go. */
  readonly inbox: Inbox;
  readonly commands: Commands;
  readonly pulse: Pulse;
  readonly staleness: Staleness;
  /** Where the follower's batches go. */
  readonly sink: TableWriter;
  readonly counters = { opened: 0, closedByReason: {} as Record<string, number> };
  private readonly tickers: TickerFollow;
  private readonly trades: TradeFollow;
  private readonly speaks: boolean[] = DIALECTS.map(() => false);
  private readonly sessionsByDialect: number[] = DIALECTS.map(() => 0);
  private numbered = 0;

  constructor(private readonly dependencies: GatewayDependencies) {
    const { config, registry, clock, timers, authenticate, native, slice = SLICE } = dependencies;
    const { sessions, speaks } = this;
    const cause = () => this.flusher.cause();
    const hangUp = (session: Session, reason: CloseReason) => this.hangUp(session, reason);

    const table = new Images();
    this.rings = new TradeRings({
      ageMsMax: config.tradeRingSeconds * 1000,
      bytesMax: config.tradeRingBytesMax,
    });
    this.lanes = ladder(config.coalesceIntervalMs).map((rung) => new Lane(rung, table, registry));
    this.tradeLane = new TradeLane(this.rings, registry, (sid) => this.sink.historyPending(sid));
    this.server = new Server(this.tradeLane, native);
    const { rings, lanes, tradeLane, server } = this;
    this.staleness = new Staleness(registry, config.partitions, sessions, tradeLane, timers);
    const { staleness } = this;
    const flushed = (pass: number) => staleness.flushed(pass);
    this.flusher = new Flusher(
      lanes,
      tradeLane,
      server,
      sessions,
      speaks,
      clock,
      timers,
      slice,
      flushed,
      config.partitions,
    );
    const { flusher } = this;
    this.sink = new TableWriter(
      table,
      rings,
      lanes,
      tradeLane,
      flusher,
      staleness,
      registry,
      clock,
      config.partitions,
    );

    this.tickers = new TickerFollow(lanes);
    this.trades = new TradeFollow(tradeLane);
    const { tickers, trades } = this;
    const subscriptions = new Subscriptions(registry, tickers, trades, server, staleness, config, cause);
    this.commands = new Commands(subscriptions, flusher, authenticate, clock, config, hangUp);
    this.inbox = new Inbox(this.commands, clock, timers);
    const feedTimeUs = () => this.sink.newestFeedTimeUs;
    const drained = (session: Session) => this.drained(session);
    this.pulse = new Pulse(sessions, clock, config, feedTimeUs, hangUp, drained);
    const symbolSwitch = new SymbolSwitch(
      sessions,
      lanes,
      tradeLane,
      tickers,
      trades,
      server,
      config.symbolsPerSessionMax,
      (session) => flusher.serveFirst(session),
      cause,
    );
    symbolSwitch.begin(registry.all());
    registry.watch((changed) => symbolSwitch.changed(changed));
  }

  get limits(): StreamLimits {
    const { config } = this.dependencies;
    return {
      frameBytesMax: config.clientFrameBytesMax,
      channelsPerCommandMax: config.channelsPerCommandMax,
      channelsPerSessionMax: config.channelsPerSessionMax,
      symbolsPerSessionMax: config.symbolsPerSessionMax,
      commandsPerSecond: config.commandsPerSecond,
      commandBurst: config.commandBurst,
    };
  }

  /** Lets the kernel hide no more from us of what a client does not read than it must. */
  limitUnsent(socket: ClientSocket): void {
    const { native, config } = this.dependencies;
    if (socket.descriptor >= 0) native?.limitUnsent(socket.descriptor, config.unsentBytesMax);
  }

  /**
   * A client has connected.
   * @param dialectAt place of its dialect in DIALECTS
   * @param subject who it is, null when it has yet to say
   */
  open(socket: ClientSocket, dialectAt: number, subject: string | null): Session {
    const { clock, config } = this.dependencies;
    const connection = `${config.node}/${randomBytes(6).toString('base64url')}`;
    const drained = () => this.drained(session);
    const session = new Session(
      connection,
      this.numbered++,
      socket,
      dialectAt,
      clock.monotonicMs(),
      config.probeLagMsMax,
      drained,
    );
    session.subject = subject;
    session.place = this.sessions.length;
    this.sessions.push(session);
    this.countDialect(dialectAt, 1);
    this.counters.opened++;
    session.control({
      type: 'welcome',
      connection,
      subject,
      heartbeatMs: config.clientHeartbeatMs,
      limits: this.limits,
    });
    return session;
  }

  /** The connection is gone, whoever ended it. */
  closed(session: Session): void {
    if (session.place < 0) return;
    session.closing = true;
    const last = this.sessions.pop()!;
    if (last !== session) {
      this.sessions[session.place] = last;
      last.place = session.place;
    }
    session.place = -1;
    this.countDialect(session.dialectAt, -1);
    this.tickers.unfollowAll(session);
    this.trades.unfollowAll(session);
  }

  /** Says goodbye, closes with the reason's code, and cuts the connection off where that is not answered. */
  hangUp(session: Session, reason: CloseReason): void {
    if (session.closing) return;
    const { config, timers, random } = this.dependencies;
    const retryAfterMs = Math.floor(random() * config.reconnectSpreadMs);
    session.control({ type: 'goodbye', reason, retryAfterMs });
    session.closing = true;
    this.counters.closedByReason[reason] = (this.counters.closedByReason[reason] ?? 0) + 1;
    session.socket.close(CLOSE_CODES[reason], reason);
    timers.after(TERMINATE_MS, () => session.socket.terminate());
  }

  /** Sends all clients away, evenly over a time, so that the other gateways are not stormed. Resolves when all are gone. */
  async drain(overMs: number): Promise<void> {
    const leaving = [...this.sessions];
    const slices = Math.max(1, Math.min(leaving.length, Math.ceil(overMs / 50)));
    for (let slice = 0; slice < slices; slice++) {
      for (let i = slice; i < leaving.length; i += slices) this.hangUp(leaving[i]!, 'service_restart');
      if (slice < slices - 1) await this.after(overMs / slices);
    }
    for (let waitedMs = 0; this.sessions.length > 0 && waitedMs < TERMINATE_MS + 500; waitedMs += GONE_MS) {
      // Whoever came in meanwhile.
      for (const session of [...this.sessions]) this.hangUp(session, 'service_restart');
      await this.after(GONE_MS);
    }
  }

  /** The kernel has taken what a session was sent, or its client answers again. */
  private drained(session: Session): void {
    if (session.isBehind || session.stalePartitions.size > 0) this.flusher.cause();
  }

  private after(ms: number): Promise<void> {
    return new Promise((resolve) => this.dependencies.timers.after(ms, resolve));
  }

  private countDialect(dialectAt: number, change: number): void {
    this.sessionsByDialect[dialectAt]! += change;
    this.speaks[dialectAt] = this.sessionsByDialect[dialectAt]! > 0;
  }
}

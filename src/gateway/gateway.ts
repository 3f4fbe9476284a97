/**
 * One gateway: batches in, frames out. It keeps the table of images and the rings of trades, the lanes that follow
 * them, and the sessions. Nothing here could not be rebuilt by another gateway, so no client is bound to this one.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { IMAGE_FIELD_COUNT } from '#market-data';
import { CLOSE_CODES, type CloseReason, type StreamLimits } from '#wire';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { ImageSink, StaleReason } from '../fanout/image-sink.js';
import type { SymbolRegistry } from '../symbols/symbol-registry.js';
import type { ClientSocket } from './client-socket.js';
import { type Authenticate, Commands } from './commands.js';
import { DIALECTS } from './dialects.js';
import { Flusher, type FlushTimers, SLICE, type Slice } from './flusher.js';
import { Images, NO_EPOCH } from './images.js';
import { Lane } from './lane.js';
import { Pulse } from './pulse.js';
import { ladder } from './rates.js';
import { Server } from './serve.js';
import { Session } from './session.js';
import { Staleness } from './staleness.js';
import { Subscriptions } from './subscriptions.js';
import { SymbolSwitch } from './symbol-switch.js';
import { TickerFollow } from './ticker-follow.js';
import { TradeFollow } from './trade-follow.js';
import { TradeLane } from './trade-lane.js';
import { type RingTrade, TradeRings } from './trade-rings.js';

/** After goodbye and close, a client that does not answer is cut off. */
const TERMINATE_MS = 1000;

export interface GatewayDependencies {
  readonly config: Config;
  readonly registry: SymbolRegistry;
  readonly clock: Clock;
  readonly timers: FlushTimers;
  readonly authenticate: Authenticate;
  readonly slice?: Slice;
}

export class Gateway implements ImageSink {
  readonly sessions: Session[] = [];
  readonly table = new Images();
  readonly rings: TradeRings;
  readonly lanes: readonly Lane[];
  readonly tradeLane: TradeLane;
  readonly server: Server;
  readonly flusher: Flusher;
  readonly commands: Commands;
  readonly pulse: Pulse;
  readonly staleness: Staleness;
  readonly counters = { opened: 0, closedByReason: {} as Record<string, number>, unknownSids: 0 };
  private readonly symbolSwitch: SymbolSwitch;
  private readonly tickers: TickerFollow;
  private readonly trades: TradeFollow;
  private readonly speaks: boolean[] = DIALECTS.map(() => false);
  private readonly sessionsByDialect: number[] = DIALECTS.map(() => 0);
  /** Per partition: whether its older tape was read back into the rings. */
  private readonly historyRead: boolean[];
  /** Past trades of the tape batch that is being read, per symbol. */
  private readonly past = new Map<number, RingTrade[]>();
  private epoch = 0;
  private reloaded = new Set<number>();
  private newestFeedTimeUs: number | null = null;
  private reconciling = false;
  private numbered = 0;

  constructor(private readonly dependencies: GatewayDependencies) {
    const { config, registry, clock, timers } = dependencies;
    this.rings = new TradeRings({
      ageMsMax: config.tradeRingSeconds * 1000,
      bytesMax: config.tradeRingBytesMax,
    });
    this.lanes = ladder(config.coalesceIntervalMs).map((rung) => new Lane(rung, this.table, registry));
    this.historyRead = new Array<boolean>(config.partitions).fill(false);
    this.tradeLane = new TradeLane(
      this.rings,
      registry,
      (sid) => this.historyRead[registry.partition(sid)] === false,
    );
    this.server = new Server(this.tradeLane);
    const cause = () => this.flusher.cause();
    const { sessions, lanes, tradeLane, server } = this;
    const { slice = SLICE } = dependencies;
    const flushed = (pass: number) => this.staleness.flushed(pass);
    this.flusher = new Flusher(
      lanes,
      tradeLane,
      server,
      sessions,
      this.speaks,
      clock,
      timers,
      slice,
      flushed,
    );
    this.staleness = new Staleness(registry, config.partitions, sessions, timers.soon);
    this.tickers = new TickerFollow(lanes);
    this.trades = new TradeFollow(tradeLane);
    const subscriptions = new Subscriptions(
      registry,
      this.tickers,
      this.trades,
      server,
      this.staleness,
      config,
      cause,
    );
    const hangUp = (session: Session, reason: CloseReason) => this.hangUp(session, reason);
    this.commands = new Commands(
      subscriptions,
      this.flusher,
      dependencies.authenticate,
      clock,
      config,
      hangUp,
    );
    this.pulse = new Pulse(sessions, clock, config, () => this.newestFeedTimeUs, hangUp, cause);
    this.symbolSwitch = new SymbolSwitch(
      sessions,
      lanes,
      tradeLane,
      this.tickers,
      this.trades,
      server,
      config.symbolsPerSessionMax,
      (session) => this.flusher.serveFirst(session),
      cause,
    );
    this.symbolSwitch.begin(registry.all());
    registry.watch((changed) => this.symbolSwitch.changed(changed));
  }

  // Sessions

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

  /**
   * A client has connected.
   * @param dialectAt place of its dialect in DIALECTS
   * @param subject who it is, null when it has yet to say
   */
  open(socket: ClientSocket, dialectAt: number, subject: string | null): Session {
    const { clock, config } = this.dependencies;
    const connection = `${config.node}/${randomBytes(6).toString('base64url')}`;
    const drained = () => this.flusher.cause();
    const session = new Session(connection, this.numbered++, socket, dialectAt, clock.monotonicMs(), drained);
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
    const { config, timers } = this.dependencies;
    const retryAfterMs = config.reconnectSpreadMs === 0 ? 0 : randomInt(config.reconnectSpreadMs);
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
    for (let waited = 0; this.sessions.length > 0 && waited < TERMINATE_MS + 500; waited += 25)
      await this.after(25);
  }

  private after(ms: number): Promise<void> {
    return new Promise((resolve) => this.dependencies.timers.after(ms, resolve));
  }

  private countDialect(dialectAt: number, change: number): void {
    this.sessionsByDialect[dialectAt]! += change;
    this.speaks[dialectAt] = this.sessionsByDialect[dialectAt]! > 0;
  }

  // Batches

  beginBatch(_partition: number, epoch: number): void {
    this.epoch = epoch;
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.learn(sid);
    if (mask === 0) return;
    const { table } = this;
    table.reserve(sid);
    if (table.epoch[sid] !== this.epoch) table.forget(sid);
    const offset = sid * IMAGE_FIELD_COUNT;
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const field = 31 - Math.clz32(rest & -rest);
      table.values[offset + field] = values[field]!;
    }
    table.seq[sid] = seq;
    table.epoch[sid] = this.epoch;
    table.timeUs[sid] = timeUs;
    this.noteFeedTime(timeUs);
    for (const lane of this.lanes) lane.mark(sid);
  }

  trade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    this.learn(sid);
    const nowMs = this.dependencies.clock.monotonicMs();
    this.rings.push(sid, this.epoch, { seq, timeUs, price, size, id, conditions }, nowMs);
    this.noteFeedTime(timeUs);
    this.tradeLane.mark(sid);
  }

  endBatch(): void {
    this.flusher.cause();
  }

  beginReload(partition: number, epoch: number): void {
    this.epoch = epoch;
    this.reloaded = new Set();
    this.historyRead[partition] = false;
  }

  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void {
    this.learn(sid);
    this.reloaded.add(sid);
    const { table, rings, epoch } = this;
    if (rings.epoch(sid) !== epoch || rings.last(sid) !== tradeSeq) {
      rings.restart(sid, epoch, tradeSeq);
      this.tradeLane.mark(sid);
    }
    table.reserve(sid);
    if (table.epoch[sid] === epoch && table.seq[sid] === seq) return;
    // Seq 0: no state was ever published, only numbers of trades are known.
    if (seq === 0) {
      table.forget(sid);
      return;
    }
    table.values.set(values.subarray(0, IMAGE_FIELD_COUNT), sid * IMAGE_FIELD_COUNT);
    table.seq[sid] = seq;
    table.epoch[sid] = epoch;
    table.timeUs[sid] = timeUs;
    for (const lane of this.lanes) lane.mark(sid);
  }

  endReload(partition: number): void {
    // A symbol that the new state does not know has none; its sessions keep what they have until it comes.
    for (const { sid } of this.dependencies.registry.all()) {
      const known = this.table.has(sid) && this.dependencies.registry.partition(sid) === partition;
      if (known && !this.reloaded.has(sid)) this.table.epoch[sid] = NO_EPOCH;
    }
    this.flusher.cause();
  }

  beginHistory(_partition: number, epoch: number): void {
    this.epoch = epoch;
    this.past.clear();
  }

  pastTrade(
    sid: number,
    seq: number,
    timeUs: number,
    price: number,
    size: number,
    id: string | null,
    conditions: string | null,
  ): void {
    const trade = { seq, timeUs, price, size, id, conditions };
    const trades = this.past.get(sid);
    if (trades === undefined) this.past.set(sid, [trade]);
    else trades.push(trade);
  }

  endHistory(): void {
    for (const [sid, trades] of this.past) {
      for (let i = trades.length - 1; i >= 0; i--) this.rings.pushPast(sid, this.epoch, trades[i]!);
    }
  }

  /** Whoever resumed further back than the rings reached can now be told what is there. */
  historyComplete(partition: number): void {
    this.historyRead[partition] = true;
    this.flusher.cause();
  }

  silent(partition: number, sinceUs: number, reason: StaleReason): void {
    this.staleness.fellSilent(partition, { sinceUs, reason });
  }

  heard(partition: number): void {
    if (this.staleness.heard(partition, this.flusher.pass)) this.flusher.causeAll();
  }

  private noteFeedTime(timeUs: number): void {
    if (this.newestFeedTimeUs === null || timeUs > this.newestFeedTimeUs) this.newestFeedTimeUs = timeUs;
  }

  /** A sid that this process does not know yet: the registry has news that were not heard. */
  private learn(sid: number): void {
    const { registry } = this.dependencies;
    if (registry.bySid(sid) !== undefined || this.reconciling) return;
    this.counters.unknownSids++;
    this.reconciling = true;
    const done = () => {
      this.reconciling = false;
    };
    // Where the store does not answer, the registry itself tries again until it does.
    registry.reconcile().then(done, done);
  }
}

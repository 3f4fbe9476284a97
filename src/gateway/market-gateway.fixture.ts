/** A gateway in a market where symbols change with every turn, step by step: turn, flush, serve. For benches. */
import { ALL_FIELDS, IMAGE_FIELD_COUNT } from '#market-data';
import { lowestBit } from '#wire';
import { type Change, inTurn, Market } from '../../bench/micro/market.js';
import type { ImageSink } from '../fanout/image-sink.js';
import type { ClientSocket } from './client-socket.js';
import { command, gatewayFixture, type RegistryFixture } from './gateway.fixture.js';
import type { Gateway } from './gateway.js';
import { generator } from './generator.fixture.js';
import type { Lane } from './lane.js';
import type { NativeSend } from './native-send.js';
import type { Session } from './session.js';

const EPOCH = 1_700_000_000_000_000;
const INTERVAL_US = 50_000;

/** A socket that takes everything at once: what is measured ends where bytes would go to a stream. */
export class TakingSocket implements ClientSocket {
  readonly pendingBytes = 0;
  /** Copies of what was written; null = none are made. */
  kept: Uint8Array[] | null = null;
  bytes = 0;

  /** @param descriptor for the native part; -1 = there is none */
  constructor(readonly descriptor = -1) {}

  write(frames: Uint8Array): void {
    this.bytes += frames.length;
    this.kept?.push(Uint8Array.from(frames));
  }
  whenDrained(): void {
    throw new Error('Expected nothing to be pending');
  }
  ping(): void {
    throw new Error('Expected no lag probe');
  }
  pause(): void {
    throw new Error('Expected to be read');
  }
  resume(): void {
    throw new Error('Expected to be read all the time');
  }
  close(): void {
    throw new Error('Expected to stay open');
  }
  terminate(): void {
    throw new Error('Expected to stay open');
  }
}

export class MarketGateway {
  readonly gateway: Gateway;
  readonly registry: RegistryFixture;
  /** That of the service's rate. */
  readonly lane: Lane;
  readonly sessions: Session[] = [];
  pass = 0;
  private readonly nextTurn: () => readonly Change[];
  private readonly random = generator(11);
  private readonly scratch = new Float64Array(IMAGE_FIELD_COUNT);
  /** As in a market that has been open for a while. */
  private seq = 100_000;

  constructor(
    readonly symbols: number,
    native: NativeSend | null = null,
  ) {
    const { gateway, registry } = gatewayFixture(symbols, {}, undefined, undefined, native);
    this.gateway = gateway;
    this.registry = registry;
    this.lane = gateway.lanes[0]!;
    const market = new Market(symbols);
    this.nextTurn = inTurn(Array.from({ length: 4 }, () => market.turn()));
    this.turn(1, ALL_FIELDS);
  }

  /**
   * One batch.
   * @param every of so many symbols one has changed, in each turn another one
   * @param mask of the fields that are taken from the market
   */
  turn(every = 1, mask?: number): void {
    const sink: ImageSink = this.gateway.sink;
    this.seq++;
    const timeUs = EPOCH + this.seq * INTERVAL_US;
    sink.beginBatch(0, EPOCH, this.seq, timeUs);
    const changes = this.nextTurn();
    for (let i = this.seq % every; i < changes.length; i += every) {
      const change = changes[i]!;
      const changed = mask ?? change.mask;
      // As a decoder does: only what is in the mask.
      for (let rest = changed; rest !== 0; rest &= rest - 1) {
        const field = lowestBit(rest);
        this.scratch[field] = change.values[change.offset + field]!;
      }
      sink.update(change.sid, this.seq, changed, timeUs + i, this.scratch);
    }
    sink.endBatch(0);
  }

  /** First half of a flush, in both dialects unless told otherwise. */
  flush(speaks: readonly boolean[] = BOTH): void {
    this.lane.flush(++this.pass, 0, speaks);
  }

  /** Second half of a flush: every session gets its share. */
  serve(): void {
    const { server } = this.gateway;
    server.begin(0);
    for (const session of this.sessions) server.serve(session, this.pass);
    server.send();
  }

  /** A session that follows these symbols, and was sent their images. */
  join(socket: ClientSocket, dialectAt: number, sids: readonly number[]): Session {
    const session = this.gateway.open(socket, dialectAt, 'client');
    this.sessions.push(session);
    command(this.gateway, session, { op: 'subscribe', channels: sids.map((sid) => `ticker:S${sid}`) });
    return session;
  }

  /** Different symbols, in order. */
  choose(count: number): number[] {
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(1 + Math.floor(this.random() * this.symbols));
    return [...chosen].sort((a, b) => a - b);
  }
}

const BOTH = [true, true];

/**
 * A client that comes at a random time and does random things: named symbols and wildcards, rates, another rate in
 * between, leaving some, short pauses in reading, a lost connection with `from`. The seed decides all of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Image, SymbolState } from '../../support/peer-state.js';
import type { Seeded } from '../../support/seeded.js';
import { StreamPeer } from '../../support/stream-peer.js';

export interface RandomWorld {
  readonly urls: readonly string[];
  readonly symbols: readonly string[];
  /** Prefixes of wildcards, the empty one among them. */
  readonly prefixes: readonly string[];
  readonly onState: (state: SymbolState, image: Image) => void;
  /** How long after the first second the last client may come, and how long each lives at least. */
  readonly spreadMs: number;
}

const RATES = [undefined, undefined, 20, 10, 7, 5, 2.5, 2, 1, 0.2] as const;
/** The ladder of a service at 50 ms. */
const RUNGS = [20, 10, 5, 2, 1];

export class RandomClient {
  /** Trades of connections that were lost on the way, by symbol; those of the last one follow on. */
  readonly earlierTrades = new Map<string, SymbolState['trades']>();
  peer!: StreamPeer;

  constructor(
    private readonly seeded: Seeded,
    private readonly world: RandomWorld,
  ) {}

  /** Plays its whole life; the connection is open at the end. */
  async live(): Promise<void> {
    const { seeded, world } = this;
    await sleep(seeded.next() * world.spreadMs);
    await this.connect();
    await this.subscribe();
    for (let step = seeded.integer(0, 4); step > 0; step--) {
      await sleep(seeded.next() * 600);
      await this.step();
    }
    // Whoever left everything would have nothing to compare.
    if (this.peer.state.channels.size === 0) await this.subscribe();
  }

  private async connect(): Promise<void> {
    const codec = this.seeded.pick(['json', 'msgpack'] as const);
    this.peer = await StreamPeer.open(this.seeded.pick(this.world.urls), { codec });
    this.peer.state.onState = this.world.onState;
  }

  private channel(kind: 'ticker' | 'trade'): string {
    const { seeded, world } = this;
    return seeded.chance(0.25)
      ? `${kind}:${seeded.pick(world.prefixes)}*`
      : `${kind}:${seeded.pick(world.symbols)}`;
  }

  private async subscribe(): Promise<void> {
    const { seeded, peer } = this;
    const tickers = Array.from({ length: seeded.integer(1, 6) }, () => this.channel('ticker'));
    const hz = seeded.pick(RATES);
    const granted = await peer.subscribe([...new Set(tickers)], hz === undefined ? {} : { hz });
    const expected = hz === undefined ? 20 : (RUNGS.find((rung) => rung <= hz) ?? 1);
    // A named channel that it has already may hold another rate.
    for (const { channel, hz: rate } of granted)
      if (!channel.endsWith('*') && rate !== expected)
        peer.state.fault(`${channel} wished ${hz}, granted ${rate}, expected ${expected}`);
    if (seeded.chance(0.7)) await peer.subscribe([this.channel('trade')]);
  }

  private step(): Promise<void> | void {
    switch (this.seeded.integer(0, 4)) {
      case 0:
        return this.subscribe();
      case 1:
        return this.leaveSome();
      case 2:
        return this.pause();
      case 3:
        return this.reconnect();
      default:
        return this.list();
    }
  }

  private async leaveSome(): Promise<void> {
    const channels = this.seeded.sample([...this.peer.state.channels], this.seeded.integer(1, 3));
    if (channels.length > 0) await this.peer.ask({ op: 'unsubscribe', channels });
  }

  private async pause(): Promise<void> {
    this.peer.pause();
    await sleep(this.seeded.next() * 400);
    this.peer.resume();
  }

  private async list(): Promise<void> {
    const { peer } = this;
    const channels = (await peer.ask({ op: 'list' })).flatMap((page) =>
      page.type === 'list' ? page.channels.map(({ channel }) => channel) : [],
    );
    const expected = [...peer.state.channels].sort();
    if (JSON.stringify(channels.sort()) !== JSON.stringify(expected))
      peer.state.fault(`listed ${channels.join()}, has ${expected.join()}`);
  }

  /** Loses its connection and comes back, maybe to another gateway; trades go on where they were. */
  private async reconnect(): Promise<void> {
    const { state } = this.peer;
    const named = [...state.channels].filter((channel) => !channel.endsWith('*'));
    this.peer.terminate();
    const from: Record<string, [number, number]> = {};
    for (const channel of named.filter((one) => one.startsWith('trade:'))) {
      const { symbol, position, trades } = state.of(channel.slice('trade:'.length));
      if (position === null) continue;
      from[channel] = [position.epoch, position.seq];
      this.earlierTrades.set(symbol, [...(this.earlierTrades.get(symbol) ?? []), ...trades]);
    }
    const faults = [...state.faults];
    await this.connect();
    for (const fault of faults) this.peer.state.fault(fault);
    if (named.length > 0) await this.peer.subscribe(named, { from });
    else await this.subscribe();
  }
}

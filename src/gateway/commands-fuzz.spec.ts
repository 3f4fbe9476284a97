/**
 * Strangers' bytes: whatever one client sends, nothing throws, its session is answered or closed, and the stream of
 * another one goes on as if nothing happened. A failing seed is printed and replays alone.
 */
import { MsgpackWriter } from '#wire';
import { type ClientFixture, type Scene, scene, sidsTo } from './client.fixture.js';
import { DIALECTS } from './dialects.js';
import { JSON_DIALECT, MSGPACK } from './gateway.fixture.js';
import { generator } from './generator.fixture.js';

const MESSAGES = 5_000;
const SYMBOLS = 30;

class Stranger {
  constructor(
    private readonly random: () => number,
    private readonly binary: boolean,
  ) {}

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private one<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** A message, more or less like a command, whole or broken. */
  message(): Uint8Array {
    const chance = this.random();
    if (chance < 0.1) return this.noise(this.below(200));
    const bytes = this.encode(chance < 0.6 ? this.command() : this.value(0));
    return chance > 0.7 ? this.broken(bytes) : bytes;
  }

  private noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  private broken(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    if (this.random() < 0.3) return copy.subarray(0, this.below(copy.length + 1));
    for (let count = 1 + this.below(4); count > 0 && copy.length > 0; count--)
      copy[this.below(copy.length)] = this.below(256);
    return copy;
  }

  private encode(value: unknown): Uint8Array {
    if (!this.binary) return Buffer.from(JSON.stringify(value) ?? 'null');
    const writer = new MsgpackWriter();
    writer.value(value);
    return writer.bytes();
  }

  private command(): unknown {
    const channels = Array.from({ length: this.below(6) }, () => this.channel());
    return this.one([
      () => ({ op: 'subscribe', id: this.value(3), channels, hz: this.maybe(), from: this.from() }),
      () => ({ op: 'subscribe', id: this.below(100), channels }),
      () => ({ op: 'unsubscribe', id: this.below(100), channels }),
      () => ({
        op: this.one(['list', 'ping', 'auth', 'resume', '']),
        id: this.below(100),
        token: this.maybe(),
      }),
      () => ({
        op: this.value(2),
        channels: this.value(1),
        ['__proto__']: this.value(2),
        from: this.value(1),
      }),
    ])();
  }

  private channel(): string {
    const kind = this.one(['ticker', 'trade', 'status', 'ticker', 'candle', '']);
    const name = this.one([
      '*',
      'S*',
      'S1*',
      `S${this.below(SYMBOLS + 5)}`,
      'é',
      '\u0000',
      'S'.repeat(40),
      '__proto__',
    ]);
    return `${kind}:${name}`;
  }

  private from(): unknown {
    if (this.random() < 0.3) return this.value(1);
    const sid = 1 + this.below(SYMBOLS);
    return { [`trade:S${sid}`]: [this.below(3), this.below(200)], [this.channel()]: this.value(2) };
  }

  private maybe(): unknown {
    return this.random() < 0.5 ? undefined : this.value(2);
  }

  private value(depth: number): unknown {
    const chance = this.below(depth > 3 ? 9 : 12);
    switch (chance) {
      case 0:
        return null;
      case 1:
        return this.random() < 0.5;
      case 2:
        return this.below(1000) - 500;
      case 3:
        return this.random() * 1e300;
      case 4:
        return -(2 ** this.below(64));
      case 5:
        return 'x'.repeat(this.below(300));
      case 6:
        return this.channel();
      case 7:
        return this.one([Number.MAX_SAFE_INTEGER, 2 ** 53 - 1, -0, 0.1, 1e-7]);
      case 8:
        return '\ud800';
      case 9:
        return Array.from({ length: this.below(5) }, () => this.value(depth + 1));
      case 10:
        return { op: this.value(depth + 1), id: this.value(depth + 1) };
      default:
        return Object.fromEntries(
          Array.from({ length: this.below(4) }, () => [this.channel(), this.value(depth + 1)]),
        );
    }
  }
}

/** A bystander: follows everything. */
function watch(stage: Scene, dialectAt: number): ClientFixture {
  const client = stage.join(dialectAt);
  client.subscribe(['ticker:*', 'trade:*', 'status:*']);
  client.fresh();
  return client;
}

interface Played {
  /** What the bystanders were sent. */
  readonly streams: readonly (readonly unknown[])[];
  readonly taken: number;
  readonly refused: number;
  readonly recordTypes: ReadonlySet<string>;
}

/** One run, in which a stranger says all this, or nothing. */
function play(seed: number, dialectAt: number, speaks: boolean): Played {
  const random = generator(seed);
  const quiet = { commandsPerSecond: 100_000, commandBurst: 100_000, clientHeartbeatMs: 600_000 };
  const stage = scene(SYMBOLS, { ...quiet, channelsPerSessionMax: 20, symbolsPerSessionMax: SYMBOLS });
  const { publisher, gateway, timers, registry } = stage;
  publisher.publish(sidsTo(SYMBOLS), { bidPrice: 1 });
  const bystanders = [MSGPACK, JSON_DIALECT].map((other) => watch(stage, other));
  const { binary } = DIALECTS[dialectAt]!;
  const stranger = new Stranger(generator(seed + 1), binary);
  const recordTypes = new Set<string>();
  const client = stage.join(dialectAt, 'stranger');
  for (let i = 0; i < MESSAGES; i++) {
    const frame = random() < 0.97 ? binary : !binary;
    if (speaks) {
      gateway.commands.receive(client.session, stranger.message(), frame);
      for (const type of client.freshTypes()) recordTypes.add(type);
      client.socket.written.length = 0;
    }
    if (i % 3 === 0) publisher.publish([1 + (i % SYMBOLS)], { bidPrice: i });
    if (i % 7 === 0) publisher.trade(1 + (i % SYMBOLS), 2);
    if (i % 500 === 499) registry.set(1 + (i % 7), { enabled: i % 1000 === 999 });
    if (i % 4 === 0) timers.pass(4);
  }
  timers.pass(2000);
  expect(client.socket.closed).toBeNull();
  const { commands, refused } = gateway.commands.counters;
  return {
    streams: bystanders.map(({ socket }) => socket.records),
    taken: commands - refused,
    refused,
    recordTypes,
  };
}

describe.each([
  ['msgpack', MSGPACK],
  ['JSON', JSON_DIALECT],
])('a stranger that says anything in %s', (_name, dialectAt) => {
  it.each([11, 12])(`never throws, and disturbs nobody, in ${MESSAGES} messages (seed %d)`, (seed) => {
    const played = play(seed, dialectAt, true);
    const alone = play(seed, dialectAt, false);
    expect(played.streams).toEqual(alone.streams);
    // A run that met nothing would prove nothing.
    for (const stream of played.streams) expect(stream.length).toBeGreaterThan(2_000);
    expect(played.taken).toBeGreaterThan(500);
    expect(played.refused).toBeGreaterThan(1_000);
    for (const type of [
      'subscribed',
      'unsubscribed',
      'list',
      'pong',
      'error',
      'image',
      'update',
      'trade',
      'status',
    ])
      expect([type, played.recordTypes.has(type)]).toEqual([type, true]);
  });
});

/**
 * Whatever the live channel loses, repeats and delays, whenever connections and stores come and go: what the sink was
 * shown is the publisher's state at the sink's number, and each trade once. Seeded: a failure names its seed.
 */
import { pino } from 'pino';
import { LiveFollower } from './follower.js';
import { digest } from './live-publisher.fixture.js';
import { CheckingSink } from './live-sink.fixture.js';
import { FAIR, StagedTape } from './live-tape.fixture.js';
import { type Random, seeded, VirtualTime } from './live-time.fixture.js';

const RUNS = 400;
const STEPS = 100;
const HEARTBEAT_MS = 500;
const log = pino({ level: 'silent' });

class World {
  readonly time = new VirtualTime();
  readonly tape: StagedTape;
  readonly sink: CheckingSink;
  readonly follower: LiveFollower;
  private epochs = 1_000_000;

  constructor(
    readonly random: Random,
    readonly partitions: number,
  ) {
    this.tape = new StagedTape(this.time, random, partitions);
    this.sink = new CheckingSink(partitions, (partition, epoch, number) =>
      this.tape.publishers[partition]!.imagesByPosition.get(`${epoch}-${number}`),
    );
    const limits = {
      partitions,
      heartbeatMs: HEARTBEAT_MS,
      historyBatchesMax: 40,
      heldBytesMax: Math.floor(random() * 4_000),
    };
    this.follower = new LiveFollower(this.tape, limits, this.time, this.time, random, log);
  }

  /** Above all earlier ones, or below, but never one that was used. */
  newEpoch(): number {
    this.epochs++;
    return this.random() < 0.3 ? 2_000_000 - this.epochs : this.epochs + 2_000_000;
  }

  any() {
    return this.tape.publishers[Math.floor(this.random() * this.partitions)]!;
  }

  changeWeather(): void {
    const { random } = this;
    const bad = () => (random() < 0.5 ? 0 : random() * 0.5);
    this.tape.weather = {
      loss: bad(),
      repeat: bad(),
      delay: bad(),
      refusal: bad(),
      latencyMs: random() * 300,
    };
  }

  /** One thing happens. */
  step(): void {
    const { random, tape } = this;
    const publisher = this.any();
    const dice = random();
    if (publisher.epoch === 0) {
      if (dice < 0.5) publisher.beginEpoch(this.newEpoch());
    } else if (dice < 0.6) publisher.commit(random() < 0.1);
    else if (dice < 0.7) publisher.heartbeat();
    else if (dice < 0.75) publisher.trim(Math.floor(random() * 5));
    else if (dice < 0.79) publisher.writeCheckpoint();
    else if (dice < 0.83) publisher.beginEpoch(this.newEpoch(), Math.floor(random() * 4));
    else if (dice < 0.86) publisher.loseTail(1 + Math.floor(random() * 3));
    else if (dice < 0.88) {
      publisher.empty();
      if (random() < 0.7) publisher.beginEpoch(this.newEpoch());
    } else if (dice < 0.9) tape.disconnect();
    else if (dice < 0.94) tape.reconnect();
    else if (dice < 0.96) this.garble();
    else this.changeWeather();
  }

  /** A message that cannot be read: cut short, or not a message at all. */
  private garble(): void {
    const partition = Math.floor(this.random() * this.partitions);
    const last = this.tape.publishers[partition]!.stored.tape.at(-1);
    const cut = last?.bytes.subarray(0, Math.floor(this.random() * last.bytes.length));
    this.tape.send(partition, this.random() < 0.5 && cut !== undefined ? cut : new Uint8Array([0xc1, 7]));
  }

  /** Everything works again, and owners go on for a while. */
  async heal(): Promise<void> {
    this.tape.weather = { ...FAIR };
    this.tape.reconnect();
    for (const publisher of this.tape.publishers) {
      if (publisher.epoch === 0 || publisher.stored.epoch !== publisher.epoch)
        publisher.beginEpoch(this.newEpoch());
      else publisher.commit(true);
    }
    for (let i = 0; i < 20; i++) {
      await this.time.advance(HEARTBEAT_MS / 2);
      for (const publisher of this.tape.publishers) publisher.heartbeat();
    }
    await this.time.advance(HEARTBEAT_MS / 2);
  }

  expectConverged(): void {
    for (const [partition, followed] of this.sink.partitions.entries()) {
      const { epoch, number, images } = this.tape.publishers[partition]!;
      expect([followed.epoch, followed.number]).toEqual([epoch, number]);
      expect(digest(followed.images)).toBe(digest(images));
      expect(followed).toMatchObject({ hearing: 'heard', historyComplete: true });
    }
    expect(this.follower.unready()).toBeNull();
    expect(this.follower.heldBytes).toBe(0);
  }
}

async function play(seed: number): Promise<World> {
  const random = seeded(seed);
  const world = new World(random, 1 + Math.floor(random() * 3));
  for (const publisher of world.tape.publishers) if (random() < 0.7) publisher.beginEpoch(world.newEpoch());
  if (random() < 0.5) world.changeWeather();
  const started = world.follower.start(world.sink);
  for (let step = 0; step < STEPS; step++) {
    world.step();
    await world.time.advance(random() < 0.8 ? random() * 20 : random() * 1_000);
  }
  await world.heal();
  await started;
  world.expectConverged();
  const stopped = world.follower.stop();
  await world.time.advance(1_000);
  await stopped;
  return world;
}

describe('follower', () => {
  it(`keeps every promise in ${RUNS} random runs`, async () => {
    const totals: Record<string, number> = {};
    for (let seed = 1; seed <= RUNS; seed++) {
      try {
        const { follower, sink } = await play(seed);
        for (const [name, value] of Object.entries({
          ...follower.counters,
          trades: sink.trades,
          past: sink.pastTrades,
        }))
          totals[name] = (totals[name] ?? 0) + value;
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
      }
    }
    // The runs were no walk in the park: each of these happened.
    for (const name of [
      'applied',
      'repeated',
      'holes',
      'heldRefused',
      'refilled',
      'reloads',
      'undecodable',
      'retries',
      'history',
      'silences',
      'trades',
      'past',
    ])
      expect([name, totals[name]! > RUNS / 10]).toEqual([name, true]);
  }, 120_000);
});

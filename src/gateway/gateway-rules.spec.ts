/**
 * The rules of lanes and sessions, played at random: an owner that publishes, a gateway that misses batches, clients
 * of both codecs that subscribe, leave, change their rate, block, drain and resume between the slices of flushes.
 * Each client checks every record against the owner's history: no state the owner never had, no step back, no update
 * against another state, no trade twice or left out unsaid. A failing seed is printed and replays alone.
 */
import { ALL_FIELDS, IMAGE_FIELD_COUNT } from '#market-data';
import { DoubtingClient } from './doubting-client.fixture.js';
import { ClockFixture, command, type GatewayFixture, gatewayFixture, KERNEL } from './gateway.fixture.js';
import { generator } from './generator.fixture.js';
import { type Batch, RandomOwner, type Snapshot, TAPE_BATCHES } from './random-owner.fixture.js';

const RUNS = 600;
const STEPS = 120;
const SYMBOLS_MAX = 12;
const HZ = [undefined, 10, 5, 2] as const;

/** Jumps a little whenever it is read, so that slices end at random places. */
class RestlessClock extends ClockFixture {
  constructor(private readonly random: () => number) {
    super();
  }
  override monotonicMs(): number {
    if (this.random() < 0.3) this.ms += 1;
    return this.ms;
  }
}

class World {
  readonly random: () => number;
  readonly fixture: GatewayFixture;
  readonly owner: RandomOwner;
  readonly clients: DoubtingClient[] = [];
  private symbols = 4;
  /** What the gateway has applied. */
  private applied = { epoch: 1, number: 0 };
  private missing = 0;
  private quiet = false;
  private pastPages: Batch[] | null = null;
  readonly seen = { reloads: 0, filled: 0, sliced: 0, behindMax: 0 };

  constructor(seed: number) {
    this.random = generator(seed * 7919);
    this.owner = new RandomOwner(this.random);
    const settings = {
      partitions: 1,
      commandsPerSecond: 100_000,
      commandBurst: 100_000,
      tradeRingSeconds: 86_400,
    };
    const clock = new RestlessClock(this.random);
    const slice = { ms: 1, sessionsPerCheck: 1 + this.below(3) };
    // With the native part, and without.
    this.fixture = gatewayFixture(this.symbols, settings, slice, clock, seed % 3 === 0 ? null : KERNEL);
    for (let sid = 1; sid <= this.symbols; sid++) this.owner.add(sid);
    this.reload(this.owner.snapshot());
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private apply(batch: Batch): void {
    const { gateway } = this.fixture;
    this.applied = { epoch: batch.epoch, number: batch.number };
    gateway.sink.beginBatch(0, batch.epoch);
    for (const { sid, mask, state, trades } of batch.changes) {
      gateway.sink.update(sid, state.seq, mask, state.timeUs, state.values);
      for (const { seq, price } of trades)
        gateway.sink.trade(sid, seq, state.timeUs, price, Number.NaN, null, null);
    }
    // Which one says only whether the flush waits for more.
    gateway.sink.endBatch(this.below(2));
  }

  private receive(batch: Batch): void {
    const { epoch, number } = this.applied;
    if (batch.epoch === epoch && batch.number <= number) return;
    if (batch.epoch === epoch && batch.number === number + 1) return this.apply(batch);
    const { tape } = this.owner;
    if (batch.epoch === epoch && tape[0] !== undefined && tape[0].number <= number + 1) {
      this.seen.filled++;
      for (const entry of tape) if (entry.number > this.applied.number) this.apply(entry);
      return;
    }
    this.reload(this.owner.snapshot());
  }

  private reload(snapshot: Snapshot): void {
    const { gateway } = this.fixture;
    this.seen.reloads++;
    this.applied = { epoch: snapshot.epoch, number: snapshot.number };
    gateway.sink.beginReload(0, snapshot.epoch);
    for (const [sid, { seq, timeUs, values }] of snapshot.states) {
      if (seq > 0 || snapshot.tradeSeqs.get(sid)! > 0)
        gateway.sink.image(sid, seq, snapshot.tradeSeqs.get(sid)!, timeUs, values);
    }
    gateway.sink.endReload(0);
    // The tape before it is read back later, newest page first.
    this.pastPages = this.owner.tape.filter(({ number }) => number <= snapshot.number).reverse();
  }

  private readHistory(): void {
    const { gateway } = this.fixture;
    const page = this.pastPages?.shift();
    if (page !== undefined) {
      gateway.sink.beginHistory(0, page.epoch);
      for (const { sid, state, trades } of page.changes) {
        for (const { seq, price } of trades)
          gateway.sink.pastTrade(sid, seq, state.timeUs, price, Number.NaN, null, null);
      }
      gateway.sink.endHistory();
    } else if (this.pastPages !== null) {
      this.pastPages = null;
      gateway.sink.historyComplete(0);
    }
  }

  private say(client: DoubtingClient, body: Readonly<Record<string, unknown>>): void {
    command(this.fixture.gateway, client.session, body);
  }

  addClient(): void {
    const binary = this.random() < 0.5;
    const client = new DoubtingClient(this.owner, binary);
    client.session = this.fixture.gateway.open(client.socket, binary ? 0 : 1, 'client');
    this.clients.push(client);
    if (this.random() < 0.25) {
      client.wildcards.add('ticker');
      this.say(client, { op: 'subscribe', channels: ['ticker:*'], hz: HZ[this.below(HZ.length)] });
    }
    if (this.random() < 0.15) {
      client.wildcards.add('trade');
      this.say(client, { op: 'subscribe', channels: ['trade:*'] });
    }
  }

  private act(): void {
    const client = this.clients[this.below(this.clients.length)];
    const sid = 1 + this.below(this.symbols);
    const chance = this.random();
    if (chance < 0.06 && this.clients.length < 14) return this.addClient();
    if (client === undefined) return;
    if (chance < 0.3) this.subscribeTicker(client, sid);
    else if (chance < 0.36) this.unsubscribeTicker(client, sid);
    else if (chance < 0.5) this.plugOrDrain(client);
    else if (chance < 0.58) this.subscribeTrade(client, sid);
    else if (chance < 0.62) this.unsubscribeTrade(client, sid);
    else if (chance < 0.65) this.toggle(sid);
    else if (chance < 0.67) this.addSymbol();
    else if (chance < 0.69) this.lose();
    else if (chance < 0.71)
      this.fixture.registry.set(sid, { coalesceIntervalMs: [null, 100, 1000][this.below(3)]! });
    else if (chance < 0.73) this.lateProbe(client);
    else if (chance < 0.75) this.leaveForGood(client);
    else if (chance < 0.8) this.readHistory();
  }

  private subscribeTicker(client: DoubtingClient, sid: number): void {
    this.say(client, { op: 'subscribe', channels: [`ticker:S${sid}`], hz: HZ[this.below(HZ.length)] });
  }

  private unsubscribeTicker(client: DoubtingClient, sid: number): void {
    if (!client.session.tickers.has(sid)) return;
    this.say(client, { op: 'unsubscribe', channels: [`ticker:S${sid}`] });
    if (client.wildcards.has('ticker')) return;
    client.tickers.delete(sid);
    client.held.delete(sid);
  }

  private plugOrDrain(client: DoubtingClient): void {
    if (client.socket.pendingBytes > 0) client.socket.drain();
    else client.socket.plugNext = !client.socket.plugNext;
  }

  private lateProbe(client: DoubtingClient): void {
    client.session.probeLate = !client.session.probeLate;
    if (!client.session.probeLate) this.fixture.gateway.flusher.cause();
  }

  private subscribeTrade(client: DoubtingClient, sid: number): void {
    if (client.trades.has(sid)) return;
    const left = client.left.get(sid);
    const from =
      left !== undefined && this.random() < 0.7 ? { [`trade:S${sid}`]: [left.epoch, left.seq] } : undefined;
    this.say(client, { op: 'subscribe', channels: [`trade:S${sid}`], from });
  }

  private unsubscribeTrade(client: DoubtingClient, sid: number): void {
    const at = client.trades.get(sid);
    if (at === undefined || client.wildcards.has('trade')) return;
    this.say(client, { op: 'unsubscribe', channels: [`trade:S${sid}`] });
    client.trades.delete(sid);
    if (at.epoch > 0) client.left.set(sid, at);
  }

  private toggle(sid: number): void {
    this.fixture.registry.set(sid, { enabled: !this.fixture.registry.bySid(sid)!.enabled });
  }

  private addSymbol(): void {
    if (this.symbols >= SYMBOLS_MAX) return;
    this.symbols++;
    this.owner.add(this.symbols);
    this.fixture.registry.set(this.symbols, {});
  }

  private lose(): void {
    if (this.random() < 0.6) this.owner.takeOverWithLoss();
  }

  private leaveForGood(client: DoubtingClient): void {
    this.clients.splice(this.clients.indexOf(client), 1);
    this.fixture.gateway.closed(client.session);
  }

  private step(): void {
    const batch = this.owner.publish();
    if (this.missing > 0) this.missing--;
    else if (!this.quiet && this.random() < 0.04) {
      this.missing = this.random() < 0.5 ? 1 + this.below(6) : TAPE_BATCHES + this.below(10);
    } else this.receive(batch);
    for (let count = this.below(4); count > 0; count--) this.act();
    this.fixture.clock.ms += 10 + this.below(60);
    // Some timers, some commands between the slices of the flush that they run.
    for (let count = 1 + this.below(6); count > 0; count--) {
      if (!this.fixture.timers.runOne()) break;
      if (this.fixture.gateway.flusher.running) this.seen.sliced++;
      if (this.random() < 0.5) this.act();
      if (this.random() < 0.15) this.receive(this.owner.publish());
    }
    for (const client of this.clients) {
      if (client.session.isBehind) this.seen.behindMax++;
    }
  }

  run(): void {
    for (let i = 0; i < 3; i++) this.addClient();
    for (let i = 0; i < STEPS && this.fault === undefined; i++) this.step();
    this.heal();
  }

  /** No more faults: everybody drains, every symbol is on; then all must agree. */
  private heal(): void {
    const { registry, timers, gateway } = this.fixture;
    this.quiet = true;
    this.missing = 0;
    for (let sid = 1; sid <= this.symbols; sid++)
      if (!registry.bySid(sid)!.enabled) registry.set(sid, { enabled: true });
    for (const client of this.clients) {
      client.session.probeLate = false;
      client.socket.plugNext = false;
      client.socket.drain();
    }
    gateway.flusher.cause();
    for (let i = 0; i < 3; i++) this.receive(this.owner.publish());
    while (this.pastPages !== null) this.readHistory();
    timers.pass(3000);
  }

  get fault(): string | undefined {
    for (const client of this.clients) if (client.fault !== null) return client.fault;
    return undefined;
  }

  /** What of a client differs from the owner once all is healed. */
  difference(): string | undefined {
    for (const client of this.clients) {
      for (const sid of client.tickers) {
        const state = this.owner.states.get(sid)!;
        const held = client.held.get(sid);
        // Taken back to nothing: clients keep what they have until there is a state again.
        if (state.seq === 0) continue;
        if (held?.seq !== state.seq || held.epoch !== state.epoch) {
          return `ticker ${sid} ended at ${held?.epoch}:${held?.seq}, the owner at ${state.epoch}:${state.seq}`;
        }
      }
      for (const [sid, at] of client.trades) {
        const seq = this.owner.tradeSeqs.get(sid)!;
        if (seq > 0 && (at.seq !== seq || at.epoch !== this.owner.epoch)) {
          return `trades of ${sid} ended at ${at.epoch}:${at.seq}, the owner at ${this.owner.epoch}:${seq}`;
        }
      }
    }
    return undefined;
  }
}

describe('lanes and sessions', () => {
  it(`hold in ${RUNS} random runs`, () => {
    const seen = {
      reloads: 0,
      filled: 0,
      sliced: 0,
      behindMax: 0,
      images: 0,
      updates: 0,
      trades: 0,
      gaps: 0,
      positions: 0,
    };
    for (let seed = 1; seed <= RUNS; seed++) {
      const world = new World(seed);
      world.run();
      const fault = world.fault ?? world.difference();
      if (fault !== undefined) throw new Error(`seed ${seed}: ${fault}`);
      for (const key of ['reloads', 'filled', 'sliced', 'behindMax'] as const) seen[key] += world.seen[key];
      for (const client of world.clients) {
        seen.images += client.images;
        seen.updates += client.updates;
        seen.trades += client.tradesSeen;
        seen.gaps += client.gaps;
        seen.positions += client.positions;
      }
    }
    // A run that never met these would prove nothing about them.
    for (const [what, count] of Object.entries(seen)) expect([what, count > 100]).toEqual([what, true]);
  }, 240_000);

  it('covers every field in its mask arithmetic', () => {
    expect(ALL_FIELDS).toBe(2 ** IMAGE_FIELD_COUNT - 1);
  });
});

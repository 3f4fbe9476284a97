/**
 * The rules of lanes and sessions, played at random: an owner that publishes, a gateway that misses batches, clients
 * of both codecs that subscribe, leave, change their rate, block, drain and resume between the slices of flushes.
 * Each client checks every record against the owner's history: no state the owner never had, no step back, no update
 * against another state, no trade twice or left out unsaid. A failing seed is printed and replays alone.
 */
import { ALL_FIELDS, IMAGE_FIELD_COUNT, IMAGE_FIELDS, type ImageField } from '#market-data';
import type { StreamRecord } from '#wire';
import {
  ClockFixture,
  command,
  type GatewayFixture,
  gatewayFixture,
  SocketFixture,
} from './gateway.fixture.js';
import type { Session } from './session.js';

const RUNS = 600;
const STEPS = 120;
const SYMBOLS_MAX = 12;
const TAPE_BATCHES = 25;
const FIELDS = [0, 2, 4, 6] as const;
const HZ = [undefined, 10, 5, 2] as const;

/** The spec's own generator, so that a seed replays on any version of any library. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface State {
  epoch: number;
  seq: number;
  timeUs: number;
  values: Float64Array;
}

interface Trade {
  seq: number;
  price: number;
}

interface Change {
  sid: number;
  mask: number;
  state: State;
  trades: Trade[];
}

interface Batch {
  epoch: number;
  number: number;
  changes: Change[];
}

interface Snapshot {
  epoch: number;
  number: number;
  states: Map<number, State>;
  tradeSeqs: Map<number, number>;
}

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

class Owner {
  epoch = 1;
  number = 0;
  readonly states = new Map<number, State>();
  readonly tradeSeqs = new Map<number, number>();
  /** Every state that was ever published, by epoch, sid and seq. */
  readonly history = new Map<string, readonly number[]>();
  readonly tradePrices = new Map<string, number>();
  tape: Batch[] = [];
  private past: Snapshot[] = [];
  private timeUs = 1_700_000_000_000_000;
  /** Some runs are busy, some so quiet that lanes stand still for long. */
  private readonly liveliness: number;

  constructor(private readonly random: () => number) {
    this.liveliness = random() < 0.5 ? 0.45 : 0.06;
  }

  add(sid: number): void {
    this.states.set(sid, {
      epoch: this.epoch,
      seq: 0,
      timeUs: 0,
      values: new Float64Array(IMAGE_FIELD_COUNT).fill(Number.NaN),
    });
    this.tradeSeqs.set(sid, 0);
  }

  publish(): Batch {
    const changes: Change[] = [];
    this.number++;
    for (const [sid, state] of this.states) {
      if (this.random() > this.liveliness) continue;
      const change = this.change(sid, state);
      if (change !== undefined) changes.push(change);
    }
    const batch = { epoch: this.epoch, number: this.number, changes };
    this.tape.push(batch);
    if (this.tape.length > TAPE_BATCHES) this.tape.shift();
    this.past.push(this.snapshot());
    if (this.past.length > 5) this.past.shift();
    return batch;
  }

  private change(sid: number, state: State): Change | undefined {
    let mask = 0;
    for (const field of FIELDS) {
      if (this.random() > 0.4) continue;
      const value = this.random() < 0.1 ? Number.NaN : Math.floor(this.random() * 4) * 3;
      if (Object.is(value, state.values[field])) continue;
      state.values[field] = value;
      mask |= 1 << field;
    }
    const trades: Trade[] = [];
    for (let count = this.random() < 0.5 ? Math.floor(this.random() * 4) : 0; count > 0; count--) {
      const seq = this.tradeSeqs.get(sid)! + 1;
      this.tradeSeqs.set(sid, seq);
      const price = Math.floor(this.random() * 1000);
      trades.push({ seq, price });
      this.tradePrices.set(`${this.epoch}:${sid}:${seq}`, price);
    }
    if (mask !== 0) {
      state.seq++;
      state.timeUs = this.timeUs += 1 + Math.floor(this.random() * 9000);
      this.remember(sid, state);
    }
    if (mask === 0 && trades.length === 0) return undefined;
    return { sid, mask, state: { ...state, values: state.values.slice() }, trades };
  }

  private remember(sid: number, state: State): void {
    this.history.set(`${state.epoch}:${sid}:${state.seq}`, [...state.values]);
  }

  snapshot(): Snapshot {
    const states = new Map(
      [...this.states].map(([sid, state]) => [sid, { ...state, values: state.values.slice() }]),
    );
    return { epoch: this.epoch, number: this.number, states, tradeSeqs: new Map(this.tradeSeqs) };
  }

  /** A new owner finds a store that lost its newest batches: another epoch, numbers from the store. */
  takeOverWithLoss(): void {
    const found = this.past[Math.floor(this.random() * this.past.length)];
    if (found === undefined) return;
    this.epoch += 1 + Math.floor(this.random() * 3);
    this.number = 0;
    this.tape = [];
    this.past = [];
    for (const [sid, state] of this.states) {
      const kept = found.states.get(sid);
      state.epoch = this.epoch;
      state.seq = kept?.seq ?? 0;
      state.values = kept?.values.slice() ?? new Float64Array(IMAGE_FIELD_COUNT).fill(Number.NaN);
      this.tradeSeqs.set(sid, found.tradeSeqs.get(sid) ?? 0);
      if (state.seq > 0) this.remember(sid, state);
    }
  }
}

interface Held {
  epoch: number;
  seq: number;
  values: Map<ImageField, number | null>;
  /** Switched off or subscribed again since: an image must come before any update, and may be the same once more. */
  ended: boolean;
}

/** A client that believes nothing. */
class Client {
  readonly socket: SocketFixture;
  session!: Session;
  readonly held = new Map<number, Held>();
  readonly tickers = new Set<number>();
  readonly trades = new Map<number, { epoch: number; seq: number }>();
  /** Where trade subscriptions were left, to resume from. */
  readonly left = new Map<number, { epoch: number; seq: number }>();
  readonly disabled = new Set<number>();
  readonly wildcards = new Set<string>();
  fault: string | null = null;
  images = 0;
  updates = 0;
  tradesSeen = 0;
  gaps = 0;
  positions = 0;

  constructor(
    private readonly owner: Owner,
    binary: boolean,
  ) {
    this.socket = new SocketFixture(binary, (records, plugged) => this.take(records, plugged));
  }

  private fail(fault: string): void {
    this.fault ??= fault;
  }

  private take(records: readonly StreamRecord[], plugged: boolean): void {
    for (const record of records) {
      const isData = ['image', 'update', 'trade', 'gap', 'position'].includes(record.type);
      if (plugged && isData) this.fail(`${record.type} was written to a blocked socket`);
      this.takeOne(record);
    }
  }

  private takeOne(record: StreamRecord): void {
    switch (record.type) {
      case 'subscribed':
        for (const { channel, sid, status, position } of record.channels) {
          if (sid === null) continue;
          if (status === 'disabled') this.disabled.add(sid);
          else this.disabled.delete(sid);
          if (channel.startsWith('ticker')) {
            this.tickers.add(sid);
            // The image comes again: it may repeat what is held, never go back behind it.
            const held = this.held.get(sid);
            if (held !== undefined) held.ended = true;
          }
          if (channel.startsWith('trade')) this.trades.set(sid, position ?? { epoch: 0, seq: 0 });
        }
        return;
      case 'instrument':
        if (this.wildcards.has('ticker')) this.tickers.add(record.sid);
        if (this.wildcards.has('trade')) this.trades.set(record.sid, { epoch: 0, seq: 0 });
        return;
      case 'status':
        if (record.status === 'disabled') {
          this.disabled.add(record.sid);
          const held = this.held.get(record.sid);
          if (held !== undefined) held.ended = true;
        } else this.disabled.delete(record.sid);
        return;
      case 'image':
        return this.image(record);
      case 'update':
        return this.update(record);
      case 'trade':
        return this.trade(record);
      case 'gap':
        return this.gap(record);
      case 'position':
        this.positions++;
        if (!this.trades.has(record.sid)) this.fail(`position of ${record.sid}, not subscribed`);
        this.trades.set(record.sid, { epoch: record.epoch, seq: record.seq });
        return;
      case 'error':
        this.fail(`error ${record.code}: ${record.message}`);
    }
  }

  private image(record: Extract<StreamRecord, { type: 'image' }>): void {
    const { sid, epoch, seq } = record;
    this.images++;
    if (!this.tickers.has(sid)) return this.fail(`image of ${sid}, not subscribed`);
    if (this.disabled.has(sid)) return this.fail(`image of ${sid}, switched off`);
    const held = this.held.get(sid);
    const older =
      held !== undefined && held.epoch === epoch && (held.ended ? seq < held.seq : seq <= held.seq);
    if (older) return this.fail(`image of ${sid} goes from ${held.epoch}:${held.seq} to ${epoch}:${seq}`);
    if (held !== undefined && epoch < held.epoch)
      return this.fail(`image of ${sid} goes back to epoch ${epoch}`);
    const values = new Map<ImageField, number | null>();
    for (const field of IMAGE_FIELDS) values.set(field, record[field]);
    this.held.set(sid, { epoch, seq, values, ended: false });
    this.compare(sid);
  }

  private update(record: Extract<StreamRecord, { type: 'update' }>): void {
    const { sid, seq } = record;
    this.updates++;
    if (this.disabled.has(sid)) return this.fail(`update of ${sid}, switched off`);
    const held = this.held.get(sid);
    if (held === undefined || held.ended) return this.fail(`update of ${sid} without an image`);
    if (seq <= held.seq) return this.fail(`update of ${sid} goes from ${held.seq} to ${seq}`);
    held.seq = seq;
    for (const field of IMAGE_FIELDS) {
      const value = record[field];
      if (value !== undefined) held.values.set(field, value);
    }
    this.compare(sid);
  }

  private compare(sid: number): void {
    const held = this.held.get(sid)!;
    const truth = this.owner.history.get(`${held.epoch}:${sid}:${held.seq}`);
    if (truth === undefined)
      return this.fail(`${sid} is at ${held.epoch}:${held.seq}, which was never published`);
    IMAGE_FIELDS.forEach((field, i) => {
      const scaled = truth[i]!;
      const expected = Number.isNaN(scaled) ? null : i === 6 ? scaled : scaled / 100;
      if (held.values.get(field) !== expected) {
        this.fail(
          `${sid} ${field} at ${held.epoch}:${held.seq} is ${held.values.get(field)}, published was ${expected}`,
        );
      }
    });
  }

  private trade(record: Extract<StreamRecord, { type: 'trade' }>): void {
    this.tradesSeen++;
    const at = this.trades.get(record.sid);
    if (at === undefined) return this.fail(`trade of ${record.sid}, not subscribed`);
    if (this.disabled.has(record.sid)) return this.fail(`trade of ${record.sid}, switched off`);
    if (record.seq !== at.seq + 1)
      return this.fail(`trade of ${record.sid} goes from ${at.seq} to ${record.seq}`);
    const published = this.owner.tradePrices.get(`${at.epoch}:${record.sid}:${record.seq}`);
    if (published === undefined || published / 100 !== record.price)
      this.fail(`trade ${at.epoch}:${record.sid}:${record.seq} differs`);
    at.seq++;
  }

  private gap(record: Extract<StreamRecord, { type: 'gap' }>): void {
    this.gaps++;
    const at = this.trades.get(record.sid);
    if (at === undefined) return this.fail(`gap of ${record.sid}, not subscribed`);
    if (record.from !== at.seq + 1 || record.to < record.from)
      this.fail(`gap ${record.from}–${record.to} after ${at.seq}`);
    at.seq = record.to;
  }
}

class World {
  readonly random: () => number;
  readonly fixture: GatewayFixture;
  readonly owner: Owner;
  readonly clients: Client[] = [];
  private symbols = 4;
  /** What the gateway has applied. */
  private applied = { epoch: 1, number: 0 };
  private missing = 0;
  private quiet = false;
  private pastPages: Batch[] | null = null;
  readonly seen = { reloads: 0, filled: 0, sliced: 0, behindMax: 0 };

  constructor(seed: number) {
    this.random = generator(seed * 7919);
    this.owner = new Owner(this.random);
    const settings = {
      partitions: 1,
      commandsPerSecond: 100_000,
      commandBurst: 100_000,
      tradeRingSeconds: 86_400,
    };
    const clock = new RestlessClock(this.random);
    this.fixture = gatewayFixture(this.symbols, settings, { ms: 1, sessionsPerCheck: 1 }, clock);
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
    gateway.sink.endBatch();
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

  private say(client: Client, body: Readonly<Record<string, unknown>>): void {
    command(this.fixture.gateway, client.session, body);
  }

  addClient(): void {
    const binary = this.random() < 0.5;
    const client = new Client(this.owner, binary);
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

  private subscribeTicker(client: Client, sid: number): void {
    this.say(client, { op: 'subscribe', channels: [`ticker:S${sid}`], hz: HZ[this.below(HZ.length)] });
  }

  private unsubscribeTicker(client: Client, sid: number): void {
    if (!client.session.tickers.has(sid)) return;
    this.say(client, { op: 'unsubscribe', channels: [`ticker:S${sid}`] });
    if (client.wildcards.has('ticker')) return;
    client.tickers.delete(sid);
    client.held.delete(sid);
  }

  private plugOrDrain(client: Client): void {
    if (client.socket.pendingBytes > 0) client.socket.drain();
    else client.socket.plugNext = !client.socket.plugNext;
  }

  private lateProbe(client: Client): void {
    client.session.probeLate = !client.session.probeLate;
    if (!client.session.probeLate) this.fixture.gateway.flusher.cause();
  }

  private subscribeTrade(client: Client, sid: number): void {
    if (client.trades.has(sid)) return;
    const left = client.left.get(sid);
    const from =
      left !== undefined && this.random() < 0.7 ? { [`trade:S${sid}`]: [left.epoch, left.seq] } : undefined;
    this.say(client, { op: 'subscribe', channels: [`trade:S${sid}`], from });
  }

  private unsubscribeTrade(client: Client, sid: number): void {
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

  private leaveForGood(client: Client): void {
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

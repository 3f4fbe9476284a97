/**
 * The whole leg on the memory form, run at random: feed handlers → feed processes → tick log → owners → tape, while
 * replies get lost, commands run late, processes die or stand still, and the store fails over and forgets its newest part.
 */
import type { TickGroup } from '#market-data';
import type { OwnerCounters } from './fanout-counters.js';
import { BadNetwork, type Fate, FaultyPartitionStore, FaultyTickLog } from './faults.fixture.js';
import { type Random, seeded, VirtualTime } from './live-time.fixture.js';
import { copyOf } from './memory-copy.fixture.js';
import { MemoryPartitionStore } from './memory-partition-store.js';
import { type MemoryPartition, MemoryStore } from './memory-store.js';
import { MemoryTickLog } from './memory-tick-log.js';
import { groupOf, makeOwner, makeWriter, tradeIdsOn, tradeOf } from './owner.fixture.js';
import type { Owner } from './owner.js';
import type { PartitionedLogWriter } from './partitioned-log-writer.js';
import { instrument, ListedRegistry } from './registry.fixture.js';

const PARTITIONS = 2;
const SYMBOLS = 6;
const LEASE_MS = 300;
const WINDOW = 4;
const BATCHES = 40;
const HISTORY = 6;

export interface Faults {
  readonly kills: boolean;
  readonly failovers: boolean;
  readonly restarts: boolean;
}

interface OwnerProcess {
  readonly owner: Owner;
  readonly network: BadNetwork;
  readonly counters: OwnerCounters;
  frozenSteps: number;
}

interface FeedProcess {
  readonly writer: PartitionedLogWriter;
  readonly network: BadNetwork;
}

export interface Outcome {
  readonly acked: number;
  /** Acknowledged, and on no tape. */
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly misordered: readonly string[];
  readonly misnumbered: readonly string[];
  /** What owners reported as lost. */
  readonly excluded: number;
  readonly stat: Readonly<Record<string, number>>;
}

export class Leg {
  private readonly random: Random;
  private readonly time = new VirtualTime();
  private readonly store: MemoryStore;
  private readonly registry = new ListedRegistry(
    Array.from({ length: SYMBOLS }, (_, i) => instrument(i + 1)),
    PARTITIONS,
  );
  private owners: OwnerProcess[] = [];
  private readonly counters: OwnerCounters[] = [];
  private readonly feeds: FeedProcess[] = [];
  private readonly handlers: Handler[] = [];
  private readonly history: MemoryPartition[][] = [];
  private remembered = '';
  private runs = 0;
  private contendFromMs = 0;
  /** Feed processes that live append their tails at once; one that cannot is as good as gone. */
  private calmUntilMs = 0;
  private isFair = true;
  readonly acked = new Set<string>();

  constructor(
    private readonly seed: number,
    private readonly faults: Faults,
  ) {
    this.random = seeded(seed);
    this.store = new MemoryStore(this.time, 'run-0');
    for (let i = 0; i < 2; i++) this.owners.push(this.startOwner());
    for (let i = 0; i < 2; i++) this.feeds.push(this.startFeed());
    for (let i = 0; i < 3; i++)
      this.handlers.push(new Handler(`source-${i}`, seeded(seed * 31 + i), this.feeds, this.acked));
  }

  private startOwner(): OwnerProcess {
    const network = new BadNetwork(
      () => this.fate(),
      () => this.remember(),
    );
    const store = new FaultyPartitionStore(new MemoryPartitionStore(this.store, LEASE_MS), network);
    const { registry, time } = this;
    const { owner, counters } = makeOwner(
      store,
      { registry, clock: time, timers: time },
      { leaseMs: LEASE_MS, heartbeatMs: 60 },
    );
    this.counters.push(counters);
    return { owner, network, counters, frozenSteps: 0 };
  }

  private startFeed(): FeedProcess {
    const network = new BadNetwork(
      () => (this.time.monotonicMs() < this.calmUntilMs ? 'served' : this.fate()),
      () => this.remember(),
    );
    const log = new FaultyTickLog(
      new MemoryTickLog(this.store, { entriesMax: 60, marksMax: 1_000 }),
      network,
    );
    const { registry, time } = this;
    return {
      network,
      writer: makeWriter(
        log,
        { registry, clock: time, timers: time },
        { partitions: PARTITIONS, tailMs: 500 },
      ),
    };
  }

  private fate(): Fate {
    const x = this.isFair ? 0 : this.random();
    if (x < 0.8) return 'served';
    if (x < 0.87) return 'request_lost';
    return x < 0.95 ? 'reply_lost' : 'late';
  }

  /** What a replica may have: the store as it was after each of the last changes. */
  private remember(): void {
    const kept = Array.from({ length: PARTITIONS }, (_, p) => this.store.partition(p));
    const position = kept.map(({ logTop, tape, meta }) => `${logTop} ${tape.length} ${meta?.offset}`).join();
    if (position === this.remembered) return;
    this.remembered = position;
    this.history.push(Array.from({ length: PARTITIONS }, (_, p) => copyOf(this.store.partition(p))));
    if (this.history.length > HISTORY) this.history.shift();
  }

  private count(what: string): void {
    this.stat[what] = (this.stat[what] ?? 0) + 1;
  }

  private readonly stat: Record<string, number> = {};

  async run(): Promise<Outcome> {
    for (let step = 0; step < 30; step++) await this.step();
    this.isFair = false;
    for (let step = 0; step < 260; step++) {
      this.misfortune();
      await this.step();
    }
    await this.heal();
    return this.judge();
  }

  private async step(): Promise<void> {
    for (const handler of this.handlers) handler.step();
    for (const { owner, frozenSteps } of this.owners) {
      if (frozenSteps > 0) continue;
      void owner.turn();
      owner.beat();
      if (this.time.monotonicMs() < this.contendFromMs) continue;
      const partition = Math.floor(this.random() * PARTITIONS);
      owner.acquire(partition).catch(() => this.count('acquire failed'));
    }
    await this.time.advance(2 + Math.floor(this.random() * 18));
    for (const { network } of [...this.owners, ...this.feeds])
      if (this.random() < 0.3) network.deliverLate(this.random());
  }

  private misfortune(): void {
    for (const one of this.owners) {
      if (one.frozenSteps === 0) continue;
      one.frozenSteps--;
      if (one.frozenSteps === 0) one.network.thaw();
    }
    if (this.faults.kills && this.random() < 0.02) this.kill();
    if (this.faults.kills && this.random() < 0.01) this.freeze();
    if (this.faults.failovers && this.random() < 0.03) this.failover();
    if (this.faults.restarts && this.random() < 0.02) this.pickHandler().restart();
    if (this.random() < 0.05) this.pickHandler().switchProcess();
    if (this.random() < 0.05) this.pickHandler().goBack();
  }

  private pickHandler(): Handler {
    return this.handlers[Math.floor(this.random() * this.handlers.length)]!;
  }

  /** kill -9: what it had sent may still arrive, its lease runs out. */
  private kill(): void {
    const victim = Math.floor(this.random() * this.owners.length);
    this.owners[victim]?.network.freeze();
    this.owners[victim] = this.startOwner();
    this.count('killed');
  }

  /** SIGSTOP for longer than the lease. */
  private freeze(): void {
    const victim = this.owners[Math.floor(this.random() * this.owners.length)];
    if (victim === undefined || victim.frozenSteps > 0) return;
    victim.network.freeze();
    victim.frozenSteps = 40;
    this.count('frozen');
  }

  private failover(): void {
    const back = this.history[Math.max(0, this.history.length - 1 - Math.floor(this.random() * 5))];
    if (back === undefined) return;
    this.store.run = `run-${++this.runs}`;
    for (const [p, kept] of back.entries())
      Object.assign(this.store.partition(p), copyOf(kept), { lease: undefined });
    this.history.length = 0;
    this.contendFromMs = this.time.monotonicMs() + LEASE_MS;
    this.calmUntilMs = this.time.monotonicMs() + 200;
    this.count('failovers');
    for (const { network } of [...this.owners, ...this.feeds]) network.forgetLate();
    for (const { network } of this.feeds) network.reconnect();
    // On a cluster the owner is not told: the run id alone must do.
    for (const { network } of this.owners) if (this.random() < 0.6) network.reconnect();
  }

  private async heal(): Promise<void> {
    this.isFair = true;
    for (const one of this.owners) {
      one.network.thaw();
      one.frozenSteps = 0;
    }
    for (const handler of this.handlers) handler.goBack();
    for (let step = 0; step < 200; step++) await this.step();
  }

  private judge(): Outcome {
    const seen = new Map<string, number>();
    const misordered: string[] = [];
    const misnumbered: string[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { tape } = this.store.partition(partition);
      const numbers = new Map<number, number>();
      for (const { epoch, number } of tape) {
        if (number !== (numbers.get(epoch) ?? 0) + 1) misnumbered.push(`${partition}: ${epoch}-${number}`);
        numbers.set(epoch, number);
      }
      const newest = new Map<string, number>();
      for (const id of tradeIdsOn(tape)) {
        seen.set(id, (seen.get(id) ?? 0) + 1);
        // Order is promised per symbol: a batch says one symbol after the other.
        const [sent = '', sequence = ''] = id.split('#');
        if (Number(sequence) < (newest.get(sent) ?? 0)) misordered.push(id);
        newest.set(sent, Number(sequence));
      }
    }
    return {
      acked: this.acked.size,
      lost: [...this.acked].filter((id) => !seen.has(id)),
      doubled: [...seen].filter(([, times]) => times > 1).map(([id]) => id),
      ...{ misordered, misnumbered },
      excluded: this.counters.reduce((sum, { excludedTrades }) => sum + excludedTrades, 0),
      stat: {
        ...this.stat,
        seed: this.seed,
        refilled: this.counters.reduce((sum, { refilled }) => sum + refilled, 0),
        fenced: this.counters.reduce((sum, { answers }) => sum + answers.fenced, 0),
        repeated: this.counters.reduce((sum, { repeatedTicks }) => sum + repeatedTicks, 0),
        entriesAgain: this.feeds.reduce((sum, { writer }) => sum + writer.counters.entriesAgain, 0),
      },
    };
  }
}

/** A feed handler: batches in order, at most four unacknowledged, back to the lowest of them when one is busy. */
class Handler {
  private session = 1;
  private sent = 0;
  private acked = 0;
  private generation = 0;
  private process = 0;

  constructor(
    private readonly source: string,
    private readonly random: Random,
    private readonly feeds: readonly FeedProcess[],
    private readonly ackedIds: Set<string>,
  ) {
    this.process = Math.floor(random() * feeds.length);
  }

  step(): void {
    while (this.sent < Math.min(this.acked + WINDOW, BATCHES) && this.random() < 0.7) this.offer(++this.sent);
  }

  private offer(sequence: number): void {
    const { generation } = this;
    const group = this.groupOf(sequence);
    void this.feeds[this.process]?.writer.offer([group]).then((answer) => {
      if (generation !== this.generation) return;
      if (answer.outcome === 'busy') {
        this.goBack();
        return;
      }
      if (sequence !== this.acked + 1) throw new Error(`Expected answers in order, was ${sequence}`);
      this.acked = sequence;
      for (const tick of group.ticks) this.ackedIds.add('tradeId' in tick ? (tick.tradeId ?? '') : '');
    });
  }

  /** The same sequence always has the same ticks. */
  private groupOf(sequence: number): TickGroup {
    const chance = seeded(sequence * 7 + this.session * 1_000_003);
    const ticks = Array.from({ length: 1 + Math.floor(chance() * 3) }, (_, i) => {
      const sid = 1 + Math.floor(chance() * SYMBOLS);
      return tradeOf(sid, `${this.source}.${this.session}.${sid}#${sequence}.${i}`);
    });
    return groupOf(this.source, `session-${this.session}`, sequence, ...ticks);
  }

  goBack(): void {
    this.generation++;
    this.sent = this.acked;
  }

  switchProcess(): void {
    this.process = 1 - this.process;
    this.goBack();
  }

  /** It remembers nothing, and counts from 1 under a new session. */
  restart(): void {
    this.session++;
    this.acked = 0;
    this.goBack();
  }
}

/** A streaming client as the protocol page wants it: it reconnects, resumes its trades, and keeps a log of all it is sent. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Seeded } from '../../support/seeded.js';
import { type Codec, StreamPeer } from '../../support/stream-peer.js';
import type { ClientLog, Noted } from './history.js';
import type { Head } from './tape-tap.js';

const OPEN_MS_MAX = 2_000;
const HEARTBEATS_MISSED_MAX = 2.5;
/** One that waits longer sees what a gateway says when it is back. */
const HEARTBEATS_MISSED_BY_PATIENT = 30;

export class SteadyClient {
  readonly log: ClientLog & { readonly records: Noted[]; readonly faults: string[] };
  /** When each sid was last shown, ms on the test's clock. */
  readonly shownMs = new Map<number, number>();
  /** What the service called the symbols, by sid. */
  readonly names = new Map<number, string>();
  connections = 0;
  private readonly positions = new Map<string, readonly [number, number]>();
  private readonly stale = new Set<number | 'all'>();
  private peer: StreamPeer | null = null;
  private heardMs = 0;
  private over = false;
  private running: Promise<void> | null = null;

  /** @param url of a gateway, or of the proxy before them */
  constructor(
    readonly name: string,
    private readonly url: string,
    private readonly codec: Codec,
    private readonly symbols: readonly string[],
    private readonly seeded: Seeded,
    private readonly patient = false,
  ) {
    this.log = { name, records: [], faults: [] };
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.over = true;
    this.peer?.terminate();
    await this.running;
  }

  /** Where it stands in a symbol, by what it was sent on this connection. */
  isAt(sid: number, { epoch, seq, trade }: Head): boolean {
    const state = this.peer?.state.bySid.get(sid);
    if (state?.image?.epoch !== epoch || state.image.seq !== seq) return false;
    return trade === null || state.position?.epoch !== trade.epoch || state.position.seq === trade.seq;
  }

  get isStale(): boolean {
    return this.stale.size > 0;
  }

  /** ms from then until it was first told this, for one of these reasons or any; undefined when it was not. */
  toldAfter(
    sinceMs: number,
    type: 'stale' | 'fresh' | 'goodbye',
    ...reasons: readonly string[]
  ): number | undefined {
    const isIt = ({ atMs, record }: Noted) =>
      atMs >= sinceMs &&
      record.type === type &&
      (reasons.length === 0 || ('reason' in record && reasons.includes(record.reason)));
    const found = this.log.records.find(isIt);
    return found === undefined ? undefined : found.atMs - sinceMs;
  }

  private async run(): Promise<void> {
    while (!this.over) {
      let retryAfterMs = this.seeded.integer(50, 300);
      try {
        retryAfterMs = (await this.connection()) ?? retryAfterMs;
      } catch {
        // Refused, or ended before it was subscribed: again, elsewhere.
      }
      if (!this.over) await sleep(retryAfterMs);
    }
  }

  /** @returns what `goodbye` asked for, where one came */
  private async connection(): Promise<number | undefined> {
    this.connections++;
    const connection = this.connections;
    this.stale.clear();
    this.heardMs = performance.now();
    const peer = await StreamPeer.open(this.url, {
      codec: this.codec,
      openMsMax: OPEN_MS_MAX,
      onRecord: (record) => {
        this.heardMs = performance.now();
        this.log.records.push({ atMs: this.heardMs, connection, record });
        if (record.type === 'subscribed')
          for (const { sid, symbol } of record.channels) if (sid !== null) this.names.set(sid, symbol!);
        if (record.type === 'image' || record.type === 'update') this.shownMs.set(record.sid, this.heardMs);
        if (record.type === 'stale') for (const sid of record.sids ?? ['all' as const]) this.stale.add(sid);
        if (record.type === 'fresh' && record.sids === null) this.stale.clear();
        if (record.type === 'fresh') for (const sid of record.sids ?? []) this.stale.delete(sid);
      },
    });
    this.peer = peer;
    if (this.over) peer.terminate();
    const silenceMsMax =
      peer.welcome!.heartbeatMs * (this.patient ? HEARTBEATS_MISSED_BY_PATIENT : HEARTBEATS_MISSED_MAX);
    const watch = setInterval(() => {
      if (performance.now() - this.heardMs > silenceMsMax) peer.terminate();
    }, 100);
    try {
      const from = Object.fromEntries(
        [...this.positions].map(([symbol, position]) => [`trade:${symbol}`, position]),
      );
      const channels = this.symbols.flatMap((symbol) => [`ticker:${symbol}`, `trade:${symbol}`]);
      await peer.subscribe(channels, { from });
      await peer.closed;
    } finally {
      clearInterval(watch);
      peer.terminate();
      this.remember(peer);
    }
    return peer.goodbye?.retryAfterMs;
  }

  private remember(peer: StreamPeer): void {
    for (const { symbol, position } of peer.state.bySid.values())
      if (position !== null) this.positions.set(symbol, [position.epoch, position.seq]);
    this.log.faults.push(...peer.state.faults);
  }

  /** What the open connection has seen, too. */
  get faults(): readonly string[] {
    return [...this.log.faults, ...(this.peer?.isClosed === false ? this.peer.state.faults : [])];
  }
}

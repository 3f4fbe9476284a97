/**
 * The newest trades of every symbol, shared by all sessions: whoever is behind reads on from here. Trades of a ring
 * are contiguous. Bounded by age and by bytes over all rings; full means: the oldest trade of all goes, and who still
 * needed it gets a `gap`.
 */
export interface RingTrade {
  readonly seq: number;
  readonly timeUs: number;
  readonly price: number;
  /** NaN when unknown. */
  readonly size: number;
  readonly id: string | null;
  readonly conditions: string | null;
}

export interface TradeRingLimits {
  readonly ageMsMax: number;
  readonly bytesMax: number;
}

interface Ring {
  epoch: number;
  /** Seq of the newest trade that is known, in the ring or not. */
  last: number;
  /** In order; those before `head` are gone. */
  trades: (RingTrade | undefined)[];
  head: number;
  /** The trades before those, newest first: read back from the tape. */
  older: RingTrade[];
  /** Entries of the queue below that belong to trades which are gone already. */
  staleEntries: number;
  /** Trades up to this seq were forgotten on purpose, and are not read back. */
  forgottenTo: number;
}

/** Measured on 1 M trades without texts: object, array slot and queue entry. */
const TRADE_BYTES = 112;

export class TradeRings {
  private readonly rings: (Ring | undefined)[] = [];
  /** One entry per trade. Those read back from the tape are queued when they come: they are kept as long again. */
  private readonly arrivals = new ArrivalQueue();
  /** Estimated bytes of all rings. */
  bytes = 0;
  /** Trades that had to go because of the byte limit, not of their age. */
  evicted = 0;

  constructor(private readonly limits: TradeRingLimits) {}

  /** Epoch of a symbol's ring, 0 before anything is known. */
  epoch(sid: number): number {
    return this.rings[sid]?.epoch ?? 0;
  }

  /** Seq of the newest known trade, 0 before the first. */
  last(sid: number): number {
    return this.rings[sid]?.last ?? 0;
  }

  /** Seq of the oldest trade in the ring; last + 1 when it is empty. */
  first(sid: number): number {
    const ring = this.rings[sid];
    return ring === undefined ? 1 : ring.last - size(ring) + 1;
  }

  /** The trade with this seq, which is between first and last. */
  get(sid: number, seq: number): RingTrade {
    const ring = this.rings[sid];
    const trade = ring === undefined ? undefined : tradeAt(ring, ring.last - seq);
    if (trade === undefined) throw new RangeError(`Expected a trade in the ring of ${sid}, was ${seq}`);
    return trade;
  }

  /** Begins anew after `last`: what came before it is not in the ring. */
  restart(sid: number, epoch: number, last: number): void {
    const ring = this.rings[sid];
    if (ring === undefined) {
      this.rings[sid] = { epoch, last, trades: [], head: 0, older: [], staleEntries: 0, forgottenTo: 0 };
      return;
    }
    this.clear(ring);
    ring.epoch = epoch;
    ring.last = last;
    ring.forgottenTo = 0;
  }

  /** Forgets the trades of a symbol, but not its numbers: they have become a gap. */
  empty(sid: number): void {
    const ring = this.rings[sid];
    if (ring === undefined) return;
    this.clear(ring);
    ring.forgottenTo = ring.last;
  }

  /** Whether trades before the ring's first may still be read back from the tape. */
  mayGrowBack(sid: number): boolean {
    const ring = this.rings[sid];
    return ring !== undefined && this.first(sid) - 1 > ring.forgottenTo;
  }

  private clear(ring: Ring): void {
    const count = size(ring);
    for (let back = 0; back < count; back++) this.bytes -= bytesOf(tradeAt(ring, back)!);
    ring.staleEntries += count;
    ring.trades = [];
    ring.head = 0;
    ring.older = [];
  }

  /** The next trade of a symbol. A hole in its numbers, or another epoch, begins the ring anew. */
  push(sid: number, epoch: number, trade: RingTrade, nowMs: number): void {
    let ring = this.rings[sid];
    if (ring === undefined || ring.epoch !== epoch || ring.last + 1 !== trade.seq) {
      this.restart(sid, epoch, trade.seq - 1);
      ring = this.rings[sid]!;
    }
    ring.trades.push(trade);
    ring.last = trade.seq;
    this.bytes += bytesOf(trade);
    this.arrivals.push(sid, nowMs);
    this.trim(nowMs);
  }

  /** A trade right before the ring's first; others are of no use and are left out. */
  pushPast(sid: number, epoch: number, trade: RingTrade, nowMs: number): void {
    const ring = this.rings[sid];
    if (ring === undefined || ring.epoch !== epoch || trade.seq !== this.first(sid) - 1) return;
    if (trade.seq <= ring.forgottenTo) return;
    if (this.bytes + bytesOf(trade) > this.limits.bytesMax) return;
    ring.older.push(trade);
    this.bytes += bytesOf(trade);
    this.arrivals.push(sid, nowMs);
  }

  /** Drops what is too old or too much. */
  private trim(nowMs: number): void {
    while (this.arrivals.size > 0 && this.arrivals.oldestMs < nowMs - this.limits.ageMsMax) this.dropOldest();
    while (this.bytes > this.limits.bytesMax) if (this.dropOldest()) this.evicted++;
  }

  /** Takes the oldest entry of the queue; whether a trade went with it. */
  private dropOldest(): boolean {
    const ring = this.rings[this.arrivals.shift()]!;
    if (ring.staleEntries > 0) {
      ring.staleEntries--;
      return false;
    }
    this.bytes -= bytesOf(ring.older.pop() ?? dropHead(ring));
    return true;
  }
}

function size(ring: Ring): number {
  return ring.older.length + ring.trades.length - ring.head;
}

/** The trade that so many came after. */
function tradeAt({ trades, head, older }: Ring, back: number): RingTrade | undefined {
  const newer = trades.length - head;
  return back < newer ? trades[trades.length - 1 - back] : older[back - newer];
}

function dropHead(ring: Ring): RingTrade {
  const trade = ring.trades[ring.head]!;
  ring.trades[ring.head++] = undefined;
  if (ring.head > 64 && ring.head * 2 > ring.trades.length) {
    ring.trades = ring.trades.slice(ring.head);
    ring.head = 0;
  }
  return trade;
}

function bytesOf(trade: RingTrade): number {
  return TRADE_BYTES + (trade.id?.length ?? 0) + (trade.conditions?.length ?? 0);
}

/** Sids in order of arrival, with the time of each; a growing circular buffer. */
class ArrivalQueue {
  private sids = new Int32Array(1024);
  private times = new Float64Array(1024);
  private head = 0;
  size = 0;

  get oldestMs(): number {
    return this.times[this.head]!;
  }

  push(sid: number, ms: number): void {
    if (this.size === this.sids.length) this.grow();
    const tail = (this.head + this.size) % this.sids.length;
    this.sids[tail] = sid;
    this.times[tail] = ms;
    this.size++;
  }

  /** The oldest entry's sid; the queue is not empty. */
  shift(): number {
    const sid = this.sids[this.head]!;
    this.head = (this.head + 1) % this.sids.length;
    this.size--;
    return sid;
  }

  private grow(): void {
    const sids = new Int32Array(this.sids.length * 2);
    const times = new Float64Array(sids.length);
    for (let i = 0; i < this.size; i++) {
      const from = (this.head + i) % this.sids.length;
      sids[i] = this.sids[from]!;
      times[i] = this.times[from]!;
    }
    this.sids = sids;
    this.times = times;
    this.head = 0;
  }
}

import fc from 'fast-check';
import { type RingTrade, TradeRings } from './trade-rings.js';

const TRADE_BYTES = 112;

function trade(seq: number, id: string | null = null): RingTrade {
  return { seq, timeUs: seq, price: seq * 10, size: 1, id, conditions: null };
}

const seqs = (rings: TradeRings, sid: number) => {
  const all: number[] = [];
  for (let seq = rings.first(sid); seq <= rings.last(sid); seq++) all.push(rings.get(sid, seq).seq);
  return all;
};

describe('TradeRings', () => {
  it('know nothing of a symbol before its first trade', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 1e6 });
    expect([rings.epoch(9), rings.first(9), rings.last(9)]).toEqual([0, 1, 0]);
    expect(() => rings.get(9, 1)).toThrow(RangeError);
  });

  it('begin anew at a hole, in another epoch, and where they are told to', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 1e6 });
    for (const seq of [1, 2, 3]) rings.push(1, 5, trade(seq), 0);
    rings.push(1, 5, trade(7), 0);
    expect(seqs(rings, 1)).toEqual([7]);
    rings.push(1, 6, trade(8), 0);
    expect([rings.epoch(1), ...seqs(rings, 1)]).toEqual([6, 8]);
    rings.restart(1, 6, 20);
    expect([rings.first(1), rings.last(1)]).toEqual([21, 20]);
    expect(rings.bytes).toBe(0);
  });

  it('take older trades in front, one after the other, and no others', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 1e6 });
    rings.restart(1, 5, 10);
    rings.push(1, 5, trade(11), 0);
    for (const seq of [10, 9, 7, 12, 9, 8]) rings.pushPast(1, 5, trade(seq), 0);
    rings.pushPast(1, 4, trade(7), 0);
    rings.pushPast(2, 5, trade(0), 0);
    expect(seqs(rings, 1)).toEqual([8, 9, 10, 11]);
    rings.push(1, 5, trade(12), 0);
    expect(seqs(rings, 1)).toEqual([8, 9, 10, 11, 12]);
  });

  it('drop what is older than the age', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 1e6 });
    rings.push(1, 5, trade(1), 0);
    rings.push(1, 5, trade(2), 30_000);
    rings.push(2, 5, trade(1), 60_000);
    expect(seqs(rings, 1)).toEqual([1, 2]);
    rings.push(2, 5, trade(2), 60_001);
    expect(seqs(rings, 1)).toEqual([2]);
    rings.push(2, 5, trade(3), 90_001);
    expect([rings.first(1), rings.last(1), rings.bytes]).toEqual([3, 2, 3 * TRADE_BYTES]);
    expect(rings.evicted).toBe(0);
  });

  it('keep older trades that were read back, also when others age', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 1e6 });
    rings.push(2, 5, trade(1), 0);
    rings.restart(1, 5, 3);
    for (const seq of [3, 2, 1]) rings.pushPast(1, 5, trade(seq), 50_000);
    rings.push(2, 5, trade(2), 70_000);
    expect(seqs(rings, 1)).toEqual([1, 2, 3]);
    rings.push(2, 5, trade(3), 110_001);
    expect(seqs(rings, 1)).toEqual([]);
  });

  it('full of bytes, let the oldest of all go, of whatever symbol', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 3 * TRADE_BYTES });
    rings.push(1, 5, trade(1), 0);
    rings.push(2, 5, trade(1), 1);
    rings.push(1, 5, trade(2), 2);
    rings.push(2, 5, trade(2), 3);
    expect([seqs(rings, 1), seqs(rings, 2)]).toEqual([[2], [1, 2]]);
    rings.push(2, 5, trade(3, 'x'.repeat(64)), 4);
    expect([seqs(rings, 1), seqs(rings, 2)]).toEqual([[], [2, 3]]);
    expect([rings.evicted, rings.bytes]).toEqual([3, 2 * TRADE_BYTES + 64]);
  });

  it('take no older trades when they are full', () => {
    const rings = new TradeRings({ ageMsMax: 60_000, bytesMax: 2 * TRADE_BYTES });
    rings.restart(1, 5, 3);
    for (const seq of [3, 2, 1]) rings.pushPast(1, 5, trade(seq), 0);
    expect([seqs(rings, 1), rings.evicted]).toEqual([[2, 3], 0]);
  });

  it('stay within their bytes, and agree with a plain model, whatever comes', () => {
    const sid = fc.integer({ min: 1, max: 4 });
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ what: fc.constant('push' as const), sid, id: fc.nat({ max: 64 }) }),
      },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('hole' as const), sid }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('epoch' as const), sid }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('restart' as const), sid }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('empty' as const), sid }) },
      {
        weight: 3,
        arbitrary: fc.record({ what: fc.constant('past' as const), sid, count: fc.nat({ max: 5 }) }),
      },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('time' as const), ms: fc.nat({ max: 400 }) }) },
    );
    const room = fc.boolean();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), room, (steps, roomy) => {
        const bytesMax = (roomy ? 1_000_000 : 12) * TRADE_BYTES;
        const rings = new TradeRings({ ageMsMax: 1000, bytesMax });
        const model = new Model(1000);
        let nowMs = 0;
        for (const one of steps) {
          if (one.what === 'time') nowMs += one.ms;
          else if (one.what === 'push' || one.what === 'hole') {
            const seq = model.ring(one.sid).last + (one.what === 'hole' ? 3 : 1);
            const next = trade(seq, one.what === 'push' ? 'i'.repeat(one.id) : null);
            rings.push(one.sid, model.ring(one.sid).epoch, next, nowMs);
            model.push(one.sid, next, nowMs);
          } else if (one.what === 'epoch') {
            const next = trade(1);
            rings.push(one.sid, model.ring(one.sid).epoch + 1, next, nowMs);
            model.restart(one.sid, model.ring(one.sid).epoch + 1, 0);
            model.push(one.sid, next, nowMs);
          } else if (one.what === 'restart') {
            const { epoch, last } = model.ring(one.sid);
            rings.restart(one.sid, epoch, last);
            model.restart(one.sid, epoch, last);
          } else if (one.what === 'empty') {
            rings.empty(one.sid);
            model.empty(one.sid);
          } else {
            for (let i = 0; i < one.count; i++) {
              const seq = rings.first(one.sid) - 1;
              if (seq < 1) break;
              const older = trade(seq);
              rings.pushPast(one.sid, rings.epoch(one.sid), older, nowMs);
              model.past(one.sid, older, nowMs);
            }
          }
          const fault = model.fault(rings, bytesMax, nowMs);
          const missing = roomy ? model.missing(rings, nowMs) : undefined;
          if (fault !== undefined || missing !== undefined) throw new Error(fault ?? missing);
        }
      }),
      { numRuns: 200 },
    );
  });
});

interface ModelRing {
  epoch: number;
  last: number;
  /** What was emptied is not read back. */
  forgottenTo: number;
  readonly trades: Map<number, { readonly trade: RingTrade; readonly atMs: number }>;
}

/** What may be in the rings at most: every trade of a symbol since it last began anew. */
class Model {
  private readonly rings = new Map<number, ModelRing>();

  constructor(private readonly ageMsMax: number) {}

  ring(sid: number): ModelRing {
    let ring = this.rings.get(sid);
    if (ring === undefined)
      this.rings.set(sid, (ring = { epoch: 1, last: 0, forgottenTo: 0, trades: new Map() }));
    return ring;
  }

  restart(sid: number, epoch: number, last: number): void {
    Object.assign(this.ring(sid), { epoch, last, forgottenTo: 0 });
    this.ring(sid).trades.clear();
  }

  push(sid: number, trade: RingTrade, atMs: number): void {
    const ring = this.ring(sid);
    if (trade.seq !== ring.last + 1) this.restart(sid, ring.epoch, trade.seq - 1);
    ring.last = trade.seq;
    ring.trades.set(trade.seq, { trade, atMs });
  }

  empty(sid: number): void {
    const ring = this.ring(sid);
    ring.trades.clear();
    ring.forgottenTo = ring.last;
  }

  past(sid: number, trade: RingTrade, atMs: number): void {
    if (trade.seq <= this.ring(sid).forgottenTo) return;
    this.ring(sid).trades.set(trade.seq, { trade, atMs });
  }

  /** What is wrong with rings that should hold a contiguous newest part of this, count its bytes, and keep the limits. */
  fault(rings: TradeRings, bytesMax: number, nowMs: number): string | undefined {
    let bytes = 0;
    for (const [sid, { epoch, last, trades }] of this.rings) {
      if (rings.epoch(sid) === 0) continue;
      if (rings.epoch(sid) !== epoch || rings.last(sid) !== last) return `${sid} is not at ${epoch}:${last}`;
      for (let seq = rings.first(sid); seq <= last; seq++) {
        const trade = rings.get(sid, seq);
        const expected = trades.get(seq);
        if (trade !== expected?.trade) return `${sid} has another trade at ${seq}`;
        bytes += TRADE_BYTES + (trade.id?.length ?? 0);
      }
    }
    if (rings.bytes !== bytes) return `${rings.bytes} bytes are counted, ${bytes} are held`;
    return bytes > bytesMax ? `${bytes} bytes are held at ${nowMs} ms` : undefined;
  }

  /** What is missing of trades that are in time. A ring drops its oldest one for each that ages, whichever that is. */
  missing(rings: TradeRings, nowMs: number): string | undefined {
    for (const [sid, { last, trades }] of this.rings) {
      let inTime = 0;
      for (let seq = last; trades.get(seq) !== undefined; seq--)
        if (trades.get(seq)!.atMs >= nowMs - this.ageMsMax) inTime++;
      const held = last - rings.first(sid) + 1;
      if (held < inTime) return `${sid} holds ${held} of ${inTime} trades`;
    }
    return undefined;
  }
}

/**
 * A history in which all is well, made up from a seed: sources and a pair of lines, batches with a new epoch on the way,
 * clients that come and go. And every way to spoil it, for the checker to find.
 */
import type { StreamRecord } from '../../support/records.js';
import type { Seeded } from '../../support/seeded.js';
import type { History, Noted, OwnerImage, SentTrade, TapeBatch, TapeSymbol, TapeTrade } from './history.js';
import { type MadeClient, SimulatedClient } from './simulated-client.js';

type Open<T> = { -readonly [K in keyof T]: T[K] };
type OpenSymbol = Open<Omit<TapeSymbol, 'trades'>> & { trades: TapeTrade[] };
export type OpenBatch = Open<Omit<TapeBatch, 'symbols'>> & { symbols: OpenSymbol[] };

const SIDS = [1, 2, 3, 4];
const STEPS = 90;
const NEW_EPOCH_AT = 55;
const partitionOf = (sid: number) => sid % 2;

export function goodHistory(seeded: Seeded): GoodHistory {
  const made = new Maker(seeded);
  for (let step = 0; step < STEPS; step++) made.step(step);
  return made.end();
}

class Maker {
  private readonly sent: SentTrade[] = [];
  private readonly batches: OpenBatch[] = [];
  private readonly numbers = new Map<number, { epoch: number; number: number }>();
  private readonly images = new Map<number, Open<OwnerImage> & { tradeSeq: number }>();
  private readonly clients: SimulatedClient[];

  constructor(private readonly seeded: Seeded) {
    for (const sid of SIDS) this.images.set(sid, { epoch: 5, seq: 0, values: {}, tradeSeq: 0 });
    this.clients = ['one', 'two'].map((name) => new SimulatedClient(name, SIDS, this.images));
  }

  step(step: number): void {
    const { seeded } = this;
    const partition = seeded.integer(0, 1);
    if (step === NEW_EPOCH_AT) for (const one of [0, 1]) this.beginEpoch(one);
    const at = this.numbers.get(partition) ?? { epoch: 5, number: 0 };
    at.number++;
    this.numbers.set(partition, at);
    const symbols = SIDS.filter((sid) => partitionOf(sid) === partition).map((sid) => this.change(sid));
    this.batches.push({ partition, ...at, hash: `${partition}/${at.epoch}/${at.number}`, symbols });
    for (const client of this.clients) {
      client.batch(symbols);
      if (step === 40) client.silence();
      const mayLeave = client.connected && step < STEPS - 10;
      if (mayLeave && (step === 20 || seeded.chance(0.08))) client.disconnect();
      else if (!client.connected && (step > STEPS - 5 || seeded.chance(0.3)))
        client.resume(step < 40 || seeded.chance(0.5));
    }
  }

  private beginEpoch(partition: number): void {
    this.numbers.set(partition, { epoch: 9, number: 0 });
    const sids = SIDS.filter((sid) => partitionOf(sid) === partition);
    for (const sid of sids) this.images.get(sid)!.epoch = 9;
    for (const client of this.clients) client.newEpoch(sids);
  }

  private change(sid: number): OpenSymbol {
    const { seeded } = this;
    const image = this.images.get(sid)!;
    const trades: TapeTrade[] = [];
    for (let i = seeded.integer(1, 3); i > 0; i--) trades.push(this.trade(sid, ++image.tradeSeq));
    const values = {
      bidPrice: 1 + image.seq / 100,
      lastPrice: trades.at(-1)!.price,
      tradeCount: (image.values.tradeCount ?? 0) + trades.length,
      volume: trades.reduce((sum, { size }) => sum + size!, image.values.volume ?? 0),
    };
    image.seq++;
    image.values = { ...image.values, ...values };
    return { sid, seq: image.seq, values, trades };
  }

  private trade(sid: number, seq: number): TapeTrade {
    const { seeded } = this;
    const order = this.sent.length + 1;
    const source = seeded.pick(['alpha', 'beta', 'line:X']);
    const id = `${source}-${order}`;
    const late = source === 'line:X' && seeded.chance(0.1);
    this.sent.push({
      id,
      symbol: `S${sid}`,
      source,
      order: late ? order - 40 : order,
      late,
      acknowledged: true,
    });
    return { seq, id, price: seeded.integer(100, 999) / 100, size: seeded.integer(1, 50) };
  }

  end(): GoodHistory {
    for (const client of this.clients) client.finish();
    const order = (a: TapeBatch, b: TapeBatch) =>
      a.partition - b.partition || a.epoch - b.epoch || a.number - b.number;
    const published = this.batches.sort(order);
    // What was never acknowledged may be missing.
    this.sent.push({
      id: 'alpha-0',
      symbol: 'S1',
      source: 'alpha',
      order: 0,
      late: false,
      acknowledged: false,
    });
    const images = new Map([...this.images].map(([sid, { tradeSeq: _, ...image }]) => [sid, image]));
    return new GoodHistory(
      this.sent,
      published,
      this.clients.map((client) => client.log),
      images,
    );
  }
}

/** Everything in it may be changed. */
export class GoodHistory implements History {
  readonly refused: string[] = [];
  stored: TapeBatch[] | null;
  readonly sightings;
  readonly symbols = new Map(
    SIDS.map((sid) => [sid, { symbol: `S${sid}`, partition: partitionOf(sid) }] as const),
  );
  readonly images: Map<number, OwnerImage>[];
  processes = [{ name: 'owner', ended: null as string | null, megabytesMax: 120 }];
  readonly megabytesLimit = 400;

  constructor(
    readonly sent: SentTrade[],
    readonly published: OpenBatch[],
    readonly clients: MadeClient[],
    image: Map<number, OwnerImage>,
  ) {
    this.stored = published;
    this.sightings = published.map(({ symbols: _, ...batch }) => ({ ...batch, where: 'the live channel' }));
    this.images = [image, new Map(image)];
  }

  private pick(seeded: Seeded): OpenSymbol {
    return seeded.pick(seeded.pick(this.published).symbols);
  }

  dropTrade(seeded: Seeded): void {
    this.pick(seeded).trades.shift();
  }
  dropBatch(seeded: Seeded): void {
    // Neither the first of an epoch nor the last: those may be trimmed, or not be there yet.
    const inner = this.published.filter((batch, i) => {
      const [before, after] = [this.published[i - 1], this.published[i + 1]];
      return [before, after].every((one) => one?.partition === batch.partition && one.epoch === batch.epoch);
    });
    this.published.splice(this.published.indexOf(seeded.pick(inner)), 1);
  }
  repeatTrade(seeded: Seeded): void {
    const { trades } = this.pick(seeded);
    trades.push({ ...trades[0]!, seq: trades.at(-1)!.seq + 1 });
  }
  swapTrades(seeded: Seeded): void {
    const orders = new Map(this.sent.map((trade) => [trade.id, trade]));
    const pairs = this.published.flatMap(({ symbols }) =>
      symbols.flatMap(({ trades }) =>
        trades.flatMap((trade, i) => {
          const [one, other] = [trade, trades[i + 1]].map((each) => orders.get(each?.id ?? ''));
          const same = one?.source === other?.source && one?.late === false && other?.late === false;
          return same ? [[trades, i] as const] : [];
        }),
      ),
    );
    const [trades, i] = seeded.pick(pairs);
    const [one, other] = [trades[i]!, trades[i + 1]!];
    trades.splice(i, 2, { ...other, seq: one.seq }, { ...one, seq: other.seq });
  }
  inventTrade(seeded: Seeded): void {
    const { trades } = this.pick(seeded);
    trades[0] = { ...trades[0]!, id: 'nobody-1' };
  }
  reuseNumber(seeded: Seeded): void {
    const sighting = seeded.pick(this.sightings);
    sighting.hash += ' changed';
  }
  turnEpochsRound(): void {
    for (const batch of this.published) batch.epoch = 14 - batch.epoch;
  }

  /** A record of this type of any client, and where it is. */
  private record<T extends StreamRecord['type']>(seeded: Seeded, type: T, last = false) {
    const { records } = seeded.pick(this.clients);
    const places = records.flatMap(({ record }, i) => (record.type === type ? [i] : []));
    const at = last ? places.at(-1)! : seeded.pick(places);
    return { records, at, noted: records[at] as Noted & { record: { type: T } } };
  }

  showOldEpoch(seeded: Seeded): void {
    const { records, at, noted } = this.record(seeded, 'image', true);
    records.splice(at + 1, 0, { ...noted, record: { ...noted.record, epoch: 4 } as never });
  }
  tellTwice(seeded: Seeded, type: 'trade' | 'update'): void {
    const { records, at, noted } = this.record(seeded, type);
    records.splice(at, 0, noted);
  }
  forget(seeded: Seeded, type: 'trade' | 'gap'): void {
    const { records, at, noted } = this.record(seeded, type);
    const { sid } = noted.record as never as { sid: number };
    const isLast = !records.slice(at + 1).some(({ record }) => record.type === 'trade' && record.sid === sid);
    // The last one of a symbol is missing in another way.
    if (isLast) return this.forget(seeded, type);
    // Of the last before a new epoch the position stands in place.
    const next = records
      .slice(at + 1)
      .find(({ record }) => (record.type === 'trade' || record.type === 'position') && record.sid === sid);
    if (next?.record.type === 'position') return this.forget(seeded, type);
    records.splice(at, 1);
  }
  shrinkGap(seeded: Seeded): void {
    const { records, at, noted } = this.record(seeded, 'gap');
    const gap = noted.record as never as { from: number; to: number };
    if (gap.to === gap.from) records.splice(at, 1);
    else records[at] = { ...noted, record: { ...gap, to: gap.to - 1 } as never };
  }
  inventGap(seeded: Seeded): void {
    const { records, at, noted } = this.record(seeded, 'trade');
    const { sid, seq } = noted.record as never as { sid: number; seq: number };
    records.splice(at + 1, 0, { ...noted, record: { type: 'gap', sid, from: seq, to: seq } });
  }
  changePrice(seeded: Seeded): void {
    const { records, at, noted } = this.record(seeded, 'trade');
    records[at] = { ...noted, record: { ...noted.record, price: 0.01 } as never };
  }
  forgetLast(seeded: Seeded, type: 'trade' | 'update'): void {
    const { records, at } = this.record(seeded, type, true);
    records.splice(at, 1);
  }
  changeField(seeded: Seeded): void {
    const { records, at, noted } = this.record(seeded, 'update');
    records[at] = { ...noted, record: { ...noted.record, values: { bidPrice: 777 } } as never };
  }
  forgetImage(seeded: Seeded): void {
    const { records } = seeded.pick(this.clients);
    const { connection } = records.at(-1)!;
    const isFirst = (noted: Noted) => noted.connection === connection && noted.record.type === 'image';
    records.splice(records.findIndex(isFirst), 1);
  }
  ageImage(seeded: Seeded): void {
    const sid = seeded.pick(SIDS);
    const images = seeded.pick(this.images);
    images.set(sid, { ...images.get(sid)!, seq: images.get(sid)!.seq - 1 });
  }
  countTwice(seeded: Seeded): void {
    const image = this.images[0]!.get(seeded.pick(SIDS)) as Open<OwnerImage>;
    image.values = { ...image.values, tradeCount: image.values.tradeCount! + 1 };
  }
  forgetLastFresh(seeded: Seeded): void {
    const { records } = seeded.pick(this.clients);
    const { connection } = records.at(-1)!;
    records.push({
      atMs: 0,
      connection,
      record: { type: 'stale', sids: [2], sinceUs: 1, reason: 'redis_lost' },
    });
  }
  endProcess(): void {
    this.processes = [{ ...this.processes[0]!, ended: 'exit code 1' }];
  }
  growProcess(): void {
    this.processes = [{ ...this.processes[0]!, megabytesMax: 401 }];
  }
}

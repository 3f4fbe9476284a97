/** A sink that checks each call against the promises of ImageSink, and each state against the publisher's. */
import { IMAGE_FIELD_COUNT } from '#market-data';
import type { ImageSink, StaleReason } from './image-sink.js';
import { digest, type Images, tradePrice } from './live-publisher.fixture.js';

/** What the sink has of one partition. */
export interface Followed {
  epoch: number;
  number: number;
  images: Images;
  loaded: boolean;
  /** Oldest trade in the ring, per symbol. */
  oldestTradeBySid: Map<number, number>;
  historyComplete: boolean;
  hearing: 'unknown' | 'heard' | 'silent';
  reason: StaleReason | null;
  sinceUs: number;
}

/** Holds what it is shown, and throws where a call breaks a promise of ImageSink. */
export class CheckingSink implements ImageSink {
  readonly partitions: Followed[];
  readonly calls: string[] = [];
  reloads = 0;
  trades = 0;
  pastTrades = 0;
  private open: string | null = null;
  private current: Followed;
  private historySpan = new Map<number, { first: number; last: number }>();

  /** @param expected the publisher's state at a position, if it is to be compared */
  constructor(
    partitions: number,
    private readonly expected: (partition: number, epoch: number, number: number) => Images | undefined,
  ) {
    this.partitions = Array.from({ length: partitions }, () => ({
      epoch: 0,
      number: 0,
      images: new Map(),
      loaded: false,
      oldestTradeBySid: new Map(),
      historyComplete: false,
      hearing: 'unknown',
      reason: null,
      sinceUs: 0,
    }));
    this.current = this.partitions[0]!;
  }

  private begin(what: string, partition: number): Followed {
    this.must(this.open === null, `${what} inside ${this.open}`);
    this.open = `${what} ${partition}`;
    this.current = this.partitions[partition]!;
    return this.current;
  }

  private end(what: string, partition: number): Followed {
    this.must(this.open === `${what} ${partition}`, `end of ${what} ${partition} inside ${this.open}`);
    this.open = null;
    return this.current;
  }

  private must(holds: boolean, what: string): void {
    if (!holds) throw new Error(`Promise broken: ${what}\n${this.calls.slice(-20).join('\n')}`);
  }

  private compare(partition: number): void {
    const { epoch, number, images } = this.partitions[partition]!;
    const expected = this.expected(partition, epoch, number);
    if (expected === undefined) return;
    this.must(digest(images) === digest(expected), `state of ${partition} at ${epoch}-${number}`);
    for (const [sid, { tradeSeq }] of expected)
      this.must(images.get(sid)!.tradeSeq === tradeSeq, `trades of ${sid} at ${epoch}-${number}`);
  }

  beginBatch(partition: number, epoch: number, number: number, timeUs: number): void {
    const followed = this.begin('batch', partition);
    this.calls.push(`batch ${partition} ${epoch}-${number}`);
    this.must(followed.loaded, `batch before the first load of ${partition}`);
    this.must(
      epoch === followed.epoch && number === followed.number + 1,
      `batch ${epoch}-${number} after ${followed.epoch}-${followed.number}`,
    );
    this.must(timeUs > 0, 'a batch without a time');
    followed.number = number;
  }

  update(sid: number, seq: number, mask: number, timeUs: number, values: Float64Array): void {
    this.must(this.open?.startsWith('batch') === true, `update inside ${this.open}`);
    const { images } = this.current;
    let image = images.get(sid);
    if (image === undefined) {
      image = {
        seq: 0,
        tradeSeq: 0,
        timeUs: 0,
        values: Array.from({ length: IMAGE_FIELD_COUNT }, () => Number.NaN),
      };
      images.set(sid, image);
    }
    this.must(seq === image.seq + 1, `update ${seq} of ${sid} after ${image.seq}`);
    image.seq = seq;
    image.timeUs = timeUs;
    for (let field = 0; field < IMAGE_FIELD_COUNT; field++)
      if ((mask & (1 << field)) !== 0) image.values[field] = values[field]!;
  }

  trade(sid: number, seq: number, timeUs: number, price: number, size: number): void {
    this.must(this.open?.startsWith('batch') === true, `trade inside ${this.open}`);
    const image = this.current.images.get(sid)!;
    this.must(seq === image.tradeSeq + 1, `trade ${seq} of ${sid} after ${image.tradeSeq}`);
    this.must(
      price === tradePrice(sid, seq) && timeUs > 0 && size >= 0,
      `trade ${seq} of ${sid} is another one`,
    );
    image.tradeSeq = seq;
    if (!this.current.oldestTradeBySid.has(sid)) this.current.oldestTradeBySid.set(sid, seq);
    this.trades++;
  }

  endBatch(partition: number): void {
    this.end('batch', partition);
    this.compare(partition);
  }

  beginReload(partition: number, epoch: number, number: number): void {
    const followed = this.begin('reload', partition);
    this.calls.push(`reload ${partition} ${epoch}-${number}`);
    this.must(
      !followed.loaded || epoch !== followed.epoch || number > followed.number,
      `reload of ${partition} to ${epoch}-${number} from ${followed.epoch}-${followed.number}`,
    );
    Object.assign(followed, { epoch, number, images: new Map(), loaded: true, historyComplete: false });
    followed.oldestTradeBySid = new Map();
    this.reloads++;
  }

  image(sid: number, seq: number, tradeSeq: number, timeUs: number, values: Float64Array): void {
    this.must(this.open?.startsWith('reload') === true, `image inside ${this.open}`);
    this.current.images.set(sid, { seq, tradeSeq, timeUs, values: [...values] });
    this.current.oldestTradeBySid.set(sid, tradeSeq + 1);
  }

  endReload(partition: number): void {
    this.end('reload', partition);
    this.compare(partition);
  }

  beginHistory(partition: number, epoch: number): void {
    const followed = this.begin('history', partition);
    this.must(
      epoch === followed.epoch && !followed.historyComplete,
      `history of ${epoch} in ${followed.epoch}`,
    );
    this.historySpan = new Map();
  }

  pastTrade(sid: number, seq: number, _timeUs: number, price: number): void {
    this.must(this.open?.startsWith('history') === true, `past trade inside ${this.open}`);
    this.must(price === tradePrice(sid, seq), `past trade ${seq} of ${sid} is another one`);
    const span = this.historySpan.get(sid);
    this.must(span === undefined || seq === span.last + 1, `past trade ${seq} of ${sid} after ${span?.last}`);
    this.historySpan.set(sid, { first: span?.first ?? seq, last: seq });
    this.pastTrades++;
  }

  endHistory(partition: number): void {
    const { oldestTradeBySid } = this.end('history', partition);
    for (const [sid, { first, last }] of this.historySpan) {
      this.must(
        last === oldestTradeBySid.get(sid)! - 1,
        `past trades ${first}..${last} of ${sid} before ${oldestTradeBySid.get(sid)}`,
      );
      oldestTradeBySid.set(sid, first);
    }
  }

  historyComplete(partition: number): void {
    const followed = this.partitions[partition]!;
    this.must(this.open === null && !followed.historyComplete, `history of ${partition} completed twice`);
    followed.historyComplete = true;
    this.calls.push(`history complete ${partition}`);
  }

  silent(partition: number, sinceUs: number, reason: StaleReason): void {
    const followed = this.partitions[partition]!;
    this.must(this.open === null && followed.hearing !== 'silent', `${partition} silent twice`);
    Object.assign(followed, { hearing: 'silent', reason, sinceUs });
    this.calls.push(`silent ${partition} ${reason}`);
  }

  heard(partition: number): void {
    const followed = this.partitions[partition]!;
    this.must(this.open === null && followed.hearing !== 'heard', `${partition} heard twice`);
    Object.assign(followed, { hearing: 'heard', reason: null });
    this.calls.push(`heard ${partition}`);
  }
}

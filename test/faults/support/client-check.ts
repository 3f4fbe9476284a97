/** What must hold for one client over all its connections: it resumes trades, and computes images from what it is sent. */
import type { RecordOf, Values } from '../../support/records.js';
import type { Report } from './checker.js';
import type { ClientLog, History, Noted } from './history.js';
import type { TapeIndex } from './tape-check.js';

interface Position {
  epoch: number;
  seq: number;
}

interface Shown extends Position {
  /** Null after a reconnect, until an image comes. */
  values: Values | null;
}

export class ClientCheck {
  private readonly positions = new Map<number, Position>();
  private readonly shown = new Map<number, Shown>();
  private readonly stale = new Set<number | 'all'>();
  private connection = 0;

  constructor(
    private readonly client: ClientLog,
    private readonly tape: TapeIndex,
    /** Knows also what a store lost that took numbers back: a client may have been shown it, in an epoch that is over. */
    private readonly published: TapeIndex,
    private readonly history: History,
    private readonly report: Report,
  ) {}

  run(): void {
    for (const noted of this.client.records) this.take(noted);
    this.end();
  }

  private take({ connection, record }: Noted): void {
    if (connection !== this.connection) this.reconnected(connection);
    switch (record.type) {
      case 'subscribed':
        for (const { channel, sid, position } of record.channels)
          if (sid !== null && position !== null && channel.startsWith('trade:')) this.stand(sid, position);
        return;
      case 'position':
        return this.stand(record.sid, record);
      case 'trade':
        return this.trade(record);
      case 'gap':
        return this.gap(record);
      case 'image':
        return this.image(record);
      case 'update':
        return this.update(record);
      case 'stale':
        for (const sid of record.sids ?? ['all' as const]) this.stale.add(sid);
        return;
      case 'fresh':
        if (record.sids === null) this.stale.clear();
        for (const sid of record.sids ?? []) this.stale.delete(sid);
        return;
      default:
        return;
    }
  }

  private reconnected(connection: number): void {
    this.connection = connection;
    this.stale.clear();
    for (const shown of this.shown.values()) shown.values = null;
  }

  private say(sid: number, text: string): string {
    return `${this.client.name}, ${this.history.symbols.get(sid)?.symbol ?? `sid ${sid}`}: ${text}`;
  }

  private stand(sid: number, { epoch, seq }: Position): void {
    const before = this.positions.get(sid);
    const where = `${epoch}/${seq} after ${before?.epoch}/${before?.seq}`;
    if (before !== undefined && epoch < before.epoch) this.report('epoch_backwards', this.say(sid, where));
    if (before !== undefined && epoch === before.epoch && seq < before.seq)
      this.report('seq_backwards', this.say(sid, `position ${where}`));
    if (before !== undefined && epoch === before.epoch && seq > before.seq)
      this.report('silent_hole', this.say(sid, `position ${where}`));
    this.positions.set(sid, { epoch, seq });
  }

  private trade({ sid, seq, id, price, size }: RecordOf<'trade'>): void {
    const position = this.positions.get(sid);
    if (position === undefined)
      return this.report('silent_hole', this.say(sid, `trade ${seq} before a position`));
    const { epoch } = position;
    if (seq <= position.seq)
      this.report('seq_backwards', this.say(sid, `trade ${epoch}/${seq} after ${position.seq}`));
    if (seq > position.seq + 1)
      this.report('silent_hole', this.say(sid, `trade ${epoch}/${seq} after ${position.seq}`));
    position.seq = seq;
    const onTape = this.tape.trade(sid, epoch, seq) ?? this.published.trade(sid, epoch, seq);
    if (onTape === undefined || onTape.id !== id || onTape.price !== price || onTape.size !== size) {
      const told = `${id} ${price} × ${size}`;
      const held = onTape === undefined ? 'nothing' : `${onTape.id} ${onTape.price} × ${onTape.size}`;
      this.report('trade_differs', this.say(sid, `trade ${epoch}/${seq} is ${told}, the tape has ${held}`));
    }
  }

  private gap({ sid, from, to }: RecordOf<'gap'>): void {
    const position = this.positions.get(sid);
    if (position === undefined || from !== position.seq + 1 || to < from)
      this.report('gap_wrong', this.say(sid, `gap ${from} to ${to} after ${position?.seq}`));
    if (position !== undefined) position.seq = Math.max(position.seq, to);
  }

  private image({ sid, epoch, seq, values }: RecordOf<'image'>): void {
    const before = this.shown.get(sid);
    if (before !== undefined && epoch < before.epoch)
      this.report('epoch_backwards', this.say(sid, `image ${epoch}/${seq} after ${before.epoch}`));
    // Another gateway may lag: the first image of a connection is where its sequences begin.
    if (before?.values != null && epoch === before.epoch && seq < before.seq)
      this.report('seq_backwards', this.say(sid, `image ${epoch}/${seq} after ${before.seq}`));
    this.shown.set(sid, { epoch, seq, values: { ...values } });
    this.compare(sid);
  }

  private update({ sid, seq, values }: RecordOf<'update'>): void {
    const shown = this.shown.get(sid);
    if (shown === undefined || shown.values === null)
      return this.report('image_differs', this.say(sid, `update ${seq} without an image`));
    if (seq <= shown.seq)
      this.report('seq_backwards', this.say(sid, `update ${shown.epoch}/${seq} after ${shown.seq}`));
    shown.seq = seq;
    Object.assign(shown.values, values);
    this.compare(sid);
  }

  private compare(sid: number): void {
    const { epoch, seq, values } = this.shown.get(sid)!;
    const expected = this.tape.state(sid, epoch, seq) ?? this.published.state(sid, epoch, seq);
    const found = this.tape.stateText(values ?? {});
    // Before the first tick of a symbol there is nothing on the tape, and nothing in its image.
    if (expected === undefined && found === '') return;
    if (found !== expected)
      this.report('image_differs', this.say(sid, `${epoch}/${seq} is ${found}, the tape has ${expected}`));
  }

  private end(): void {
    for (const [sid, { symbol }] of this.history.symbols) {
      const last = this.tape.lastState(sid);
      const shown = this.shown.get(sid);
      if (shown === undefined && !this.follows(sid)) continue;
      if (
        last !== undefined &&
        (shown?.values == null || shown.epoch !== last.epoch || shown.seq !== last.seq)
      )
        this.report(
          'image_old',
          this.say(sid, `ends at ${shown?.epoch}/${shown?.seq}, tape ${last.epoch}/${last.seq}`),
        );
      const position = this.positions.get(sid);
      const trade = this.tape.tradesOf(sid).at(-1);
      if (trade !== undefined && trade.epoch === position?.epoch && trade.seq > position.seq)
        this.report('missing_trade', this.say(sid, `ends at ${position.seq}, tape ${trade.seq} (${symbol})`));
      if (trade !== undefined && (position === undefined || trade.epoch > position.epoch))
        this.report('missing_trade', this.say(sid, `ends in epoch ${position?.epoch}, tape ${trade.epoch}`));
    }
    for (const sid of this.stale) this.report('stale_stays', `${this.client.name}: ${sid}`);
  }

  private follows(sid: number): boolean {
    return this.positions.has(sid);
  }
}

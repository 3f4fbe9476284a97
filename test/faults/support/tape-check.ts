/** What must hold on the tape itself: every acknowledged trade once, in order, under numbers that follow each other. */
import type { Values } from '../../support/records.js';
import type { Report } from './checker.js';
import type { History, TapeBatch, TapeSymbol, TapeTrade } from './history.js';

interface State {
  readonly epoch: number;
  readonly seq: number;
  readonly text: string;
}

/** Batches by what they mean: each state of each symbol, and each trade. */
export class TapeIndex {
  private readonly states = new Map<string, string>();
  private readonly last = new Map<number, State>();
  private readonly values = new Map<number, Values>();
  private readonly trades = new Map<number, (TapeTrade & { readonly epoch: number })[]>();
  private readonly tradesBySeq = new Map<string, TapeTrade>();
  private readonly sidsByPartition = new Map<number, Set<number>>();
  private readonly epochs = new Map<number, number>();

  constructor(readonly batches: readonly TapeBatch[]) {
    for (const batch of batches) this.take(batch);
  }

  private take({ partition, epoch, symbols }: TapeBatch): void {
    const sids = this.sidsByPartition.get(partition) ?? new Set();
    this.sidsByPartition.set(partition, sids);
    if (this.epochs.get(partition) !== epoch) {
      this.epochs.set(partition, epoch);
      // A new epoch goes on from the owner's memory: what did not change has the same values and seq in it.
      for (const sid of sids) this.stand(sid, epoch, this.last.get(sid)?.seq ?? 0);
    }
    for (const symbol of symbols) {
      sids.add(symbol.sid);
      this.values.set(symbol.sid, { ...this.values.get(symbol.sid), ...symbol.values });
      this.stand(symbol.sid, epoch, symbol.seq);
      this.takeTrades(epoch, symbol);
    }
  }

  private stand(sid: number, epoch: number, seq: number): void {
    const text = this.stateText(this.values.get(sid) ?? {});
    this.states.set(`${sid}/${epoch}/${seq}`, text);
    this.last.set(sid, { epoch, seq, text });
  }

  private takeTrades(epoch: number, { sid, trades }: TapeSymbol): void {
    const all = this.trades.get(sid) ?? [];
    this.trades.set(sid, all);
    for (const trade of trades) {
      all.push({ ...trade, epoch });
      this.tradesBySeq.set(`${sid}/${epoch}/${trade.seq}`, trade);
    }
  }

  /** Values in one form, unknown ones left out. */
  stateText(values: Values): string {
    const known = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
    return known
      .map(([field, value]) => `${field}=${value}`)
      .sort()
      .join(' ');
  }

  state(sid: number, epoch: number, seq: number): string | undefined {
    return this.states.get(`${sid}/${epoch}/${seq}`);
  }

  lastState(sid: number): State | undefined {
    return this.last.get(sid);
  }

  tradesOf(sid: number): readonly (TapeTrade & { readonly epoch: number })[] {
    return this.trades.get(sid) ?? [];
  }

  trade(sid: number, epoch: number, seq: number): TapeTrade | undefined {
    return this.tradesBySeq.get(`${sid}/${epoch}/${seq}`);
  }
}

export function checkTape(history: History, tape: TapeIndex, report: Report): void {
  checkTrades(history, tape, report);
  checkNumbers(tape, report);
}

function checkTrades({ sent, symbols }: History, tape: TapeIndex, report: Report): void {
  const sentById = new Map(sent.map((trade) => [trade.id, trade]));
  const places = new Map<string, number>();
  for (const [sid, { symbol }] of symbols) {
    const orders = new Map<string, { order: number; id: string }>();
    for (const { id, seq, epoch } of tape.tradesOf(sid)) {
      const trade = sentById.get(id ?? '');
      if (trade === undefined || trade.symbol !== symbol) {
        report('foreign', `${symbol} ${epoch}/${seq}: ${id}`);
        continue;
      }
      const times = (places.get(trade.id) ?? 0) + 1;
      places.set(trade.id, times);
      if (times > 1) {
        report('doubled', `${symbol} ${epoch}/${seq}: ${id}, ${times} times`);
        continue;
      }
      const before = orders.get(trade.source);
      if (before !== undefined && trade.order < before.order && !trade.late)
        report('reordered', `${symbol} ${epoch}/${seq}: ${id} of ${trade.source} after ${before.id}`);
      if (before === undefined || trade.order > before.order)
        orders.set(trade.source, { order: trade.order, id: trade.id });
    }
  }
  for (const { id, symbol, source, acknowledged } of sent)
    if (acknowledged && !places.has(id)) report('lost', `${symbol}: ${id} of ${source}`);
}

function checkNumbers(tape: TapeIndex, report: Report): void {
  const numbers = new Map<number, { epoch: number; number: number }>();
  const seqs = new Map<number, { epoch: number; seq: number; tradeSeq: number | null }>();
  for (const { partition, epoch, number, symbols } of tape.batches) {
    const before = numbers.get(partition);
    const here = `partition ${partition}: ${epoch}-${number}`;
    if (before !== undefined && epoch < before.epoch)
      report('epoch_backwards', `${here} after ${before.epoch}-${before.number}`);
    const expected = epoch === before?.epoch ? before.number + 1 : 1;
    if (before !== undefined && number !== expected) report('tape_hole', `${here}, expected ${expected}`);
    numbers.set(partition, { epoch, number });
    for (const symbol of symbols) checkSeqs(seqs, epoch, symbol, here, report);
  }
}

function checkSeqs(
  seqs: Map<number, { epoch: number; seq: number; tradeSeq: number | null }>,
  epoch: number,
  { sid, seq, values, trades }: TapeSymbol,
  here: string,
  report: Report,
): void {
  const before = seqs.get(sid);
  const goesOn = before !== undefined && before.epoch === epoch;
  const step = Object.keys(values).length > 0 ? 1 : 0;
  if (goesOn && seq !== before.seq + step)
    report('tape_hole', `${here}: ticker seq ${seq} of sid ${sid} after ${before.seq}`);
  let tradeSeq = goesOn ? before.tradeSeq : null;
  for (const trade of trades) {
    if (tradeSeq !== null && trade.seq !== tradeSeq + 1)
      report('tape_hole', `${here}: trade seq ${trade.seq} of sid ${sid} after ${tradeSeq}`);
    tradeSeq = trade.seq;
  }
  seqs.set(sid, { epoch, seq, tradeSeq });
}

export function checkSightings({ published, stored, sightings }: History, report: Report): void {
  const first = new Map<string, { hash: string; where: string }>();
  const look = (name: string, hash: string, where: string) => {
    const known = first.get(name);
    if (known === undefined) first.set(name, { hash, where });
    else if (known.hash !== hash) report('two_meanings', `${name}: ${known.where} and ${where} differ`);
  };
  const nameOf = (batch: { partition: number; epoch: number; number: number }) =>
    `partition ${batch.partition} ${batch.epoch}-${batch.number}`;
  for (const batch of published) look(nameOf(batch), batch.hash, 'the published batch');
  for (const batch of stored ?? []) look(nameOf(batch), batch.hash, 'the tape at the end');
  for (const sighting of sightings) look(nameOf(sighting), sighting.hash, sighting.where);
}

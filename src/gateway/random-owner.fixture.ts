/** An owner that publishes at random, loses its newest batches now and then, and remembers every state there ever was. */
import { IMAGE_FIELD_COUNT } from '#market-data';

export const TAPE_BATCHES = 25;
const FIELDS = [0, 2, 4, 6] as const;

export interface State {
  epoch: number;
  seq: number;
  timeUs: number;
  values: Float64Array;
}

export interface Trade {
  seq: number;
  price: number;
}

export interface Change {
  sid: number;
  mask: number;
  state: State;
  trades: Trade[];
}

export interface Batch {
  epoch: number;
  number: number;
  changes: Change[];
}

export interface Snapshot {
  epoch: number;
  number: number;
  states: Map<number, State>;
  tradeSeqs: Map<number, number>;
}

export class RandomOwner {
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

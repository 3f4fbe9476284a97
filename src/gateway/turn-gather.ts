/**
 * Says when the turn of the owners has come in whole: every partition that took part in one of the last turns has
 * brought a batch. Then a flush need not wait to see whether more is on its way.
 */

/** A partition that was missing in so many turns is not waited for. */
const TURNS_REMEMBERED = 4;

export class TurnGather {
  /** Gathers that had a batch. */
  private turn = 1;
  /** Turn in which a partition last brought a batch; -Infinity = never. */
  private readonly heardIn: Float64Array;
  /** Partitions that are expected in this turn and have brought nothing yet. */
  private missing = 0;
  private batches = 0;

  constructor(partitions: number) {
    this.heardIn = new Float64Array(partitions).fill(Number.NEGATIVE_INFINITY);
  }

  /** Whether a batch has come since the last flush began. */
  get hasBegun(): boolean {
    return this.batches > 0;
  }

  /** Whether every partition that is expected has come. */
  get isWhole(): boolean {
    return this.hasBegun && this.missing === 0;
  }

  /** A batch of a partition was applied. */
  arrived(partition: number): void {
    this.batches++;
    const heardIn = this.heardIn[partition]!;
    this.heardIn[partition] = this.turn;
    if (heardIn !== this.turn && this.isExpected(heardIn)) this.missing--;
  }

  /** A flush begins, which shows all that has come: the next turn is gathered. */
  next(): void {
    if (this.batches === 0) return;
    this.batches = 0;
    this.turn++;
    this.missing = 0;
    for (const heardIn of this.heardIn) if (this.isExpected(heardIn)) this.missing++;
  }

  private isExpected(heardIn: number): boolean {
    return this.turn - heardIn <= TURNS_REMEMBERED;
  }
}

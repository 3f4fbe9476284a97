/** First in, first out, in constant time: an array's own shift moves all that is behind, and tails hold 100,000s. */
const DEAD_MIN = 1_024;

export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get first(): T | undefined {
    return this.items[this.head];
  }

  get length(): number {
    return this.items.length - this.head;
  }

  /** @param index 0 is the first */
  at(index: number): T | undefined {
    return this.items[this.head + index];
  }

  push(item: T): void {
    this.items.push(item);
  }

  shift(): T | undefined {
    const item = this.items[this.head];
    if (this.head === this.items.length) return undefined;
    this.items[this.head] = undefined;
    this.head++;
    if (this.head >= DEAD_MIN && this.head * 2 >= this.items.length) this.compact();
    return item;
  }

  private compact(): void {
    this.items = this.items.slice(this.head);
    this.head = 0;
  }

  /** In order. */
  all(): readonly T[] {
    const all: T[] = [];
    for (let i = this.head; i < this.items.length; i++) all.push(this.items[i] as T);
    return all;
  }
}

/** What bench files register their cases with; one.mjs runs them, in a process of its own for each file. */
export interface Case<T> {
  /** What one call of `run` handles: figures are per item. */
  readonly items: number;
  /** Makes ready what `run` uses up, before each call of it. It is not timed. */
  readonly before?: () => void | Promise<void>;
  /** What is timed. */
  readonly run: () => T;
  /** Is shown the result of a first call, before anything is timed. @throws when that did not do its work */
  readonly verify: (result: T) => void | Promise<void>;
}

export interface RegisteredCase {
  readonly name: string;
  readonly items: number;
  readonly before: () => void | Promise<void>;
  readonly run: () => unknown;
  /** Runs it once and verifies that. */
  readonly check: () => Promise<void>;
}

/** Those of this process, in their order. */
export const cases: RegisteredCase[] = [];

/** @param name unique in its file, and what an item is: `update of one side` */
export function measure<T>(name: string, { items, before = () => undefined, run, verify }: Case<T>): void {
  const check = async () => {
    await before();
    await verify(run());
  };
  cases.push({ name, items, before, run, check });
}

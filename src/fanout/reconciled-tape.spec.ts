import { LiveLog } from './live-log.js';
import { VirtualTime } from './live-time.fixture.js';
import { ReconciledTape } from './reconciled-tape.js';
import { quietLog } from './store-forms.fixture.js';
import { StoreUnavailable } from './store-unavailable.js';
import type { PartitionState, Tape, TapeEntry, TapeListener } from './tape.js';

const ENTRY: TapeEntry = { epoch: 5, number: 2, bytes: new Uint8Array([1]) };

/** A tape whose connection the spec breaks and mends, and whose reads it can hold up. */
class BreakableTape implements Tape {
  listener: TapeListener | undefined;
  ended = false;
  private held: (() => void)[] | null = null;

  hold(): void {
    this.held = [];
  }
  answer(): void {
    for (const go of this.held ?? []) go();
    this.held = null;
  }
  private async read<T>(answer: T): Promise<T> {
    if (this.held !== null) await new Promise<void>((resolve) => this.held?.push(resolve));
    return answer;
  }

  load(): Promise<PartitionState> {
    return this.read({ epoch: 5, number: 2, checkpoint: null, entries: [] });
  }
  readAfter(): Promise<readonly TapeEntry[]> {
    return this.read([ENTRY]);
  }
  readBefore(): Promise<readonly TapeEntry[]> {
    return this.read([ENTRY]);
  }
  async follow(listener: TapeListener): Promise<() => Promise<void>> {
    this.listener = listener;
    listener.up();
    return async () => {
      this.ended = true;
    };
  }
  async ping(): Promise<void> {
    await this.read(undefined);
  }
}

async function world() {
  const time = new VirtualTime();
  const tape = new BreakableTape();
  const told: string[] = [];
  const outcomes: (() => Promise<void>)[] = [];
  const registry = {
    reconcile: async () => {
      told.push('reconcile');
      await outcomes.shift()?.();
    },
  };
  const reconciled = new ReconciledTape(tape, registry, 1_000, time, time, new LiveLog(quietLog, time));
  const unfollow = await reconciled.follow({
    message: (partition) => told.push(`message ${partition}`),
    up: () => told.push('up'),
    down: () => told.push('down'),
  });
  const fail = () => Promise.reject(new StoreUnavailable('not yet'));
  return { time, tape, told, outcomes, reconciled, unfollow, fail };
}

describe('ReconciledTape', () => {
  it('hands everything through while the connection stands', async () => {
    const { tape, told, reconciled } = await world();
    tape.listener!.message(3, ENTRY.bytes);
    expect(told).toEqual(['up', 'message 3']);
    expect(await reconciled.readAfter(0, 5, 1, 10)).toEqual([ENTRY]);
    expect(await reconciled.readBefore(0, 5, 3, 10)).toEqual([ENTRY]);
    expect(await reconciled.load(0)).toMatchObject({ number: 2 });
    await reconciled.ping();
  });

  it('shows nothing after a loss before the registry has caught up', async () => {
    const { time, tape, told, outcomes, reconciled, fail } = await world();
    tape.listener!.down();
    await expect(reconciled.readAfter(0, 5, 1, 10)).rejects.toThrow(StoreUnavailable);
    outcomes.push(fail, fail);
    tape.listener!.up();
    tape.listener!.message(3, ENTRY.bytes);
    await expect(reconciled.load(0)).rejects.toThrow(StoreUnavailable);
    await expect(reconciled.readBefore(0, 5, 3, 10)).rejects.toThrow(StoreUnavailable);
    await time.advance(49);
    expect(told).toEqual(['up', 'down', 'reconcile']);
    await time.advance(60);
    expect(told).toEqual(['up', 'down', 'reconcile', 'reconcile', 'reconcile', 'up']);
    tape.listener!.message(3, ENTRY.bytes);
    expect(told.at(-1)).toBe('message 3');
    expect(await reconciled.readAfter(0, 5, 1, 10)).toEqual([ENTRY]);
  });

  it('shows nothing after a silence of all partitions before the registry has caught up', async () => {
    const { time, tape, told, outcomes, reconciled, fail } = await world();
    await time.advance(900);
    tape.listener!.message(3, ENTRY.bytes);
    await time.advance(1_000);
    tape.listener!.message(4, ENTRY.bytes);
    expect(told).toEqual(['up', 'message 3', 'message 4']);
    await time.advance(1_001);
    outcomes.push(fail);
    tape.listener!.message(3, ENTRY.bytes);
    tape.listener!.message(4, ENTRY.bytes);
    await expect(reconciled.load(0)).rejects.toThrow(StoreUnavailable);
    expect(told.slice(3)).toEqual(['reconcile']);
    await time.advance(60);
    expect(told.slice(4)).toEqual(['reconcile', 'up']);
    tape.listener!.message(3, ENTRY.bytes);
    expect(told.at(-1)).toBe('message 3');
  });

  it('reconciles once where a silence ends in a loss', async () => {
    const { time, tape, told } = await world();
    await time.advance(5_000);
    tape.listener!.down();
    tape.listener!.up();
    await time.advance(1);
    tape.listener!.message(3, ENTRY.bytes);
    expect(told).toEqual(['up', 'down', 'reconcile', 'up', 'message 3']);
  });

  it('opens nothing by a reconciliation that began before the last loss', async () => {
    const { time, tape, told, outcomes, reconciled } = await world();
    let go: () => void = () => undefined;
    outcomes.push(() => new Promise<void>((resolve) => (go = resolve)));
    tape.listener!.down();
    tape.listener!.up();
    await time.advance(1);
    tape.listener!.down();
    go();
    await time.advance(1);
    expect(told).toEqual(['up', 'down', 'reconcile', 'down']);
    await expect(reconciled.load(0)).rejects.toThrow(StoreUnavailable);
    tape.listener!.up();
    await time.advance(1);
    expect(told.slice(-2)).toEqual(['reconcile', 'up']);
  });

  it('does not show what was read before a loss and answered after it', async () => {
    const { tape, reconciled } = await world();
    tape.hold();
    const read = reconciled.readAfter(0, 5, 1, 10);
    tape.listener!.down();
    tape.answer();
    await expect(read).rejects.toThrow(StoreUnavailable);
  });

  it('asks no more once nobody follows', async () => {
    const { time, tape, told, outcomes, unfollow, fail } = await world();
    outcomes.push(fail, fail, fail);
    tape.listener!.down();
    tape.listener!.up();
    await time.advance(10);
    await unfollow();
    await time.advance(1_000);
    expect([tape.ended, told]).toEqual([true, ['up', 'down', 'reconcile']]);
  });
});

import { LiveSymbolRegistry } from '../../../symbols/live-symbol-registry.js';
import { MemorySymbolStore } from '../../../symbols/memory-symbol-store.js';
import { note } from '../../../symbols/symbol-store.fixture.js';
import { definition, NOW_US, silentLog } from '../../feed.fixture.js';
import { DrivenTime, JournalDoor, startTestRegistry } from '../adapters.fixture.js';
import { SimulatedAdapter, type SimulatedConfig, STEP_MS_MAX } from './adapter.js';

const CONFIG: SimulatedConfig = {
  simulatorSeed: 1,
  simulatorRate: 200,
  simulatorBars: null,
  simulatorDaySeconds: 60,
};

function simulatedOn(
  door: JournalDoor,
  registry: LiveSymbolRegistry,
  time: DrivenTime,
  given: Partial<SimulatedConfig> = {},
): SimulatedAdapter {
  const config = { ...CONFIG, ...given };
  return new SimulatedAdapter({
    config,
    door,
    registry,
    clock: time,
    pauses: time,
    random: () => 0.5,
    log: silentLog,
  });
}

describe('SimulatedAdapter', () => {
  let registry: LiveSymbolRegistry;
  let time: DrivenTime;
  let door: JournalDoor;
  let adapter: SimulatedAdapter;

  const start = async (given: Partial<SimulatedConfig> = {}) => {
    adapter = simulatedOn(door, registry, time, given);
    await adapter.start();
  };

  beforeEach(async () => {
    registry = await startTestRegistry();
    time = new DrivenTime();
    door = new JournalDoor(registry, time);
  });
  afterEach(async () => {
    await adapter.stop();
    await registry.stop();
  });

  it('brings all symbols of its groups under the name simulated, and nothing is rejected', async () => {
    await start();
    await time.run(10_000);
    const symbols = new Set(door.sent.map(({ symbol }) => symbol));
    expect([...symbols].sort()).toEqual(['AAPL', 'BTC-USD', 'CVX', 'MSFT', 'SHIB-USD', 'SPY', 'XOM']);
    expect(door.offered.every(({ batch }) => batch.source === 'simulated')).toBe(true);
    expect(door.offered.map(({ batch }) => batch.sequence)).toEqual(door.offered.map((_, i) => i + 1));
    expect(adapter.counts()['rejected']).toBe(0);
    expect(adapter.counts()['accepted']).toBe(door.stored.length);
    expect(door.stored.length).toBeGreaterThan(1_000);
  });

  it('sends at most one batch per 20 ms, stamped at or before now', async () => {
    await start();
    await time.run(2_000);
    for (const [i, { batch, atMs }] of door.offered.entries()) {
      expect(atMs - (door.offered[i - 1]?.atMs ?? -Infinity)).toBeGreaterThanOrEqual(20);
      for (const tick of batch.ticks as { exchangeTimeUs: number }[]) {
        expect(tick.exchangeTimeUs).toBeLessThanOrEqual(NOW_US + atMs * 1000);
        expect(tick.exchangeTimeUs).toBeGreaterThan(NOW_US + (atMs - 60) * 1000);
      }
    }
  });

  it('skips time that the process lost, instead of a burst, and counts it', async () => {
    await start();
    await time.run(5_000);
    time.lose(60_000);
    const before = door.offered.length;
    await time.run(25);
    const burst = door.offered.slice(before).flatMap(({ batch }) => batch.ticks).length;
    expect(burst).toBeLessThan((200 * STEP_MS_MAX * 5) / 1_000);
    const skippedMs = adapter.counts()['skipped_ms']!;
    expect(skippedMs).toBeGreaterThanOrEqual(60_000 - STEP_MS_MAX);
    expect(skippedMs).toBeLessThan(60_100);
  });

  it('offers a busy batch again, unchanged, and nothing later before it', async () => {
    door.refusals.push(undefined, 'log_full', 'queue_full');
    await start();
    await time.run(3_000);
    const sequences = door.offered.map(({ batch, outcome }) => `${batch.sequence} ${outcome}`);
    expect(sequences.slice(0, 5)).toEqual(['1 stored', '2 busy', '2 busy', '2 stored', '3 stored']);
    expect(door.offered[3]!.batch).toBe(door.offered[1]!.batch);
    expect(adapter.counts()['busy']).toBe(2);
  });

  it('stops with a batch at the door, and brings nothing after', async () => {
    await start();
    await time.run(1_000);
    await adapter.stop();
    const { length } = door.offered;
    await new Promise(setImmediate);
    expect(door.offered).toHaveLength(length);
  });
});

describe('SimulatedAdapter and the registry', () => {
  it('is silent on symbols that are switched off or halted, and takes up what is listed later', async () => {
    const time = new DrivenTime();
    const store = new MemorySymbolStore();
    const seed = [
      definition('AAPL'),
      definition('GONE', { enabled: false }),
      definition('HALT', { tradingStatus: 'halted' }),
    ];
    const options = { partitions: 4, reconcileMs: 60_000, symbolsMax: 10, seed };
    const registry = new LiveSymbolRegistry(store, options, time, silentLog);
    await registry.start();
    const door = new JournalDoor(registry, time);
    const adapter = simulatedOn(door, registry, time);
    const symbolsOf = async () => {
      const before = door.sent.length;
      await time.run(5_000);
      return [...new Set(door.sent.slice(before).map(({ symbol }) => symbol))].sort();
    };
    await adapter.start();
    expect(await symbolsOf()).toEqual(['AAPL']);

    await store.change('AAPL', { enabled: false }, null, note());
    await store.change('GONE', { enabled: true }, null, note());
    await store.change('HALT', { tradingStatus: 'open' }, null, note());
    await store.create([definition('LATE'), definition('FX', { group: 'fx' })], 10, note());
    await registry.reconcile();
    expect(await symbolsOf()).toEqual(['GONE', 'HALT', 'LATE']);
    expect(adapter.counts()['rejected']).toBe(0);

    await adapter.stop();
    await registry.stop();
  });
});

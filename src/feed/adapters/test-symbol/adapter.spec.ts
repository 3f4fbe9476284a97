import { scaleDecimal } from '#market-data';
import type { LiveSymbolRegistry } from '../../../symbols/live-symbol-registry.js';
import { definition, NOW_US, silentLog, startRegistry, trade } from '../../feed.fixture.js';
import { DrivenTime, JournalDoor, startTestRegistry } from '../adapters.fixture.js';
import { OTHER_FEED_MS, TestSymbolAdapter } from './adapter.js';
import { testTicks } from './ticks.js';

describe('TestSymbolAdapter', () => {
  let time: DrivenTime;
  let door: JournalDoor;
  let registry: LiveSymbolRegistry;
  let adapter: TestSymbolAdapter;

  const start = async (given?: LiveSymbolRegistry) => {
    registry = given ?? (await startTestRegistry());
    time = new DrivenTime();
    door = new JournalDoor(registry, time);
    const { onStored } = door;
    adapter = new TestSymbolAdapter({
      door,
      onStored,
      registry,
      clock: time,
      pauses: time,
      random: () => 0.5,
      log: silentLog,
    });
    await adapter.start();
  };
  afterEach(async () => {
    await adapter.stop();
    await registry.stop();
  });

  it('brings a quote and a trade of TEST at once, and then every second', async () => {
    await start();
    await time.run(10_500);
    expect(door.sent.map(({ type }) => type)).toEqual(Array(11).fill(['quote', 'trade']).flat());
    expect(door.offered.map(({ atMs }) => atMs)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((s) => s * 1000),
    );
    expect(door.offered[3]!.batch).toMatchObject({ source: 'test-symbol', sequence: 4 });
    expect(door.sent[6]).toMatchObject({ symbol: 'TEST', exchangeTimeUs: NOW_US + 3_000_000 });
    expect(adapter.counts()).toEqual({ accepted: 22, rejected: 0, busy: 0 });
  });

  it('goes on while other symbols tick, and is silent while another feed brings TEST', async () => {
    await start();
    const push = (sequence: number, symbol: string) =>
      door.accept({ source: 'desk', session: 's1', sequence, ticks: [trade({ symbol })] });
    const ownTrades = () => door.sent.filter(({ tradeId }) => typeof tradeId === 'string').length;
    await time.run(1_500);
    await push(1, 'AAPL');
    await time.run(1_000);
    expect(ownTrades()).toBe(3);
    await push(2, 'TEST');
    await time.run(OTHER_FEED_MS - 1_000);
    expect(ownTrades()).toBe(3);
    await time.run(2_000);
    expect(ownTrades()).toBeGreaterThan(3);
  });

  it('is silent when the registry has no TEST, or has it switched off', async () => {
    await start(await startRegistry([definition('TEST', { enabled: false })]));
    await time.run(3_000);
    await adapter.stop();
    expect(door.offered).toEqual([]);
    await registry.stop();
    await start(await startRegistry([definition('AAPL')]));
    await time.run(3_000);
    expect(door.offered).toEqual([]);
  });
});

describe('testTicks', () => {
  it.each([0, 2, 4])('goes up and down between 99.50 and 100.50, on the grid of scale %s', (priceScale) => {
    const prices = Array.from({ length: 401 }, (_, second) => {
      const [quote, trade] = testTicks(second, { symbol: 'TEST', priceScale }, NOW_US) as Record<
        string,
        number
      >[];
      for (const price of [quote!['bidPrice'], quote!['askPrice'], trade!['price']]) {
        expect(typeof scaleDecimal(price, priceScale)).toBe('number');
      }
      expect(quote!['bidPrice']).toBeLessThan(quote!['askPrice']!);
      return trade!['price']!;
    });
    expect(prices[400]).toBe(prices[0]);
    if (priceScale >= 2) {
      expect([Math.min(...prices), Math.max(...prices)]).toEqual([99.5, 100.5]);
      for (let s = 1; s < 400; s++) expect(Math.abs(prices[s]! - prices[s - 1]!)).toBeCloseTo(0.01, 6);
    }
  });
});

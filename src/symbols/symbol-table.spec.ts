import fc from 'fast-check';
import { type Instrument, partitionOf } from '#market-data';
import { definition } from './symbol-store.fixture.js';
import { SymbolTable } from './symbol-table.js';

const AAPL: Instrument = { ...definition(), sid: 2, version: 5 };

describe('symbol table', () => {
  it.each([
    ['a newer state', { version: 6, enabled: false }, 'changed', { version: 6, enabled: false }],
    ['the same state', {}, 'same', {}],
    ['the same state, numbered anew', { version: 9 }, 'same', { version: 9 }],
    [
      'another state of the same version, which the store decides',
      { enabled: false },
      'changed',
      { enabled: false },
    ],
    ['an older state', { version: 4, enabled: false }, 'older', { version: 5, enabled: true }],
    ['another sid', { sid: 3, version: 9 }, 'conflict', { version: 5 }],
    ['another price scale', { priceScale: 2, version: 9 }, 'conflict', { version: 5 }],
    ['another size scale', { sizeScale: 2, version: 9 }, 'conflict', { version: 5 }],
    ['another volume scale', { volumeScale: 2, version: 9 }, 'conflict', { version: 5 }],
  ] as const)('takes %s', (_name, change, applied, kept) => {
    const table = new SymbolTable(16);
    expect(table.apply(AAPL)).toBe('new');
    expect(table.apply({ ...AAPL, ...change })).toBe(applied);
    expect(table.bySymbol('AAPL')).toEqual({ ...AAPL, ...kept });
    expect(table.bySid(2)).toBe(table.bySymbol('AAPL'));
    expect([table.size, table.sidMax, table.bySid(3)]).toEqual([1, 2, undefined]);
  });

  it('refuses another symbol under a known sid', () => {
    const table = new SymbolTable(16);
    table.apply(AAPL);
    expect(table.apply({ ...AAPL, symbol: 'MSFT', version: 9 })).toBe('conflict');
    expect([table.bySymbol('MSFT'), table.bySid(2)]).toEqual([undefined, AAPL]);
  });

  it('never changes a binding, keeps the highest version, and lists by sid, whatever is applied in whatever order', () => {
    const states = fc.array(
      fc.record({
        symbol: fc.constantFrom('A', 'B', 'C', 'D'),
        sid: fc.integer({ min: 1, max: 5 }),
        version: fc.integer({ min: 1, max: 9 }),
        priceScale: fc.constantFrom(2, 4),
        enabled: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(states, (applied) => {
        const table = new SymbolTable(16);
        const bindings = new Map<string, string>();
        const versions = new Map<string, number>();
        for (const state of applied) {
          const outcome = table.apply({ ...definition(), ...state });
          const { symbol, sid, priceScale, version } = state;
          if (outcome === 'new') bindings.set(symbol, `${sid}/${priceScale}`);
          expect(outcome === 'conflict').toBe(bindings.get(symbol) !== `${sid}/${priceScale}`);
          if (outcome !== 'conflict') versions.set(symbol, Math.max(versions.get(symbol) ?? 0, version));
        }
        const all = [...table.all()];
        expect(all.map(({ sid }) => sid)).toEqual(all.map(({ sid }) => sid).sort((a, b) => a - b));
        expect(all.length).toBe(table.size);
        for (const instrument of all) {
          expect(table.bySid(instrument.sid)).toBe(table.bySymbol(instrument.symbol));
          expect(table.partition(instrument.sid)).toBe(partitionOf(instrument.symbol, 16));
          expect(instrument.version).toBe(versions.get(instrument.symbol));
        }
      }),
    );
  });
});

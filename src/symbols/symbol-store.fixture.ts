/** What every form of the stored registry promises; both forms run these. */
import type { Instrument } from '#market-data';
import type { InstrumentDefinition } from './instrument-rules.js';
import {
  type ChangeNote,
  type CreateAnswer,
  STORE_CALL_INSTRUMENTS_MAX,
  type SymbolStore,
} from './symbol-store.js';

export function definition(given: Partial<InstrumentDefinition> = {}): InstrumentDefinition {
  return {
    symbol: 'AAPL',
    name: 'Apple Inc.',
    exchange: 'XNAS',
    group: 'us-equity',
    priceScale: 4,
    sizeScale: 0,
    volumeScale: 0,
    enabled: true,
    tradingStatus: 'open',
    coalesceIntervalMs: null,
    ...given,
  };
}

export function note(given: Partial<ChangeNote> = {}): ChangeNote {
  return {
    action: 'create',
    actor: 'operator:0a1b2c3d',
    reason: 'Listed today',
    requestId: 'req-1',
    ip: '192.0.2.7',
    timeUs: 1_700_000_000_000_000,
    ...given,
  };
}

/** As it is once created. */
export function created(sid: number, version: number, given: Partial<InstrumentDefinition> = {}): Instrument {
  return { ...definition(given), statusReason: null, sid, version };
}

export const MANY = 1_000_000;

export function instrumentsOf(answers: readonly CreateAnswer[]): readonly Instrument[] {
  return answers.map((answer) => {
    if (answer.outcome === 'registry_full') throw new Error('Expected an instrument, was registry_full');
    return answer.instrument;
  });
}

/** @param open another handle on the same stored registry; `empty` begins with a new one */
export function describeSymbolStore(
  form: string,
  hooks: { empty(): Promise<void>; open(): SymbolStore },
): void {
  describe(`${form} symbol store`, () => {
    let store: SymbolStore;
    beforeEach(async () => {
      await hooks.empty();
      store = hooks.open();
    });
    const createOne = async (given: Partial<InstrumentDefinition> = {}) =>
      instrumentsOf(await store.create([definition(given)], MANY, note()))[0]!;

    it('is empty at first', async () => {
      expect(await store.changesAfter(0, 10)).toEqual({
        origin: '',
        version: 0,
        size: 0,
        seeded: false,
        through: 0,
        instruments: [],
        malformed: [],
      });
      expect(await store.auditAfter(null, 10)).toEqual([]);
    });

    it('gives the next sid and version to each new instrument, and keeps those that exist', async () => {
      const first = await createOne();
      expect(first).toEqual(created(1, 1));
      const answers = await store.create(
        [definition({ symbol: 'MSFT' }), definition({ name: 'Another' }), definition({ symbol: 'BRK.B' })],
        MANY,
        note(),
      );
      expect(answers).toEqual([
        { outcome: 'created', instrument: created(2, 2, { symbol: 'MSFT' }) },
        { outcome: 'exists', instrument: first },
        { outcome: 'created', instrument: created(3, 3, { symbol: 'BRK.B' }) },
      ]);
    });

    it('keeps names in any script, quotes, slashes and nulls as they are', async () => {
      const odd = definition({
        symbol: 'BTC/USD',
        name: 'Bitcoin / "US" Dollar · ビットコイン \\ ₿',
        coalesceIntervalMs: 250,
      });
      await store.create([odd], MANY, note());
      await store.change('BTC/USD', { coalesceIntervalMs: null }, null, note({ action: 'patch' }));
      const [instrument] = (await store.changesAfter(0, 10)).instruments;
      expect(instrument).toEqual(created(1, 2, { ...odd, coalesceIntervalMs: null }));
    });

    it('refuses to grow beyond its limit', async () => {
      await createOne();
      const answers = await store.create(
        [definition({ symbol: 'MSFT' }), definition({ symbol: 'IBM' })],
        2,
        note(),
      );
      expect(answers.map((answer) => answer.outcome)).toEqual(['created', 'registry_full']);
      expect((await store.changesAfter(0, 10)).size).toBe(2);
    });

    it('gives one sid per symbol when two create the same at once', async () => {
      const other = hooks.open();
      const symbols = Array.from({ length: 40 }, (_, i) => definition({ symbol: `S${i}` }));
      const [a, b] = await Promise.all([
        store.create(symbols, MANY, note()),
        other.create([...symbols].reverse(), MANY, note()),
      ]);
      const sids = new Map(instrumentsOf(a).map((instrument) => [instrument.symbol, instrument.sid]));
      for (const instrument of instrumentsOf(b)) expect(sids.get(instrument.symbol)).toBe(instrument.sid);
      expect([...sids.values()].sort((x, y) => x - y)).toEqual(symbols.map((_, i) => i + 1));
    });

    it('changes what the patch says, once, at the next version', async () => {
      const before = await createOne();
      const answer = await store.change(
        'AAPL',
        { enabled: false },
        before.version,
        note({ action: 'disable' }),
      );
      const off = { ...before, enabled: false, statusReason: 'Listed today', version: 2 };
      expect(answer).toEqual({ outcome: 'changed', instrument: off });
    });

    it('answers unchanged, at the same version, when nothing differs', async () => {
      const before = await createOne();
      const patch = { enabled: true, name: before.name, coalesceIntervalMs: null };
      expect(await store.change('AAPL', patch, null, note({ action: 'enable' }))).toEqual({
        outcome: 'unchanged',
        instrument: before,
      });
      expect((await store.changesAfter(0, 10)).version).toBe(1);
    });

    it('keeps the reason of the last change of status, and of nothing else', async () => {
      const before = await createOne();
      await store.change('AAPL', { enabled: false, name: 'A' }, null, note({ reason: 'Bad prints' }));
      const answer = await store.change(
        'AAPL',
        { enabled: false, name: 'B' },
        null,
        note({ reason: 'Typo' }),
      );
      const off = { ...before, enabled: false, name: 'B', statusReason: 'Bad prints', version: 3 };
      expect(answer).toEqual({ outcome: 'changed', instrument: off });
    });

    it('refuses a change that was decided on another version, and one of an unknown symbol', async () => {
      const before = await createOne();
      const patch = { tradingStatus: 'halted' } as const;
      expect(await store.change('AAPL', patch, 7, note())).toEqual({
        outcome: 'version_mismatch',
        instrument: before,
      });
      expect(await store.change('NOPE', patch, null, note())).toEqual({ outcome: 'unknown_symbol' });
      expect((await store.auditAfter(null, 10)).length).toBe(1);
    });

    it('lets one of two changes with the same expected version through', async () => {
      await createOne();
      const other = hooks.open();
      const answers = await Promise.all([
        store.change('AAPL', { name: 'A' }, 1, note()),
        other.change('AAPL', { name: 'B' }, 1, note()),
      ]);
      expect(answers.map((answer) => answer.outcome).sort()).toEqual(['changed', 'version_mismatch']);
    });

    it('reads back what changed after a version, in pages, in the order of versions', async () => {
      await store.create(
        ['A', 'B', 'C', 'D'].map((symbol) => definition({ symbol })),
        MANY,
        note(),
      );
      await store.change('B', { enabled: false }, null, note());
      await store.change('A', { enabled: false }, null, note());
      const read = async (version: number, count: number) => {
        const page = await store.changesAfter(version, count);
        return {
          through: page.through,
          found: page.instruments.map(({ symbol, version: at }) => `${symbol}${at}`),
        };
      };
      expect(await read(0, 10)).toEqual({ through: 6, found: ['C3', 'D4', 'B5', 'A6'] });
      expect(await read(0, 3)).toEqual({ through: 5, found: ['C3', 'D4', 'B5'] });
      expect(await read(5, 3)).toEqual({ through: 6, found: ['A6'] });
      expect(await read(4, 2)).toEqual({ through: 6, found: ['B5', 'A6'] });
      expect(await read(6, 3)).toEqual({ through: 6, found: [] });
      expect(await read(99, 3)).toEqual({ through: 6, found: [] });
    });

    it('says another origin only when it was begun anew', async () => {
      await createOne();
      const { origin } = await store.changesAfter(0, 1);
      await store.change('AAPL', { enabled: false }, null, note());
      expect((await hooks.open().changesAfter(1, 1)).origin).toBe(origin);
      await hooks.empty();
      store = hooks.open();
      await createOne();
      expect((await store.changesAfter(0, 1)).origin).not.toBe(origin);
    });

    it('keeps who, why, when, before and after of every change', async () => {
      const made = await createOne();
      const halt = note({ action: 'halt', reason: 'News pending — "LULD"', requestId: null, ip: null });
      const answer = await store.change('AAPL', { tradingStatus: 'halted' }, null, halt);
      const again = await store.change('AAPL', { tradingStatus: 'halted' }, null, halt);
      const entries = await store.auditAfter(null, 10);
      const after = { ...made, tradingStatus: 'halted', statusReason: halt.reason, version: 2 };
      expect(entries).toEqual([
        { ...note(), id: expect.any(String), version: 1, symbols: ['AAPL'], before: null, after: made },
        { ...halt, id: expect.any(String), version: 2, symbols: ['AAPL'], before: made, after },
        { ...halt, id: expect.any(String), version: 2, symbols: ['AAPL'], before: after, after },
      ]);
      expect([answer.outcome, again.outcome]).toEqual(['changed', 'unchanged']);
      expect(await store.auditAfter(entries[0]!.id, 1)).toEqual([entries[1]]);
      expect(await store.auditAfter(entries[2]!.id, 1)).toEqual([]);
    });

    it('seeds once, however many try at once, and never again', async () => {
      const seed = Array.from({ length: STORE_CALL_INSTRUMENTS_MAX * 2 + 7 }, (_, i) =>
        definition({ symbol: `S${i}` }),
      );
      const other = hooks.open();
      const seedNote = note({ action: 'seed' });
      const counts = await Promise.all([store.seed(seed, seedNote), other.seed(seed, seedNote)]);
      expect(counts[0]! + counts[1]!).toBe(seed.length);
      const page = await store.changesAfter(0, seed.length + 1);
      expect(page).toMatchObject({ size: seed.length, version: seed.length, seeded: true });
      expect(page.instruments.map((instrument) => instrument.sid)).toEqual(seed.map((_, i) => i + 1));
      expect(await store.seed([definition({ symbol: 'LATE' })], seedNote)).toBe(0);
      expect((await store.changesAfter(0, 1)).size).toBe(seed.length);
    });

    it('is seeded also by an empty list', async () => {
      expect(await store.seed([], note({ action: 'seed' }))).toBe(0);
      expect(await store.changesAfter(0, 1)).toMatchObject({ size: 0, seeded: true });
    });

    it('takes back what it had lost, with sids and versions, and counts on from the known version', async () => {
      const known: Instrument[] = [created(3, 40, { enabled: false }), created(9, 12, { symbol: 'MSFT' })];
      const restore = note({ action: 'restore' });
      expect(await store.restore(known, 41, restore)).toEqual({ restored: 2, conflicts: [] });
      expect(await store.changesAfter(0, 10)).toMatchObject({
        version: 43,
        size: 2,
        seeded: true,
        instruments: known,
      });
      expect(await createOne({ symbol: 'NEW' })).toMatchObject({ sid: 10, version: 44 });
      expect(await hooks.open().restore(known, 41, restore)).toEqual({ restored: 0, conflicts: [] });
      expect((await store.changesAfter(0, 10)).version).toBe(44);
    });

    it('keeps what is newer than the known, replaces what is older, refuses what contradicts', async () => {
      const [aapl, msft] = instrumentsOf(
        await store.create(
          [definition(), definition({ symbol: 'MSFT' }), definition({ symbol: 'IBM' })],
          MANY,
          note(),
        ),
      ) as [Instrument, Instrument, Instrument];
      await store.change('AAPL', { name: 'Newer' }, null, note());
      const answer = await store.restore(
        [
          { ...aapl, name: 'Older' },
          { ...msft, name: 'Known later', version: 9 },
          created(3, 9, { symbol: 'OTHER' }),
          created(8, 9, { symbol: 'IBM' }),
          created(8, 9, { symbol: 'FREE' }),
          created(3, 9, { symbol: 'IBM', priceScale: 2 }),
        ],
        9,
        note({ action: 'restore' }),
      );
      expect(answer).toEqual({ restored: 2, conflicts: ['OTHER', 'IBM', 'IBM'] });
      const { instruments } = await store.changesAfter(0, 10);
      expect(instruments.map(({ symbol, sid, name }) => `${symbol}/${sid} ${name}`)).toEqual([
        'IBM/3 Apple Inc.',
        'AAPL/1 Newer',
        'MSFT/2 Known later',
        'FREE/8 Apple Inc.',
      ]);
    });

    it('announces every stored change to all who follow, in a later turn, until they stop', async () => {
      const announced: number[] = [];
      let heard = (): void => undefined;
      const versionHeard = (version: number) =>
        new Promise<void>((resolve) => {
          heard = () => {
            if (announced.includes(version)) resolve();
          };
          heard();
        });
      let ups = 0;
      const stop = await hooks.open().follow({
        announced: (version) => {
          announced.push(version);
          heard();
        },
        up: () => void ups++,
      });
      expect(ups).toBe(1);
      await createOne();
      await versionHeard(1);
      await store.change('AAPL', { enabled: true }, null, note());
      await store.change('AAPL', { enabled: false }, null, note());
      await versionHeard(2);
      await store.restore([created(5, 2, { symbol: 'X' })], 5, note({ action: 'restore' }));
      await versionHeard(6);
      expect(announced).toEqual([1, 2, 6]);
      await stop();
      let last = 0;
      await hooks.open().follow({ announced: (version) => void (last = version), up: () => undefined });
      await createOne({ symbol: 'Y' });
      while (last === 0) await new Promise(setImmediate);
      expect(announced).toEqual([1, 2, 6]);
    });
  });
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSymbol } from '#market-data';
import { ConfigError } from '../config.js';
import { readSeed } from './seed.js';
import { definition } from './symbol-store.fixture.js';

describe('built-in seed', () => {
  it('has hundreds of US symbols, dozens of crypto pairs, and TEST', async () => {
    const seed = await readSeed(null, 100_000);
    const count = (group: string) => seed.filter((entry) => entry.group === group).length;
    expect(count('us-equity')).toBeGreaterThanOrEqual(350);
    expect(count('us-etf')).toBeGreaterThanOrEqual(30);
    expect(count('crypto')).toBeGreaterThanOrEqual(30);
    expect(seed.filter((entry) => entry.group === 'test')).toEqual([
      expect.objectContaining({ symbol: 'TEST', priceScale: 2, sizeScale: 0, volumeScale: 0 }),
    ]);
    expect(new Set(seed.map((entry) => entry.symbol)).size).toBe(seed.length);
  });

  it('has legal symbols and scales that fit their market', async () => {
    for (const { symbol, name, exchange, group, priceScale, sizeScale, volumeScale } of await readSeed(
      null,
      100_000,
    )) {
      expect([symbol, isSymbol(symbol), name.trim() === name && name !== '']).toEqual([symbol, true, true]);
      if (group === 'us-equity' || group === 'us-etf') {
        expect([symbol, priceScale, sizeScale, volumeScale]).toEqual([symbol, 4, 0, 0]);
        expect(['XNAS', 'XNYS', 'ARCX', 'BATS']).toContain(exchange);
      }
      if (group === 'crypto') {
        expect(symbol).toMatch(/^[A-Z]+-(USD|BTC|EUR|GBP)$/);
        expect([symbol, sizeScale]).toEqual([symbol, 8]);
        expect(priceScale).toBeGreaterThanOrEqual(2);
        expect(priceScale).toBeLessThanOrEqual(8);
        expect(volumeScale).toBeGreaterThanOrEqual(2);
        expect(volumeScale).toBeLessThanOrEqual(4);
      }
    }
  });
});

describe('seed file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tickcast-seed-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const read = async (content: string, symbolsMax = 100) => {
    const file = join(folder, 'symbols.json');
    await writeFile(file, content);
    return readSeed(file, symbolsMax);
  };

  it('may leave out what is usual', async () => {
    const entry = {
      symbol: 'EURUSD',
      name: 'Euro / US Dollar',
      group: 'fx',
      priceScale: 5,
      sizeScale: 0,
      volumeScale: 0,
    };
    expect(await read(JSON.stringify([entry]))).toEqual([
      { ...entry, exchange: '', enabled: true, tradingStatus: 'open', coalesceIntervalMs: null },
    ]);
  });

  it.each([
    ['[', /Unexpected end of JSON/],
    ['{}', /Expected an array of instruments, was object/],
    ['null', /was null/],
    [JSON.stringify([definition(), definition({ symbol: 'aapl' })]), /entry 2 \(aapl\): symbol: /],
    [JSON.stringify([definition(), definition()]), /entry 2 \(AAPL\): the same symbol as entry 1/],
    [JSON.stringify([{ ...definition(), scale: 2 }]), /entry 1 \(AAPL\): .*"scale"/],
    [JSON.stringify([definition({ priceScale: 13 })]), /entry 1 \(AAPL\): priceScale: /],
    [
      JSON.stringify([definition({ sizeScale: 2, volumeScale: 3 })]),
      /volumeScale: Expected at most sizeScale/,
    ],
    [JSON.stringify(['AAPL']), /entry 1: /],
    [
      JSON.stringify([definition(), definition({ symbol: 'B' }), definition({ symbol: 'C' })]),
      /at most 2 instruments/,
    ],
  ])('refuses %s', async (content, message) => {
    const refused = read(content, 2);
    await expect(refused).rejects.toBeInstanceOf(ConfigError);
    await expect(refused).rejects.toThrow(message);
  });

  it('names a missing file, and not more than a screen of faults', async () => {
    await expect(readSeed(join(folder, 'none.json'), 10)).rejects.toThrow(/TICKCAST_SYMBOLS_FILE .*ENOENT/);
    const bad = Array.from({ length: 50 }, () => ({ symbol: 'x' }));
    await expect(read(JSON.stringify(bad))).rejects.toThrow(/40 more faults/);
  });
});

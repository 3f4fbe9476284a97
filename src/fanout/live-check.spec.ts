import { IMAGE_FIELD_COUNT } from '#market-data';
import { MsgpackWriter } from '#wire';
import { BATCH, BatchDecoder, BatchEncoder, type BatchVisitor, encodeHeartbeat } from './batch.js';
import { BatchCheck } from './live-check.js';
import { seeded } from './live-time.fixture.js';

const SILENT: BatchVisitor = {
  beginBatch: () => undefined,
  update: () => undefined,
  trade: () => undefined,
  endBatch: () => undefined,
};
const check = new BatchCheck();

function isReadable(bytes: Uint8Array): boolean {
  try {
    new BatchDecoder().decode(bytes, SILENT);
    return true;
  } catch {
    return false;
  }
}

/** Prices and times as they come, some symbols with trades. */
function batch(random: () => number, symbols: number): Uint8Array {
  const encoder = new BatchEncoder();
  encoder.begin(1_700_000_000_000_123, 70_000, 1_700_000_000_000_000, symbols);
  for (let i = 0; i < symbols; i++) {
    const row = Float64Array.from({ length: IMAGE_FIELD_COUNT }, () =>
      random() < 0.1 ? Number.NaN : Math.floor((random() - 0.2) * 10 ** Math.floor(random() * 14)),
    );
    const trades = Math.floor(random() * 3);
    const mask = Math.floor(random() * 2 ** IMAGE_FIELD_COUNT);
    const owner = new Uint8Array(Math.floor(random() * 300));
    encoder.symbol(100 + i, 5_000, mask, 1_700_000_000_000_000 + i, row, 0, trades, owner);
    for (let t = 0; t < trades; t++)
      encoder.trade(
        t + 1,
        1_700_000_000_000_000,
        12_345,
        t === 0 ? Number.NaN : 5,
        t === 0 ? 'T1' : null,
        '@ F',
      );
  }
  return encoder.end();
}

describe('the look at a batch', () => {
  it('is quick for all that the encoder writes', () => {
    const random = seeded(1);
    for (let i = 0; i < 200; i++) {
      const bytes = batch(random, Math.floor(random() * 40));
      if (hasWideNegative(bytes)) continue;
      expect(check.looksWhole(bytes)).toBe(true);
    }
  });

  it('never takes for whole what cannot be read: 40,000 changed batches', () => {
    const random = seeded(2);
    let whole = 0;
    for (let i = 0; i < 40_000; i++) {
      const bytes = batch(random, 1 + Math.floor(random() * 3));
      const edits = 1 + Math.floor(random() * 3);
      for (let edit = 0; edit < edits; edit++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const changed = random() < 0.3 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
      if (!check.looksWhole(changed)) continue;
      whole++;
      if (!isReadable(changed)) throw new Error(`taken for whole: ${Buffer.from(changed).toString('hex')}`);
    }
    expect(whole).toBeGreaterThan(1_000);
  });

  it.each([
    ['no epoch', [BATCH, 0, 1, 5, []]],
    ['a negative number', [BATCH, 1, -1, 5, []]],
    ['a negative epoch', [BATCH, -200, 1, 5, []]],
  ])('refuses %s', (_, value) => {
    const writer = new MsgpackWriter();
    writer.value(value);
    expect(check.looksWhole(writer.bytes())).toBe(false);
    expect(() => check.check(writer.bytes())).toThrow('Expected an epoch and a number');
    expect(check.looksWhole(new Uint8Array([0x95, BATCH, 0xcc, 0, 1, 5, 0x90]))).toBe(false);
    expect(check.looksWhole(new Uint8Array([0x95, BATCH, 0xcc, 1, 0, 5, 0x90]))).toBe(true);
  });

  it('leaves unusual forms to the full reading', () => {
    const writer = new MsgpackWriter();
    writer.value([
      BATCH,
      1,
      1,
      0,
      [[7, 1, 1, 0, 2 ** 40, null, [[1, 0, 5, 1, 'naïve', 'x'.repeat(40)]]]],
      'tail',
    ]);
    const bytes = writer.bytes();
    expect(check.looksWhole(bytes)).toBe(false);
    expect(() => check.check(bytes)).not.toThrow();
    expect(() => check.check(bytes.subarray(0, -1))).toThrow('more bytes');
    expect(() => check.check(encodeHeartbeat(1, 1, 1))).toThrow('Expected a batch, was a heartbeat');
    expect(() => check.check(new Uint8Array(0))).toThrow('Expected 1 more bytes');
  });
});

/** Values below -2^31 are written in 9 bytes, and rare enough to be read in full. */
function hasWideNegative(bytes: Uint8Array): boolean {
  return bytes.includes(0xd3);
}

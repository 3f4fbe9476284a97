import { ImageTable } from './image-table.js';
import { LineWindows } from './line-windows.js';
import { MISSING_RANGES, OwnerPartEncoder, restoreOwnerPart } from './owner-part.js';

function lines() {
  return new LineWindows({ gap: () => undefined, lineReplaced: () => undefined });
}

describe('the owner part', () => {
  it('brings the lines of a symbol back, with the newest of what they miss', () => {
    const images = new ImageTable();
    const before = lines();
    for (let i = 0; i <= 20; i++) before.check(0, 'A', 10 * i, 5_000, true, 0);
    before.check(0, 'B', 7, 6_000, true, 0);
    const encoder = new OwnerPartEncoder(images, before);
    const length = encoder.moved(0, false);
    const part = encoder.buffer.slice(0, length);

    const after = lines();
    restoreOwnerPart(part, 0, images, after);
    const [a, b] = before.of(0);
    const isBack = { moved: false, movedMs: Number.NaN };
    expect(after.of(0)).toEqual([
      { ...a, ...isBack, missing: a!.missing.slice(-2 * MISSING_RANGES) },
      { ...b, ...isBack },
    ]);
    expect(after.of(0)[0]!.missing.slice(-2)).toEqual([191, 199]);
  });

  it('is empty where nothing moved', () => {
    const images = new ImageTable();
    const windows = lines();
    const encoder = new OwnerPartEncoder(images, windows);
    expect(encoder.moved(0, false)).toBe(0);
    windows.check(0, 'A', 1, 5_000, true, 0);
    windows.of(0)[0]!.moved = false;
    expect(encoder.moved(0, false)).toBe(0);
  });
});

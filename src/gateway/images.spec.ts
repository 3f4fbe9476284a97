import { IMAGE_FIELD_COUNT } from '#market-data';
import { Images } from './images.js';

/** Sets one symbol's state. */
function put(images: Images, sid: number, seq: number, values: Readonly<Record<number, number>>): void {
  images.reserve(sid);
  images.epoch[sid] = 7;
  images.seq[sid] = seq;
  images.timeUs[sid] = seq * 10;
  for (const [field, value] of Object.entries(values))
    images.values[sid * IMAGE_FIELD_COUNT + Number(field)] = value;
}

const valuesOf = (images: Images, sid: number) => [
  ...images.values.subarray(sid * IMAGE_FIELD_COUNT, (sid + 1) * IMAGE_FIELD_COUNT),
];

describe('Images', () => {
  it('has no state of a symbol that was never written, and all its fields are unknown', () => {
    const images = new Images(4);
    expect(images.has(2)).toBe(false);
    expect(images.has(1000)).toBe(false);
    images.reserve(1000);
    expect(images.has(1000)).toBe(false);
    expect(valuesOf(images, 1000)).toEqual(new Array(IMAGE_FIELD_COUNT).fill(Number.NaN));
  });

  it('keeps all states when it grows', () => {
    const images = new Images(2);
    put(images, 1, 5, { 0: 100, 13: 1 });
    images.reserve(77);
    expect(images.capacity).toBeGreaterThanOrEqual(78);
    expect([images.seq[1], images.epoch[1], images.timeUs[1]]).toEqual([5, 7, 50]);
    expect(valuesOf(images, 1)[0]).toBe(100);
    expect(valuesOf(images, 1)[13]).toBe(1);
  });

  it('copies a whole image, or that there is none', () => {
    const table = new Images(4);
    const state = new Images(1);
    put(table, 3, 9, { 2: 42 });
    state.copy(table, 3);
    expect(state.has(3)).toBe(true);
    expect(valuesOf(state, 3)).toEqual(valuesOf(table, 3));
    table.forget(3);
    state.copy(table, 3);
    expect(state.has(3)).toBe(false);
    expect(valuesOf(state, 3)).toEqual(new Array(IMAGE_FIELD_COUNT).fill(Number.NaN));
  });

  it('finds the fields that differ, and takes two unknown values for the same', () => {
    const a = new Images(4);
    const b = new Images(4);
    put(a, 1, 1, { 0: 1, 4: 2, 5: 3 });
    put(b, 1, 1, { 0: 1, 4: 20, 13: 0 });
    expect(a.difference(b, 1)).toBe((1 << 4) | (1 << 5) | (1 << 13));
    expect(a.difference(a, 1)).toBe(0);
  });
});

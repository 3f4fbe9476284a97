import * as fields from './image-fields.js';

describe('image fields', () => {
  it('have the order that is the protocol', () => {
    expect(fields.IMAGE_FIELDS).toEqual([
      'bidPrice',
      'bidSize',
      'askPrice',
      'askSize',
      'lastPrice',
      'lastSize',
      'volume',
      'tradeCount',
      'vwapPrice',
      'highPrice',
      'lowPrice',
      'openPrice',
      'previousClosePrice',
      'flags',
    ]);
    expect(fields.IMAGE_FIELD_COUNT).toBe(14);
    expect(fields.ALL_FIELDS).toBe(0b11111111111111);
  });

  it.each(fields.IMAGE_FIELDS.map((name, at) => [name, at] as const))('name %s as %i', (name, at) => {
    const constant = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    expect(new Map<string, unknown>(Object.entries(fields)).get(constant)).toBe(at);
  });

  it('are scaled by what they are', () => {
    expect(fields.FIELD_SCALES).toHaveLength(fields.IMAGE_FIELD_COUNT);
    for (const [at, name] of fields.IMAGE_FIELDS.entries()) {
      const expected = name.endsWith('Price')
        ? 'price'
        : name.endsWith('Size')
          ? 'size'
          : name === 'volume'
            ? 'volume'
            : 'none';
      expect(fields.FIELD_SCALES[at]).toBe(expected);
    }
  });
});

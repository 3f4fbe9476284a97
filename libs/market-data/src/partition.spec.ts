import fc from 'fast-check';
import { hash32, PARTITION_HASH, partitionOf, preferredNode } from './partition.js';

const symbols = Array.from({ length: 20_000 }, (_, i) => i.toString(36).toUpperCase().padStart(3, 'A'));
const nodes = (count: number) => Array.from({ length: count }, (_, i) => `host-${i}-4711-0a1b2c`);

describe('hash32', () => {
  // Computed outside this project: FNV-1a-32 over UTF-8, then murmur3's fmix32.
  it.each([
    ['', 0xab3e7c0b],
    ['A', 0x4d287e94],
    ['AAPL', 0x877aebfa],
    ['MSFT', 0x5df58aea],
    ['BRK.B', 0xe908befa],
    ['BTC-USD', 0x9b011725],
    ['EUR/USD', 0xb429da2d],
    ['gw-1/0', 0xba685adc],
    ['é', 0x8e4756c7],
    ['€uro', 0x012e952c],
    ['😀', 0x3303a80a],
  ])('of %j is part of the stored layout', (text, hash) => {
    expect(hash32(text)).toBe(hash);
  });

  it('has a name that the store keeps', () => {
    expect(PARTITION_HASH).toBe('fmix32-fnv1a32');
  });
});

describe('partitionOf', () => {
  it.each([
    ['AAPL', 10],
    ['MSFT', 10],
    ['BTC-USD', 5],
    ['EUR/USD', 13],
    ['TEST', 10],
  ])('puts %s into partition %i of 16', (symbol, partition) => {
    expect(partitionOf(symbol, 16)).toBe(partition);
  });

  it('is one of the partitions, for any symbol', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 1024 }),
        (symbol, partitions) => {
          const partition = partitionOf(symbol, partitions);
          expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
        },
      ),
    );
  });

  it.each([8, 16, 17, 64])('spreads short symbols evenly over %i partitions', (partitions) => {
    const counts = new Array<number>(partitions).fill(0);
    for (const symbol of symbols) counts[partitionOf(symbol, partitions)]!++;
    const expected = symbols.length / partitions;
    // Chi-squared: mean = degrees of freedom, so five standard deviations above it would be no chance.
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(partitions - 1 + 5 * Math.sqrt(2 * (partitions - 1)));
  });
});

describe('preferredNode', () => {
  it('is the same whatever order the nodes are named in', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(nodes(9), { minLength: 1 }), fc.nat(63), (some, partition) => {
        expect(preferredNode(partition, some)).toBe(preferredNode(partition, [...some].sort()));
      }),
    );
  });

  it('moves only the partitions of a node that left, and to more than one of the others', () => {
    const all = nodes(5);
    const before = Array.from({ length: 256 }, (_, partition) => preferredNode(partition, all));
    for (const gone of all) {
      const rest = all.filter((node) => node !== gone);
      const takers = new Set<string | undefined>();
      for (const [partition, owner] of before.entries()) {
        const now = preferredNode(partition, rest);
        if (owner === gone) takers.add(now);
        else expect(now).toBe(owner);
      }
      expect(takers.size).toBe(4);
    }
  });

  it('gives every node its share', () => {
    const counts = new Map<string | undefined, number>();
    for (let partition = 0; partition < 1_024; partition++) {
      const node = preferredNode(partition, nodes(4));
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 256)).toBeLessThan(70);
    expect(counts.size).toBe(4);
  });

  it('is nobody where there is nobody', () => {
    expect(preferredNode(3, [])).toBeUndefined();
    expect(preferredNode(3, ['only'])).toBe('only');
  });
});

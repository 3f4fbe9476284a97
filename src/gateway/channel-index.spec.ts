import { coveringWildcard, expand, withWildcard } from './channel-index.js';
import { gatewayFixture } from './gateway.fixture.js';

const wildcard = (prefix: string, hz: number | null = null) => ({ channel: `ticker:${prefix}*`, prefix, hz });

describe('wildcards', () => {
  it('name every symbol with their prefix, in the order of the sids', () => {
    const { registry } = gatewayFixture(12);
    expect(expand(registry, 'S1').map(({ symbol }) => symbol)).toEqual(['S1', 'S10', 'S11', 'S12']);
    expect(expand(registry, '')).toHaveLength(12);
    expect(expand(registry, 'X')).toEqual([]);
  });

  it('the longest prefix of those that cover a symbol counts', () => {
    const wildcards = [wildcard('B', 2), wildcard(''), wildcard('BTC', 5), wildcard('BTCUSD', 1)];
    expect(coveringWildcard(wildcards, 'BTCEUR')?.hz).toBe(5);
    expect(coveringWildcard(wildcards, 'BAC')?.hz).toBe(2);
    expect(coveringWildcard(wildcards, 'AAPL')?.hz).toBeNull();
    expect(coveringWildcard([wildcard('B')], 'AAPL')).toBeUndefined();
  });

  it('given again take the place of themselves', () => {
    const twice = withWildcard(withWildcard([wildcard('A', 1)], wildcard('B')), wildcard('A', 5));
    expect(twice.map(({ prefix, hz }) => [prefix, hz])).toEqual([
      ['B', null],
      ['A', 5],
    ]);
  });
});

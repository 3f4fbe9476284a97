import { ClientFixture } from './client.fixture.js';
import { gatewayFixture, JSON_DIALECT } from './gateway.fixture.js';

const codes = (client: ClientFixture) =>
  client.socket
    .of('subscribed')
    .flatMap(({ errors }) => errors.map(({ channel, code }) => `${channel} ${code}`));

describe('the limit of symbols', () => {
  it('counts the channels of one command together, each symbol once', () => {
    const fixture = gatewayFixture(10, { symbolsPerSessionMax: 3 });
    const client = new ClientFixture(fixture, JSON_DIALECT);
    client.subscribe(['ticker:S1', 'ticker:S2', 'ticker:S1', 'ticker:S3', 'ticker:S4']);
    expect(codes(client)).toEqual(['ticker:S4 too_many_symbols']);
    expect(client.session.tickersFollowed).toBe(3);
  });

  it('refuses a wildcard that would pass it whole, and keeps the rest of the command', () => {
    const fixture = gatewayFixture(10, { symbolsPerSessionMax: 5 });
    const client = new ClientFixture(fixture, JSON_DIALECT);
    client.subscribe(['ticker:*', 'ticker:S1*', 'trade:*', 'trade:S1*', 'status:*']);
    expect(codes(client)).toEqual(['ticker:* too_many_symbols', 'trade:* too_many_symbols']);
    expect(client.session.tickersFollowed).toBe(2);
    expect([...client.session.tradesFollowed]).toEqual([1, 10]);
  });

  it('lets symbols be named that are followed already', () => {
    const fixture = gatewayFixture(3, { symbolsPerSessionMax: 3 });
    const client = new ClientFixture(fixture, JSON_DIALECT);
    client.subscribe(['ticker:*']);
    client.subscribe(['ticker:S2'], { hz: 1 });
    expect(codes(client)).toEqual([]);
  });
});

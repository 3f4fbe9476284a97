import { ApiKeys } from './api-keys.js';

const keys = new ApiKeys({ adminKey: 'admin', feedKey: 'feed', clientKey: null });

describe('api keys', () => {
  it.each([
    ['Bearer admin', 'operator'],
    ['bearer  admin ', 'operator'],
    ['Bearer feed', 'feed'],
    ['Bearer Admin', null],
    ['Bearer admi', null],
    ['Bearer adminn', null],
    ['Bearer ', null],
    ['Bearer null', null],
    ['Bearer ad min', null],
    ['Basic admin', null],
    ['admin', null],
    [`Bearer ${'x'.repeat(257)}`, null],
    ['', null],
    [undefined, null],
  ])('%j is of role %s', (authorization, role) => {
    expect(keys.role(authorization)).toBe(role);
  });

  it('names a holder without giving the key away', () => {
    const holder = keys.holderOf('admin');
    expect(holder).toEqual({ role: 'operator', actor: expect.stringMatching(/^operator:[0-9a-f]{8}$/) });
    expect(
      new ApiKeys({ adminKey: 'other', feedKey: null, clientKey: null }).holderOf('other')?.actor,
    ).not.toBe(holder?.actor);
  });

  it('gives a key that stands for several roles the first: operator, feed, client', () => {
    const same = new ApiKeys({ adminKey: null, feedKey: 'k', clientKey: 'k' });
    expect(same.role('Bearer k')).toBe('feed');
  });
});

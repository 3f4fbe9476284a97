import type { z } from 'zod';
import { decimal, integer, listOf, oneOf, onOff, setting, text } from './setting.js';

/** The parsed value, or 'refused'. */
function parse(schema: z.ZodType<unknown, string>, value: string): unknown {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : 'refused';
}

describe('integer', () => {
  const { schema, allowed } = integer(5, 60_000, 0);

  it.each([
    ['5', 5],
    ['60000', 60_000],
    ['0', 0],
    ['007', 7],
  ])('takes %s', (given, value) => expect(parse(schema, given)).toBe(value));

  it.each(['4', '60001', '-5', '+5', '5.0', '1e3', ' 5', '0x10', 'five', '', '9999999999999999'])(
    'refuses "%s"',
    (given) => expect(parse(schema, given)).toBe('refused'),
  );

  it('says what is allowed', () => {
    expect(allowed).toBe('0, or an integer from 5 to 60000');
    expect(integer(1, 2).allowed).toBe('an integer from 1 to 2');
  });
});

describe('decimal', () => {
  const { schema } = decimal(0.01, 10_000);

  it.each([
    ['0.01', 0.01],
    ['1', 1],
    ['10000', 10_000],
    ['2.5', 2.5],
  ])('takes %s', (given, value) => expect(parse(schema, given)).toBe(value));

  it.each(['0', '10000.1', '-1', '.5', '1.', '1e2', 'NaN', 'Infinity', '1,5'])('refuses "%s"', (given) =>
    expect(parse(schema, given)).toBe('refused'),
  );
});

describe('onOff and oneOf', () => {
  it('take their words and nothing near them', () => {
    expect(['on', 'off', 'ON', 'true', '1', ''].map((given) => parse(onOff.schema, given))).toEqual([
      true,
      false,
      'refused',
      'refused',
      'refused',
      'refused',
    ]);
    const kind = oneOf('stored', 'replicated');
    expect(parse(kind.schema, 'replicated')).toBe('replicated');
    expect(parse(kind.schema, 'Stored')).toBe('refused');
    expect(kind.allowed).toBe('stored or replicated');
  });
});

describe('listOf', () => {
  const roles = listOf(oneOf('feed', 'gateway'));

  it('takes items with blanks around them, and freezes the list', () => {
    const parsed = parse(roles.schema, ' gateway , feed');
    expect(parsed).toEqual(['gateway', 'feed']);
    expect(Object.isFrozen(parsed)).toBe(true);
  });

  it.each(['', 'feed,', 'feed,,gateway', 'feed,feed', 'feed,owner'])('refuses "%s"', (given) =>
    expect(parse(roles.schema, given)).toBe('refused'),
  );

  it('takes repeats where they are allowed', () => {
    expect(parse(listOf(integer(1, 9), false).schema, '1,1')).toEqual([1, 1]);
  });
});

describe('text', () => {
  it('takes what matches as a whole', () => {
    const { schema } = text('letters', /^[a-z]{1,3}$/);
    expect(['abc', 'abcd', 'ab\n', ''].map((given) => parse(schema, given))).toEqual([
      'abc',
      'refused',
      'refused',
      'refused',
    ]);
  });
});

describe('setting', () => {
  it('has a default that may depend on running embedded', () => {
    const fixed = setting('TICKCAST_X', integer(0, 9), 3, 'Why.');
    const depends = setting('TICKCAST_Y', onOff, (embedded: boolean) => embedded, 'Why.', {
      unit: 'ms',
      secret: true,
    });
    expect([fixed.initial(true), fixed.initial(false)]).toEqual([3, 3]);
    expect([depends.initial(true), depends.initial(false)]).toEqual([true, false]);
    expect(fixed).toMatchObject({ unit: '', secret: false, allowed: 'an integer from 0 to 9' });
    expect(depends).toMatchObject({ unit: 'ms', secret: true });
  });
});

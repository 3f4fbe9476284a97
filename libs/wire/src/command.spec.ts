import fc from 'fast-check';
import { ERROR_CODES } from './codes.js';
import { parseChannel, parseCommand } from './command.js';

const subscribe = (more: object) => ({ op: 'subscribe', id: 1, channels: ['ticker:AAPL'], ...more });

describe('parseCommand', () => {
  it('takes every command', () => {
    expect(parseCommand({ op: 'auth', id: 'x', token: 't' })).toEqual({ op: 'auth', id: 'x', token: 't' });
    expect(parseCommand(subscribe({ hz: 2.5, from: { 'trade:AAPL': [1, 0] } }))).toEqual({
      op: 'subscribe',
      id: 1,
      channels: ['ticker:AAPL'],
      hz: 2.5,
      from: new Map([['trade:AAPL', [1, 0]]]),
    });
    expect(parseCommand({ op: 'unsubscribe', channels: ['status:*'] })).toEqual({
      op: 'unsubscribe',
      id: null,
      channels: ['status:*'],
    });
    expect(parseCommand({ op: 'list' })).toEqual({ op: 'list', id: null });
    expect(parseCommand({ op: 'ping', id: 0 })).toEqual({ op: 'ping', id: 0 });
  });

  it('takes null for what may be left out', () => {
    expect(parseCommand(subscribe({ id: null, hz: null, from: null }))).toEqual({
      op: 'subscribe',
      id: null,
      channels: ['ticker:AAPL'],
      hz: null,
      from: new Map(),
    });
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'bad_command'],
    ['a list', [], 'bad_command'],
    ['text', 'subscribe', 'bad_command'],
    ['bytes', new Uint8Array(3), 'bad_command'],
    ['no op', {}, 'bad_command'],
    ['an op that is no text', { op: 1 }, 'bad_command'],
    ['an unknown op', { op: 'join' }, 'unknown_op'],
    ['an op of the object prototype', { op: 'constructor' }, 'unknown_op'],
    ['an id that is a list', { op: 'list', id: [] }, 'bad_command'],
    ['an id that is a bigint', { op: 'list', id: 2n ** 60n }, 'bad_command'],
    ['an id that is too long', { op: 'list', id: 'x'.repeat(129) }, 'bad_command'],
    ['a token that is a number', { op: 'auth', token: 1 }, 'bad_command'],
    ['no token', { op: 'auth' }, 'bad_command'],
    ['no channels', { op: 'subscribe' }, 'bad_command'],
    ['channels that are text', { op: 'subscribe', channels: 'ticker:AAPL' }, 'bad_command'],
    ['an empty list of channels', { op: 'unsubscribe', channels: [] }, 'bad_command'],
    ['a channel that is a number', { op: 'unsubscribe', channels: ['ticker:AAPL', 7] }, 'bad_command'],
    ['hz 0', subscribe({ hz: 0 }), 'bad_command'],
    ['a negative hz', subscribe({ hz: -1 }), 'bad_command'],
    ['hz as text', subscribe({ hz: '10' }), 'bad_command'],
    ['an infinite hz', subscribe({ hz: Number.POSITIVE_INFINITY }), 'bad_command'],
    ['from as a list', subscribe({ from: [] }), 'bad_command'],
    ['a resume point without epoch', subscribe({ from: { 'trade:AAPL': [1] } }), 'bad_command'],
    ['a negative resume point', subscribe({ from: { 'trade:AAPL': [1, -1] } }), 'bad_command'],
    ['a resume point with a fraction', subscribe({ from: { 'trade:AAPL': [1, 1.5] } }), 'bad_command'],
  ])('answers %s with the error to send', (_name, message, code) => {
    expect(parseCommand(message)).toMatchObject({ fault: code });
  });

  it('echoes the id with the error, where it could be read', () => {
    expect(parseCommand({ op: 'join', id: 7 })).toMatchObject({ id: 7 });
    expect(parseCommand({ op: 'join', id: {} })).toMatchObject({ id: null });
  });

  it('quotes only the beginning of what a stranger sent', () => {
    const answers = [
      parseCommand({ op: 'x'.repeat(60_000) }),
      parseCommand(subscribe({ from: { ['y'.repeat(60_000)]: 1 } })),
    ];
    for (const answer of answers) expect('fault' in answer && answer.message.length).toBeLessThan(200);
  });

  it('never throws, and answers with known codes only, whatever comes', () => {
    const anything = fc.anything({ withNullPrototype: true, withTypedArray: true, withBigInt: true });
    const nearly = fc.record(
      {
        op: fc.constantFrom('auth', 'subscribe', 'unsubscribe', 'list', 'ping', 'x'),
        id: anything,
        channels: anything,
        hz: anything,
        from: anything,
        token: anything,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(anything, nearly), (message) => {
        const answer = parseCommand(message);
        if ('fault' in answer) expect(ERROR_CODES).toHaveProperty(answer.fault);
        else expect(['auth', 'subscribe', 'unsubscribe', 'list', 'ping']).toContain(answer.op);
      }),
      { numRuns: 1000, seed: 20260729 },
    );
  });
});

describe('parseChannel', () => {
  it.each([
    ['ticker:AAPL', { kind: 'ticker', name: 'AAPL', wildcard: false }],
    ['trade:BTC/USD', { kind: 'trade', name: 'BTC/USD', wildcard: false }],
    ['status:*', { kind: 'status', name: '', wildcard: true }],
    ['ticker:BTC*', { kind: 'ticker', name: 'BTC', wildcard: true }],
    ['ticker:BRK.B', { kind: 'ticker', name: 'BRK.B', wildcard: false }],
  ])('reads %s', (text, channel) => {
    expect(parseChannel(text)).toEqual(channel);
  });

  it.each([
    '',
    'AAPL',
    'ticker',
    'ticker:',
    'ticker:aapl',
    'quote:AAPL',
    'ticker:A*B',
    'ticker:**',
    'ticker: AAPL',
    'ticker:AAPL\n',
    `ticker:${'A'.repeat(25)}`,
    'ticker:-A',
    'TICKER:AAPL',
  ])('refuses %j', (text) => {
    expect(parseChannel(text)).toBeUndefined();
  });
});

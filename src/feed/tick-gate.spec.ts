import fc from 'fast-check';
import { formatScaled, QUOTE, REJECT_REASON_NAMES, type RejectReason, TRADE } from '#market-data';
import type { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { NOW_US, quote, startRegistry, trade, without } from './feed.fixture.js';
import { TickFault } from './tick-fault.js';
import { TickGate, type TickGateConfig } from './tick-gate.js';

const STRICT: TickGateConfig = { crossedQuotes: 'reject', tickAgeMsMax: 0 };

describe('TickGate', () => {
  let registry: LiveSymbolRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());

  const gate = (raw: unknown, config: TickGateConfig = STRICT) =>
    new TickGate(registry, config).gate(raw, NOW_US);
  const sid = (symbol: string) => registry.bySymbol(symbol)!.sid;

  it('scales a quote of numbers by its instrument', () => {
    expect(gate(quote({ exchangeTimeUs: 1_759_999_999_000_123 }))).toEqual({
      kind: QUOTE,
      sid: sid('AAPL'),
      bidPrice: 19011,
      bidSize: 300,
      askPrice: 19013,
      askSize: 200,
      exchangeTimeUs: 1_759_999_999_000_123,
      receiveTimeUs: NOW_US,
      line: null,
      sequence: null,
    });
  });

  it('scales a trade of decimal strings, with everything that it may carry', () => {
    const raw = {
      type: 'trade',
      symbol: 'BTC-USD',
      price: '63000.12345678',
      size: '0.00000001',
      tradeId: 42,
      conditions: ['@', 'F', 'I'],
      exchangeTimeNs: '1759999999000123999',
      line: 'A',
      sequence: 7,
      venue: 'ignored',
    };
    expect(gate(raw)).toEqual({
      kind: TRADE,
      sid: sid('BTC-USD'),
      price: 6_300_012_345_678,
      size: 1,
      tradeId: '42',
      conditions: '@ F I',
      exchangeTimeUs: 1_759_999_999_000_123,
      receiveTimeUs: NOW_US,
      line: 'A',
      sequence: 7,
    });
  });

  const good: readonly (readonly [string, unknown, object])[] = [
    ['no market on a side', quote({ bidPrice: null, bidSize: null }), { bidPrice: null, bidSize: null }],
    ['no market at all', quote({ bidPrice: null, askPrice: null }), { bidPrice: null, askPrice: null }],
    ['a size left out is unknown', without(quote(), 'bidSize'), { bidSize: null }],
    ['a trade size left out is unknown', without(trade(), 'size'), { size: null }],
    ['a trade size of null is unknown', trade({ size: null }), { size: null }],
    ['a locked quote', quote({ bidPrice: 190.13 }), { bidPrice: 19013, askPrice: 19013 }],
    ['a negative price (spreads, oil in 2020)', trade({ price: -37.63 }), { price: -3763 }],
    ['a price of zero', trade({ price: 0 }), { price: 0 }],
    ['trailing zeros beyond the scale', trade({ price: '190.1200' }), { price: 19012 }],
    ['a halted symbol', quote({ symbol: 'HALT' }), { bidPrice: 19011 }],
    [
      'ns as bigint',
      trade({ exchangeTimeNs: 1759999999000123999n }),
      { exchangeTimeUs: 1_759_999_999_000_123 },
    ],
    ['ns as an integer of a float', trade({ exchangeTimeNs: 1.76e18 }), { exchangeTimeUs: 1.76e15 }],
    ['times of null', trade({ exchangeTimeUs: null, exchangeTimeNs: null }), { exchangeTimeUs: null }],
    ['line and sequence of null', trade({ line: null, sequence: null }), { line: null, sequence: null }],
    ['a sequence without line', trade({ sequence: 88 }), { line: null, sequence: null }],
    ['a sequence of text without line', quote({ sequence: 'x-88' }), { line: null, sequence: null }],
    ['conditions as text', trade({ conditions: '@ F I' }), { conditions: '@ F I' }],
    ['no conditions', trade({ conditions: [] }), { conditions: null }],
    ['a trade id of text', trade({ tradeId: 'x'.repeat(64) }), { tradeId: 'x'.repeat(64) }],
    ['a trade id of bigint', trade({ tradeId: 18446744073709551615n }), { tradeId: '18446744073709551615' }],
    ['an empty trade id', trade({ tradeId: '' }), { tradeId: null }],
    ['an object without prototype', Object.assign(Object.create(null), trade()), { price: 19012 }],
  ];
  it.each(good)('takes %s', (_name, raw, expected) => {
    expect(gate(raw)).toMatchObject(expected);
  });

  const bad: readonly (readonly [string, unknown, RejectReason, RegExp])[] = [
    ['null', null, 'malformed', /an object, was null/],
    ['an array', [], 'malformed', /an object, was an array/],
    ['text', 'AAPL', 'malformed', /an object, was "AAPL"/],
    ['a number', Number.POSITIVE_INFINITY, 'malformed', /an object, was Infinity/],
    ['binary', new Uint8Array(3), 'malformed', /symbol to be a string, was missing/],
    ['no type', without(quote(), 'type'), 'malformed', /type to be quote or trade, was missing \(AAPL\)/],
    ['another type', quote({ type: 'bar' }), 'malformed', /type to be quote or trade, was "bar"/],
    ['no symbol', without(quote(), 'symbol'), 'malformed', /symbol to be a string, was missing/],
    ['a numeric symbol', quote({ symbol: 5 }), 'malformed', /symbol to be a string, was 5/],
    ['a symbol in lower case', quote({ symbol: 'aapl' }), 'malformed', /A-Z 0-9.*was "aapl"/],
    ['a symbol of 25 characters', quote({ symbol: 'A'.repeat(25) }), 'malformed', /1 to 24/],
    ['an unknown symbol', quote({ symbol: 'NOPE' }), 'unknown_symbol', /no instrument is called NOPE/],
    ['a symbol of the prototype', quote({ symbol: '__proto__' }), 'malformed', /was "__proto__"/],
    ['a disabled symbol', quote({ symbol: 'GONE' }), 'symbol_disabled', /GONE is switched off/],
    ['a missing bid', without(quote(), 'bidPrice'), 'malformed', /bidPrice .*was missing \(AAPL\)/],
    ['a missing ask', without(quote(), 'askPrice'), 'malformed', /askPrice .*was missing/],
    ['a missing trade price', without(trade(), 'price'), 'malformed', /price .*was missing/],
    ['a trade without price', trade({ price: null }), 'malformed', /price .*was null/],
    ['a price of NaN', trade({ price: Number.NaN }), 'malformed', /was NaN/],
    ['a price with an exponent', trade({ price: '1e3' }), 'malformed', /was "1e3"/],
    ['a price of words', quote({ bidPrice: 'n/a' }), 'malformed', /decimal string or null, was "n\/a"/],
    ['a price of an object', quote({ askPrice: {} }), 'malformed', /was an object/],
    ['a negative size', quote({ bidSize: -1 }), 'malformed', /bidSize >= 0, was -1/],
    ['a negative trade size', trade({ size: '-1' }), 'malformed', /size >= 0, was "-1"/],
    ['too many decimals', trade({ price: 190.123 }), 'off_scale', /price with at most 2 decimals.*190\.123/],
    ['too many decimals in text', quote({ bidPrice: '190.001' }), 'off_scale', /bidPrice/],
    ['a fraction of a share', trade({ size: 0.5 }), 'off_scale', /size with at most 0 decimals/],
    ['a price beyond 2^53', trade({ price: '90071992547409.93' }), 'off_scale', /below 2\^53/],
    [
      'a crossed quote',
      quote({ bidPrice: 190.14 }),
      'crossed',
      /bidPrice <= askPrice, was 190.14 > 190.13 \(AAPL\)/,
    ],
    [
      'µs in text',
      trade({ exchangeTimeUs: '1759999999000123' }),
      'malformed',
      /exchangeTimeUs to be an integer/,
    ],
    ['µs with a fraction', trade({ exchangeTimeUs: 1759999999000123.5 }), 'malformed', /exchangeTimeUs/],
    ['ms for µs', trade({ exchangeTimeUs: 1_760_000_000_000 }), 'malformed', /from 1980 to 2099/],
    ['ns for µs', trade({ exchangeTimeUs: 1_760_000_000_000_000_000 }), 'malformed', /exchangeTimeUs/],
    ['µs for ns', trade({ exchangeTimeNs: '1760000000000000' }), 'malformed', /from 1980 to 2099/],
    ['ns of words', trade({ exchangeTimeNs: 'noon' }), 'malformed', /exchangeTimeNs .* was "noon"/],
    ['both times', trade({ exchangeTimeUs: NOW_US, exchangeTimeNs: '1' }), 'malformed', /one of/],
    ['a line without sequence', trade({ line: 'A' }), 'malformed', /sequence beside line "A"/],
    [
      'a crossed quote with its number',
      quote({ bidPrice: 190.14, line: 'A', sequence: 88 }),
      'crossed',
      /\(AAPL #88\)/,
    ],
    ['a sequence of 0', trade({ line: 'A', sequence: 0 }), 'malformed', /sequence to be an integer/],
    ['a long line name', trade({ line: 'A'.repeat(33), sequence: 1 }), 'malformed', /1 to 32/],
    ['an empty line name', trade({ line: '', sequence: 1 }), 'malformed', /1 to 32/],
    ['a long trade id', trade({ tradeId: 'x'.repeat(65) }), 'malformed', /\(65 characters\)/],
    ['a trade id that lost digits', trade({ tradeId: 2 ** 60 }), 'malformed', /tradeId/],
    ['long conditions', trade({ conditions: ['x'.repeat(20), 'y'.repeat(20)] }), 'malformed', /conditions/],
    ['nested conditions', trade({ conditions: [['@']] }), 'malformed', /conditions .*was an array/],
    ['conditions of a number', trade({ conditions: 5 }), 'malformed', /conditions/],
    [
      'a place that could not be decoded',
      new TickFault('malformed', 'Expected JSON'),
      'malformed',
      /Expected JSON/,
    ],
  ];
  it.each(bad)('rejects %s', (_name, raw, reason, message) => {
    const fault = gate(raw);
    expect(fault).toBeInstanceOf(TickFault);
    expect(fault).toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  it('rejects as stale what is older than allowed, and only then', () => {
    const config: TickGateConfig = { crossedQuotes: 'reject', tickAgeMsMax: 1_000 };
    const old = trade({ exchangeTimeUs: NOW_US - 1_000_001 });
    expect(gate(old, config)).toMatchObject({ reason: 'stale', message: expect.stringMatching(/1000 ms/) });
    expect(gate(trade({ exchangeTimeUs: NOW_US - 1_000_000 }), config)).toMatchObject({ kind: TRADE });
    expect(gate(trade(), config)).toMatchObject({ kind: TRADE });
    expect(gate(old)).toMatchObject({ kind: TRADE });
  });

  it('takes crossed quotes where they are accepted', () => {
    const config: TickGateConfig = { crossedQuotes: 'accept', tickAgeMsMax: 0 };
    expect(gate(quote({ bidPrice: 190.14 }), config)).toMatchObject({ bidPrice: 19014, askPrice: 19013 });
  });

  it('has a test for every reason that a tick alone can give', () => {
    const tested = new Set([...bad.map(([, , reason]) => reason), 'stale']);
    // These two come from registering, see batch-gate.spec.ts.
    expect([...tested, 'registry_conflict', 'registry_full'].sort()).toEqual([...REJECT_REASON_NAMES].sort());
  });

  it('keeps every valid price and size exactly, as number and as text', () => {
    const scaled = fc.integer({ min: -(10 ** 14), max: 10 ** 14 });
    const size = fc.integer({ min: 0, max: 10 ** 14 });
    fc.assert(
      fc.property(scaled, size, fc.boolean(), (price, shares, asText) => {
        const decimal = formatScaled(price, 2);
        const raw = trade({ price: asText ? decimal : Number(decimal), size: asText ? `${shares}` : shares });
        expect(gate(raw)).toMatchObject({ price, size: shares });
      }),
      { numRuns: 2_000 },
    );
  });

  it('never throws, whatever comes', () => {
    const anything = fc.anything({
      withBigInt: true,
      withNullPrototype: true,
      withTypedArray: true,
      maxDepth: 2,
    });
    const tickLike = fc.record(
      {
        type: fc.constantFrom('quote', 'trade'),
        symbol: fc.constantFrom('AAPL', 'BTC-USD', 'NOPE'),
        ...Object.fromEntries(
          ['bidPrice', 'askPrice', 'price', 'size', 'bidSize', 'askSize'].map((key) => [key, anything]),
        ),
        exchangeTimeUs: anything,
        exchangeTimeNs: anything,
        line: anything,
        sequence: anything,
        tradeId: anything,
        conditions: anything,
      },
      { requiredKeys: ['type', 'symbol'] },
    );
    fc.assert(
      fc.property(fc.oneof(anything, tickLike), (raw) => {
        const gated = gate(raw);
        if (gated instanceof TickFault) expect(gated.message.length).toBeLessThan(400);
        else expect(Number.isSafeInteger(gated.sid)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});

import fc from 'fast-check';
import { IMAGE_FIELDS } from '#market-data';
import { type ChannelError, nativeJson, nativeMsgpack, type SubscribedChannel, TRADE_FIELDS } from '#wire';
import { answerPages, jsonBytes, subscribedBytes } from './answer-pages.js';

const FRAME_MAX = 64 * 1024;
/** An id of the most bytes: each character is escaped. */
const LONGEST_ID = '\u0001'.repeat(128);

const error = fc.record({
  channel: fc.string({ maxLength: 64, unit: 'binary' }),
  code: fc.constant('bad_channel' as const),
  message: fc.string({ maxLength: 120 }),
});

function describeOne(kind: 'ticker' | 'trade', length: number): SubscribedChannel {
  const symbol = 'X'.repeat(length);
  return {
    channel: `${kind}:${symbol}`,
    sid: 1_000_000,
    symbol,
    priceScale: 12,
    sizeScale: 12,
    volumeScale: 12,
    fields: kind === 'ticker' ? IMAGE_FIELDS : TRADE_FIELDS,
    hz: 33.333333333333336,
    status: 'disabled',
    position: { epoch: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER },
  };
}

describe('pages of an answer', () => {
  it('hold all in order, each page within 64 KiB in both codecs, only the last one without more', () => {
    const channels = fc.array(
      fc.tuple(fc.constantFrom('ticker' as const, 'trade' as const), fc.nat({ max: 24 })),
      {
        maxLength: 900,
        size: 'max',
      },
    );
    fc.assert(
      fc.property(channels, fc.array(error, { maxLength: 900, size: 'max' }), (described, errors) => {
        const all = described.map(([kind, length]) => describeOne(kind, length));
        const pages = answerPages(all, errors, subscribedBytes);
        expect(pages.flatMap((page) => page.channels)).toEqual(all);
        expect(pages.flatMap((page) => page.errors)).toEqual(errors);
        expect(pages.map(({ more }) => more)).toEqual(pages.map((_, i) => i < pages.length - 1));
        for (const page of pages) {
          const record = { type: 'subscribed', id: LONGEST_ID, ...page } as const;
          expect(nativeJson.control(record).length).toBeLessThanOrEqual(FRAME_MAX);
          expect(nativeMsgpack.control(record).length).toBeLessThanOrEqual(FRAME_MAX);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are never fewer than one', () => {
    expect(answerPages([], [], jsonBytes)).toEqual([{ channels: [], errors: [], more: false }]);
  });

  it('put errors on the page of the channels where they fit', () => {
    const errors: ChannelError[] = [{ channel: 'x', code: 'bad_channel', message: 'no' }];
    expect(answerPages(['ticker:A'], errors, jsonBytes)).toEqual([
      { channels: ['ticker:A'], errors, more: false },
    ]);
  });
});

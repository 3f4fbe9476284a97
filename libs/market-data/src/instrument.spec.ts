import { isSymbol, statusOf, TRADING_STATUSES } from './instrument.js';

describe('isSymbol', () => {
  it.each(['A', 'AAPL', 'BRK.B', 'BTC-USD', 'EUR/USD', 'ES_F', '0700.HK', '9', 'A'.repeat(24)])(
    'takes %s',
    (text) => {
      expect(isSymbol(text)).toBe(true);
    },
  );

  it.each([
    '',
    'aapl',
    '.A',
    '-A',
    '/A',
    '_A',
    'A B',
    'A*',
    'A:B',
    'É',
    'A\n',
    ' A',
    'A'.repeat(25),
    'Ａ',
    'A\u0000',
  ])('refuses %j', (text) => {
    expect(isSymbol(text)).toBe(false);
  });
});

describe('statusOf', () => {
  it.each(TRADING_STATUSES)('says %s while the symbol is enabled, else disabled', (tradingStatus) => {
    expect(statusOf({ enabled: true, tradingStatus })).toBe(tradingStatus);
    expect(statusOf({ enabled: false, tradingStatus })).toBe('disabled');
  });
});

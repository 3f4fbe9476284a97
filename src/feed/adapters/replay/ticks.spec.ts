import { ColumnMapFault, columnMap } from './column-map.js';
import { CsvLines, type LineReader, NdjsonLines } from './ticks.js';

function csv(text: string | null, header: string[] = [], delimiter = ','): LineReader {
  const map = columnMap(text, header);
  if (map instanceof ColumnMapFault) throw new Error(map.message);
  return new CsvLines(map, delimiter);
}

describe('CsvLines', () => {
  const quotes = csv('time=0:yyyyMMdd HHmmssSSS,bidPrice=1,askPrice=2,symbol:EURUSD');

  it('makes quotes of lines with bid and ask, digits as they stand', () => {
    expect(quotes.read('20200101 170000065,1.121200,1.121720,0', true)).toEqual({
      outcome: 'tick',
      tick: {
        type: 'quote',
        symbol: 'EURUSD',
        exchangeTimeUs: 1_577_898_000_065_000,
        bidPrice: '1.121200',
        askPrice: '1.121720',
      },
      timeUs: 1_577_898_000_065_000,
    });
  });

  it('makes trades of lines with a price, with sizes and ids where they are there', () => {
    const trades = csv('symbol=0,price=1,size=2,tradeId=3,conditions=4');
    expect(trades.read('AAPL,190.1,100,17,@ I', true)).toMatchObject({
      tick: { type: 'trade', symbol: 'AAPL', price: '190.1', size: '100', tradeId: '17', conditions: '@ I' },
      timeUs: null,
    });
    expect(trades.read('AAPL,190.1,,,', true)).toMatchObject({
      tick: { type: 'trade', symbol: 'AAPL', price: '190.1' },
    });
  });

  it('takes the type from a constant or a column, else tells by the price', () => {
    const both = 'symbol:A,bidPrice=0,askPrice=1,price=2';
    expect(csv(both).read('1,2,', true)).toMatchObject({ tick: { type: 'quote', bidPrice: '1' } });
    expect(csv(both).read('1,2,1.5', true)).toMatchObject({ tick: { type: 'trade', price: '1.5' } });
    expect(csv(`${both},type:quote`).read('1,2,1.5', true)).toMatchObject({ tick: { type: 'quote' } });
    expect(csv(`${both},type=3`).read('1,2,1.5,Q', true)).toMatchObject({ tick: { type: 'quote' } });
    expect(csv(`${both},type=3`).read('1,2,1.5,bar', true)).toMatchObject({ outcome: 'fault' });
  });

  it('takes an empty price of a quote as no market on that side', () => {
    expect(quotes.read('20200101 170000065,,1.2,0', false)).toMatchObject({
      tick: { bidPrice: null, askPrice: '1.2' },
    });
  });

  it('skips blank lines and a header, known by its names or by words where prices should be', () => {
    const named = csv('symbol=s,price=p', ['s', 'p']);
    expect(named.read('s,p', true)).toEqual({ outcome: 'nothing' });
    expect(quotes.read('time,bid,ask,volume', true)).toEqual({ outcome: 'nothing' });
    expect(quotes.read('  ', false)).toEqual({ outcome: 'nothing' });
    expect(quotes.read('time,bid,ask,volume', false)).toMatchObject({ outcome: 'fault' });
  });

  it('understands quoted cells and other delimiters', () => {
    const trades = csv('symbol=0,price=1,conditions=2');
    expect(trades.read('"AAPL","190.1","@ ""F"", I"', true)).toMatchObject({
      tick: { symbol: 'AAPL', price: '190.1', conditions: '@ "F", I' },
    });
    expect(trades.read('"AAPL,1,2', false)).toMatchObject({ outcome: 'fault' });
    expect(csv('symbol=0,price=1', [], ';').read('AAPL;1.5', true)).toMatchObject({
      tick: { symbol: 'AAPL', price: '1.5' },
    });
  });

  it.each(['20200101 170000065,1.1', 'yesterday,1.1,1.2', '20200231 000000000,1,2'])(
    'says what is wrong with %s',
    (line) => {
      const reading = quotes.read(line, false);
      expect(reading).toMatchObject({ outcome: 'fault', message: expect.stringContaining(line) });
    },
  );
});

describe('NdjsonLines', () => {
  const lines = new NdjsonLines();

  it('takes ticks as they stand, paced by exchange time, else by receive time', () => {
    const tick = { type: 'trade', symbol: 'A', price: 1, exchangeTimeUs: 5, receiveTimeUs: 6 };
    expect(lines.read(JSON.stringify(tick))).toEqual({ outcome: 'tick', tick, timeUs: 5 });
    expect(lines.read('{"receiveTimeUs":6}')).toMatchObject({ timeUs: 6 });
    expect(lines.read('{"exchangeTimeNs":"1577898000000065000"}')).toMatchObject({
      timeUs: 1_577_898_000_000_065,
    });
    expect(lines.read('{}')).toMatchObject({ timeUs: null });
  });

  it.each(['{"type":', '[1]', 'null', '5', 'trade'])('says that %s is no tick', (line) => {
    expect(lines.read(line)).toMatchObject({ outcome: 'fault' });
  });
});

import { type ColumnMap, ColumnMapFault, columnMap } from './column-map.js';

function map(text: string | null, header: string[] = []): ColumnMap {
  const made = columnMap(text, header);
  if (made instanceof ColumnMapFault) throw new Error(made.message);
  return made;
}

describe('columnMap', () => {
  it('takes numbers, formats and constants', () => {
    const made = map('time=0:yyyyMMdd HHmmssSSS,bidPrice=1,askPrice=2,symbol:EURUSD');
    expect(made).toMatchObject({
      places: { bidPrice: 1, askPrice: 2 },
      constants: { symbol: 'EURUSD' },
      named: false,
    });
    expect(made.time!.place).toBe(0);
    expect(made.time!.parse('20200101 170000065')).toBe(1_577_898_000_065_000);
  });

  it('takes names of the header, blanks around them, and a format with colons', () => {
    const made = map(' symbol = Ticker , price=Last Price, time=Stamp:yyyy-MM-dd HH:mm:ss', [
      'Stamp',
      'Ticker',
      'Last Price',
    ]);
    expect(made).toMatchObject({ places: { symbol: 1, price: 2 }, named: true });
    expect(made.time!.parse('2020-01-01 17:00:00')).toBe(1_577_898_000_000_000);
  });

  it('reads the fields from the header when there is no map', () => {
    const made = map(null, ['symbol', 'exchangeTimeNs', 'price', 'size', 'venue']);
    expect(made.places).toEqual({ symbol: 0, price: 2, size: 3 });
    expect(made.time!.parse('1577898000000065999')).toBe(1_577_898_000_000_065);
  });

  it.each([
    ['', 'expected field=column'],
    ['bidPrice', 'was "bidPrice"'],
    ['symbol:A,price=', 'price has neither'],
    ['symbol:A,prize=1', 'there is no field "prize"'],
    ['symbol:A,price=1,price=2', 'price is given twice'],
    ['symbol:A,price=1,time=2,exchangeTimeUs=3', 'time is given twice'],
    ['symbol:A,price=1:us', 'price has a format'],
    ['symbol:A,price=1,time:5', 'time needs a column'],
    ['symbol:A,price=1,time=0:HHmm', 'no time format'],
    ['symbol:A,price=Last', 'no column "Last"; it has: a, b'],
    ['symbol:A,price=1,type:bar', 'type is "bar"; allowed: quote, trade'],
    ['price=1', 'nothing gives the symbol'],
    ['symbol:A,bidPrice=1', 'neither price, nor bidPrice and askPrice'],
  ])('refuses "%s"', (text, words) => {
    const made = columnMap(text, ['a', 'b']);
    expect(made).toBeInstanceOf(ColumnMapFault);
    expect((made as ColumnMapFault).message).toContain(words);
  });

  it('says what to do when the header has no fields and there is no map', () => {
    const made = columnMap(null, ['20200101', '1.1', '1.2']);
    expect((made as ColumnMapFault).message).toContain('give a map');
  });
});

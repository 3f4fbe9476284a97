/** The table. It is drawn when rows come or go; what changes inside a row are single text nodes. */

import type { Cell, WatchRow } from './watch-row.js';
import type { Watchlist } from './watchlist.js';

const COLUMNS = [
  ['symbol', 'Symbol'],
  ['last', 'Last'],
  ['change', 'Change'],
  ['bid-size', 'Bid size'],
  ['bid', 'Bid'],
  ['ask', 'Ask'],
  ['ask-size', 'Ask size'],
  ['high', 'High'],
  ['low', 'Low'],
  ['volume', 'Volume'],
  ['trades', 'Trades'],
  ['age', 'Age'],
  ['remove', ''],
] as const;

/** Columns between the symbol and the button. */
const REFUSED = COLUMNS.slice(1, -1).map(([name]) => name);

export function WatchlistTable({
  watchlist,
  onRemove,
}: {
  watchlist: Watchlist;
  onRemove: (symbol: string) => void;
}) {
  const rows = watchlist.rows.value;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="scroll" aria-label="Watchlist" tabIndex={0}>
      <table>
        <caption class="unseen">
          Live prices. Age is the time since a symbol last changed here; change is since the previous close,
          or since the open.
        </caption>
        <colgroup>
          {COLUMNS.map(([name]) => (
            <col key={name} class={`column-${name}`} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {COLUMNS.map(([name, title]) => (
              <th key={name} scope="col" class={name}>
                {title === '' ? <span class="unseen">Remove</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.symbol} row={row} onRemove={onRemove} />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty">No symbols yet. Add some above, such as AAPL or BTC-USD.</p>}
    </section>
  );
}

function Row({ row, onRemove }: { row: WatchRow; onRemove: (symbol: string) => void }) {
  const refusal = row.refusal.value;
  return (
    <tr class={refusal === null ? row.marks : 'refused'} data-symbol={row.symbol}>
      <th scope="row" class="symbol">
        <span class="name">{row.symbol}</span>
        <span class="badge" title={row.badgeTitle}>
          {row.badge}
        </span>
      </th>
      {refusal === null ? (
        <>
          <Value name="last" cell={row.last} />
          <td class="change" title={row.changeFrom}>
            <span class={row.direction}>{row.change.text}</span>
          </td>
          <Value name="bid-size" cell={row.bidSize} />
          <Value name="bid" cell={row.bid} />
          <Value name="ask" cell={row.ask} />
          <Value name="ask-size" cell={row.askSize} />
          <Value name="high" cell={row.high} />
          <Value name="low" cell={row.low} />
          <td class="volume">{row.volume.text}</td>
          <td class="trades">{row.trades.text}</td>
          <td class="age">{row.age.text}</td>
        </>
      ) : (
        // One cell per column all the same: on a phone most of them are not shown.
        REFUSED.map((name, i) => (
          <td key={name} class={`${name} ${i === 0 ? 'refusal' : ''}`}>
            {i === 0 && refusal}
          </td>
        ))
      )}
      <td class="remove">
        <button type="button" aria-label={`Remove ${row.symbol}`} onClick={() => onRemove(row.symbol)}>
          ×
        </button>
      </td>
    </tr>
  );
}

function Value({ name, cell }: { name: string; cell: Cell }) {
  return (
    <td class={name}>
      <span class={cell.flash}>{cell.text}</span>
    </td>
  );
}

/** The whole first screen. */
import type { Codec, StreamState } from '#client';
import { CLOSE_CODES } from '#wire';
import { AddSymbols } from './add-symbols.js';
import { ConnectionBar } from './connection-bar.js';
import { TokenForm } from './token-form.js';
import type { Watchlist } from './watchlist.js';
import { WatchlistTable } from './watchlist-table.js';

export interface ScreenCalls {
  add(symbols: readonly string[]): readonly string[];
  remove(symbol: string): void;
  retry(): void;
  token(token: string): void;
}

export function Screen({
  watchlist,
  codec,
  calls,
}: {
  watchlist: Watchlist;
  codec: Codec;
  calls: ScreenCalls;
}) {
  const connection = watchlist.connection.value;
  return (
    <>
      <header>
        <h1>Tickcast</h1>
        <ConnectionBar watchlist={watchlist} codec={codec} onRetry={calls.retry} />
        <AddSymbols onAdd={calls.add} />
      </header>
      <main class={connection.kind === 'open' ? '' : 'offline'}>
        {wantsToken(connection) && <TokenForm onToken={calls.token} />}
        <WatchlistTable watchlist={watchlist} onRemove={calls.remove} />
      </main>
    </>
  );
}

function wantsToken(state: StreamState): boolean {
  return state.kind === 'closed' && state.code === CLOSE_CODES.unauthenticated;
}

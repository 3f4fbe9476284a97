/** Wires the page: its address, the client, the rows, the screen. */

import { render } from 'preact';
import { StreamClient } from '#client';
import { pageOptions, queryWith } from './page-options.js';
import { Screen, type ScreenCalls } from './screen.js';
import { Watchlist } from './watchlist.js';

/** For this tab only, so that a reload does not ask again. */
const TOKEN = 'tickcast.token';

const { symbols, codec } = pageOptions(location.search);
const client = new StreamClient({
  url: streamUrl(),
  codec,
  token: () => {
    const token = sessionStorage.getItem(TOKEN);
    // The service answers that an empty token is none, and the screen asks for one.
    return token ?? '';
  },
});
const watchlist = new Watchlist(client);
watchlist.add(symbols);

const calls: ScreenCalls = {
  add(added) {
    const roomless = watchlist.add(added);
    remember();
    return roomless;
  },
  remove(symbol) {
    watchlist.remove(symbol);
    remember();
  },
  retry() {
    client.retryNow();
    client.connect();
  },
  token(token) {
    sessionStorage.setItem(TOKEN, token);
    client.connect();
  },
};

/** The page's own service, also behind a proxy under another path. */
function streamUrl(): string {
  const url = new URL('v1/stream', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '';
  url.hash = '';
  return url.href;
}

function remember(): void {
  history.replaceState(null, '', queryWith(location.search, watchlist.symbols));
}

addEventListener('online', () => client.retryNow());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') client.retryNow();
});

const screen = document.getElementById('screen');
if (screen === null) throw new Error('Expected an element with the id screen');
render(<Screen watchlist={watchlist} codec={codec} calls={calls} />, screen);
client.connect();

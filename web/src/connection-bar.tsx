/** How the connection is, in one line. */
import type { Codec, StreamState } from '#client';
import { ageText, UNKNOWN } from './number-text.js';
import type { Watchlist } from './watchlist.js';

export function ConnectionBar({
  watchlist,
  codec,
  onRetry,
}: {
  watchlist: Watchlist;
  codec: Codec;
  onRetry: () => void;
}) {
  const state = watchlist.connection.value;
  return (
    <div class="bar">
      <p class={`state ${state.kind}`} role="status">
        <span class="dot" aria-hidden="true" />
        {words(state)}
        {state.kind === 'waiting' && <RetryIn watchlist={watchlist} retryAtMs={state.retryAtMs} />}
      </p>
      {(state.kind === 'waiting' || state.kind === 'closed') && (
        <button type="button" onClick={onRetry}>
          Connect now
        </button>
      )}
      <dl>
        <Fact name="Codec" value={codec} />
        <Updates watchlist={watchlist} />
        <Age name="Newest" ms={watchlist.newestAgeMs.value} />
        <Age name="Heartbeat" ms={watchlist.heartbeatAgeMs.value} />
      </dl>
    </div>
  );
}

function words(state: StreamState): string {
  switch (state.kind) {
    case 'idle':
      return 'Not connected';
    case 'connecting':
      return 'Connecting';
    case 'open':
      return 'Live';
    case 'waiting':
      return `Connection lost${because(state.reason)}`;
    case 'closed':
      return `Disconnected${because(state.reason)}`;
  }
}

function because(reason: string): string {
  return reason === '' ? '' : `: ${reason.replaceAll('_', ' ')}`;
}

/** Not part of the announced text: it changes every second. */
function RetryIn({ watchlist, retryAtMs }: { watchlist: Watchlist; retryAtMs: number }) {
  const seconds = Math.ceil(Math.max(0, retryAtMs - watchlist.nowMs.value) / 1000);
  return (
    <span class="retry" aria-hidden="true">
      again in {seconds} s
    </span>
  );
}

function Updates({ watchlist }: { watchlist: Watchlist }) {
  return <Fact name="Updates/s" value={String(watchlist.updatesPerSecond.value)} />;
}

function Age({ name, ms }: { name: string; ms: number | null }) {
  return <Fact name={name} value={ms === null ? UNKNOWN : ageText(ms)} />;
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/**
 * The rows of the screen and the client that feeds them. Records mark rows; once per animation frame the marked rows
 * are drawn, however many records came: a hidden page draws nothing, and misses nothing.
 */

import { batch, signal } from '@preact/signals';
import { type StreamClient, type StreamState, type SymbolState, systemStreamClock } from '#client';
import { ROWS_MAX } from './page-options.js';
import { WatchRow } from './watch-row.js';

const AGES_EVERY_MS = 500;
/** Updates per second are counted over this many of those. */
const RATE_STEPS = 4;

export class Watchlist {
  readonly rows = signal<readonly WatchRow[]>([]);
  readonly connection = signal<StreamState>({ kind: 'idle' });
  readonly updatesPerSecond = signal(0);
  /** ms since the newest update of any row; null before the first. */
  readonly newestAgeMs = signal<number | null>(null);
  /** ms since the last heartbeat; null without one. */
  readonly heartbeatAgeMs = signal<number | null>(null);
  /** Now, on the client's clock; goes on with the ages. */
  readonly nowMs = signal(systemStreamClock.nowMs());
  private readonly rowsBySymbol = new Map<string, WatchRow>();
  private readonly marked = new Set<WatchRow>();
  private readonly counted: number[] = [];
  private heartbeatAtMs: number | null = null;
  private frame = 0;

  constructor(private readonly client: StreamClient) {
    const mark = (state: SymbolState): void => this.mark(state);
    client.on('image', mark);
    client.on('update', mark);
    client.on('status', mark);
    client.on('stale', mark);
    client.on('fresh', mark);
    client.on('subscribed', ({ symbol }) => this.refuse(symbol, null));
    client.on('refused', ({ channel, message }) => this.refuse(channel.slice('ticker:'.length), message));
    client.on('heartbeat', () => {
      this.heartbeatAtMs = systemStreamClock.nowMs();
    });
    client.on('state', (state) => {
      if (state.kind !== 'open') this.heartbeatAtMs = null;
      this.connection.value = state;
    });
    setInterval(() => this.showAges(), AGES_EVERY_MS);
  }

  get symbols(): readonly string[] {
    return this.rows.value.map(({ symbol }) => symbol);
  }

  /** @returns the symbols for which there was no room */
  add(symbols: readonly string[]): readonly string[] {
    const fresh = symbols.filter((symbol) => !this.rowsBySymbol.has(symbol));
    const room = ROWS_MAX - this.rowsBySymbol.size;
    const added = fresh.slice(0, room).map((symbol) => new WatchRow(symbol));
    for (const row of added) this.rowsBySymbol.set(row.symbol, row);
    this.rows.value = [...this.rows.value, ...added];
    this.client.subscribe(added.map(({ symbol }) => `ticker:${symbol}`));
    return fresh.slice(room);
  }

  remove(symbol: string): void {
    const row = this.rowsBySymbol.get(symbol);
    if (row === undefined) return;
    this.rowsBySymbol.delete(symbol);
    this.marked.delete(row);
    this.rows.value = this.rows.value.filter((other) => other !== row);
    this.client.unsubscribe([`ticker:${symbol}`]);
  }

  private mark({ symbol }: SymbolState): void {
    const row = this.rowsBySymbol.get(symbol);
    if (row === undefined) return;
    this.marked.add(row);
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    batch(() => {
      for (const row of this.marked) {
        const state = this.client.symbol(row.symbol);
        if (state !== undefined) row.show(state);
      }
    });
    this.marked.clear();
  }

  private refuse(symbol: string | null, message: string | null): void {
    const row = this.rowsBySymbol.get(symbol ?? '');
    if (row !== undefined) row.refusal.value = message;
  }

  private showAges(): void {
    const nowMs = systemStreamClock.nowMs();
    batch(() => {
      let newestAtMs: number | null = null;
      for (const row of this.rows.value) {
        row.showAge(nowMs);
        if (row.newestAtMs !== null) newestAtMs = Math.max(newestAtMs ?? 0, row.newestAtMs);
      }
      this.newestAgeMs.value = newestAtMs === null ? null : nowMs - newestAtMs;
      this.heartbeatAgeMs.value = this.heartbeatAtMs === null ? null : nowMs - this.heartbeatAtMs;
      this.nowMs.value = nowMs;
      this.countRate();
    });
  }

  private countRate(): void {
    const { updates, images } = this.client.counters;
    this.counted.push(updates + images);
    if (this.counted.length > RATE_STEPS + 1) this.counted.shift();
    const seconds = ((this.counted.length - 1) * AGES_EVERY_MS) / 1000;
    const first = this.counted[0] ?? 0;
    this.updatesPerSecond.value = seconds === 0 ? 0 : Math.round((updates + images - first) / seconds);
  }
}

/**
 * The symbol TEST ticks once per second under the source name `test-symbol`, also when no feed is connected: whoever
 * builds a client always has something that moves. It keeps silent while another feed brings ticks of TEST.
 */
import type { Clock } from '../../../clock.js';
import type { Log } from '../../../ops/log.js';
import type { SymbolRegistry } from '../../../symbols/symbol-registry.js';
import type { BatchDoor } from '../../batch-door.js';
import type { StoredListener } from '../../batch-gate.js';
import { DoorSession, newSession } from '../door-session.js';
import type { FeedAdapter } from '../feed-adapter.js';
import type { Pauses } from '../pauses.js';
import { TEST_SYMBOL, testTicks } from './ticks.js';

const TICK_MS = 1_000;
/** TEST belongs to another feed for this long after that feed's last tick of it. */
export const OTHER_FEED_MS = 5_000;

export interface TestSymbolParts {
  readonly door: BatchDoor;
  readonly onStored: (listener: StoredListener) => () => void;
  readonly registry: Pick<SymbolRegistry, 'bySymbol'>;
  readonly clock: Clock;
  readonly pauses: Pauses;
  readonly random: () => number;
  readonly log: Log;
}

export class TestSymbolAdapter implements FeedAdapter {
  readonly name = 'test-symbol';
  private readonly stopping = new AbortController();
  private readonly session: DoorSession;
  private detach: (() => void) | undefined;
  private running: Promise<void> = Promise.resolve();
  private otherFeedMs = Number.NEGATIVE_INFINITY;
  private seconds = 0;

  constructor(private readonly parts: TestSymbolParts) {
    const { door, pauses, clock, random } = parts;
    const session = newSession(clock.nowUs(), random);
    this.session = new DoorSession(door, pauses, this.name, session, this.stopping.signal);
  }

  async start(): Promise<void> {
    const { onStored, log } = this.parts;
    this.detach = onStored((batch, ticks) => {
      if (batch.source === this.name) return;
      const sid = this.parts.registry.bySymbol(TEST_SYMBOL)?.sid;
      if (ticks.some((tick) => tick.sid === sid)) this.otherFeedMs = this.parts.clock.monotonicMs();
    });
    this.running = this.run().catch((error: unknown) =>
      log.error({ adapter: this.name, err: error }, 'test symbol broke off'),
    );
  }

  async stop(): Promise<void> {
    this.detach?.();
    this.stopping.abort();
    await this.running;
  }

  counts(): Readonly<Record<string, number>> {
    const { accepted, rejectedTotal: rejected, busy } = this.session;
    return { accepted, rejected, busy };
  }

  private async run(): Promise<void> {
    const { clock, pauses } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const beginMs = clock.monotonicMs();
      await this.tick(beginMs);
      await pauses.pause(Math.max(1, TICK_MS - (clock.monotonicMs() - beginMs)), signal);
    }
  }

  private async tick(nowMs: number): Promise<void> {
    const { clock, registry } = this.parts;
    const instrument = registry.bySymbol(TEST_SYMBOL);
    const ours = nowMs - this.otherFeedMs >= OTHER_FEED_MS;
    if (instrument === undefined || !instrument.enabled || instrument.tradingStatus !== 'open' || !ours)
      return;
    await this.session.push(testTicks(this.seconds++, instrument, clock.nowUs()));
  }
}
